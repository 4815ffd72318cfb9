#include "daemon/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/log.h"
#include "base/version.h"
#include "state/state.h"

#define MAIL 16 /* messages that may wait for the watching thread's turn */
#define WORDS 1800
#define DAY_MS (24 * 3600 * INT64_C(1000))

struct said {
    struct mail mail;
    enum qhcp_log_level level;
    char words[WORDS];
};

static void drop(struct mail *mail)
{
    free((struct said *)mail);
}

static void log_it(struct mail *mail, qhcp_nsec now)
{
    struct said *s = (struct said *)mail;

    (void)now;
    log_say(s->level, "%s", s->words);
    free(s);
}

/* On the thread that serves.  What finds no room is not said: its like is on its way. */
static void say(void *ctx, enum qhcp_log_level level, const char *words)
{
    struct recording *r = ctx;
    struct said *s = malloc(sizeof *s);

    if (!s)
        return;
    s->mail = (struct mail){.open = log_it, .drop = drop};
    s->level = level;
    snprintf(s->words, sizeof s->words, "%s", words);
    if (mailbox_put(r->said, &s->mail) != 0)
        free(s);
}

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
                     struct loop *watching, struct serve *serve)
{
    struct recorder_config c = {.ours = !o->history,
                                .max_bytes = o->history_size * 1000000,
                                .max_age_ms = (int64_t)o->history_days * DAY_MS,
                                .version = BASE_VERSION,
                                .say = say,
                                .ctx = ret};
    char words[400] = "";
    int r = recording_path(o->history, o->port, c.path, words, sizeof words);

    *ret = (struct recording){.said = NULL};
    if (r == 0 && c.path[0] == '\0')
        return;
    if (r == 0)
        r = mailbox_new(watching, MAIL, &ret->said);
    if (r == 0)
        r = recorder_begin(&ret->recorder, serve_loop(serve), feed, &c);
    if (r != 0)
        log_say(QHCP_LOG_WARNING, "there will be no history: %s",
                words[0] != '\0' ? words : qhcp_strerror(r));
}

void recording_end(struct recording *r)
{
    recorder_end(&r->recorder);
    mailbox_free(r->said);
    r->said = NULL;
}

void recording_silence(struct recording *r)
{
    recorder_silence(&r->recorder);
}
