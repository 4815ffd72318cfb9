#include "daemon/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/log.h"
#include "base/version.h"
#include "state/state.h"

#define DAY_MS (24 * 3600 * INT64_C(1000))

int recording_path(const char *option, uint16_t port, char ret[STORE_PATH], char *words,
                   size_t words_cap)
{
    struct state state;
    char name[40];
    int r;

    ret[0] = '\0';
    if (option && strcmp(option, "off") == 0)
        return 0;
    if (option) {
        snprintf(ret, STORE_PATH, "%s", option);
        return 0;
    }
    r = state_find(&state, words, words_cap);
    if (r != 0)
        return r;
    snprintf(name, sizeof name, "history-%u.db", port);
    state_path(&state, name, ret, STORE_PATH);
    state_close(&state);
    return 0;
}

void recording_begin(struct recording *ret, const struct lb_options *o, struct feed *feed,
                     struct serve *serve)
{
    struct recorder_config c = {.ours = !o->history,
                                .max_bytes = o->history_size * 1000000,
                                .max_age_ms = (int64_t)o->history_days * DAY_MS,
                                .version = BASE_VERSION,
                                .say = log_callback};
    char words[400] = "";
    int r = recording_path(o->history, o->port, c.path, words, sizeof words);

    *ret = (struct recording){.recorder.reader = NULL};
    if (r == 0 && c.path[0] == '\0')
        return;
    if (r == 0)
        r = recorder_begin(&ret->recorder, serve_loop(serve), feed, &c);
    if (r != 0)
        log_say(QHCP_LOG_WARNING, "there will be no history: %s",
                words[0] != '\0' ? words : qhcp_strerror(r));
}

void recording_end(struct recording *r)
{
    recorder_end(&r->recorder);
}

void recording_silence(struct recording *r)
{
    recorder_silence(&r->recorder);
}
