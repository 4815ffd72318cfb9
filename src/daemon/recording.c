#include "daemon/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "base/version.h"
#include "history/query.h"
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

struct remembering {
    struct feed *feed;
    int64_t as_of_ms;
};

static bool state_named(const char *name, enum qhcp_state *ret)
{
    for (int s = QHCP_UP; s <= QHCP_DOWN; s++) {
        if (strcmp(qhcp_state_name((enum qhcp_state)s), name) == 0) {
            *ret = (enum qhcp_state)s;
            return true;
        }
    }
    return false;
}

static bool remember(void *ctx, const struct query_server *s)
{
    const struct remembering *r = ctx;
    struct fleet_known known;
    char time[CLOCK_TEXT];
    struct fleet_entry *e;
    uint32_t slot;

    memset(&known, 0, sizeof known); /* its bytes are compared */
    known.since_ms = s->since_ms;
    known.as_of_ms = r->as_of_ms;
    if (!state_named(s->state, &known.state) || feed_find(r->feed, s->name, &slot) != 0)
        return true;
    snprintf(known.words, sizeof known.words, "old: it was %s at %s; not checked yet", s->state,
             clock_local(r->as_of_ms, time));
    e = feed_change(r->feed, slot);
    if (e && e->verdict.state == QHCP_CONNECTING)
        (void)feed_bytes(r->feed, e, FLEET_KNOWN, &known, sizeof known);
    return true;
}

void recording_remember(const struct lb_options *o, struct feed *feed)
{
    struct remembering r = {.feed = feed};
    char path[STORE_PATH], words[400];
    const struct words w = {words, sizeof words};
    struct query *q;

    if (recording_path(o->history, o->port, path, words, sizeof words) != 0 || path[0] == '\0' ||
        query_open(path, &q, &w) != 0)
        return;
    r.as_of_ms = query_newest(q);
    (void)query_servers(q, remember, &r);
    query_close(q);
}

void recording_end(struct recording *r)
{
    recorder_end(&r->recorder);
}

void recording_silence(struct recording *r)
{
    recorder_silence(&r->recorder);
}
