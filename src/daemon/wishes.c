#include "daemon/wishes.h"

#include <stdio.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "sources/servers.h"

#include <qhcp/error.h>

#define WORDS 256

/* Does w to e, or says why not. */
typedef int wish_fn(struct fleet_entry *e, const struct wish *w, char *words, size_t words_cap);

static int drain(struct fleet_entry *e, const struct wish *w, char *words, size_t words_cap)
{
    e->intent.use = w->kind == WISH_DRAIN ? FLEET_DRAIN : FLEET_IN_USE;
    snprintf(words, words_cap, "%s %s", fleet_text(e, FLEET_NAME),
             w->kind == WISH_DRAIN ? "gets no new traffic" : "is in use");
    return 0;
}

static int weigh(struct fleet_entry *e, const struct wish *w, char *words, size_t words_cap)
{
    if (w->number > FLEET_WEIGHT_MAX) {
        snprintf(words, words_cap, "%llu is not a weight: use 1 to %d",
                 (unsigned long long)w->number, FLEET_WEIGHT_MAX);
        return QHCP_E_ARG;
    }
    e->intent.weight = (uint16_t)w->number;
    snprintf(words, words_cap, "%s has weight %u", fleet_text(e, FLEET_NAME), e->intent.weight);
    return 0;
}

/* NULL: a change of the configuration file and SIGHUP do it. */
static wish_fn *const rows[WISH_KINDS] = {
    [WISH_DRAIN] = drain,
    [WISH_UNDRAIN] = drain,
    [WISH_WEIGHT] = weigh,
};

static void tell(struct feed *feed, uint32_t slot, const struct wish *w, qhcp_nsec now)
{
    const struct fleet_entry *e = feed_at(feed, slot);
    struct fleet_change c = {.kind = FLEET_INTENT,
                             .slot = slot,
                             .key = e->key,
                             .to = (uint8_t)e->intent.use,
                             .cause = QHCP_CAUSE_OPERATOR,
                             .at = now,
                             .at_ms = clock_wall_ms()};
    const struct fleet_entry *before = snapshot_at(feed_current(feed), slot);

    c.from = (uint8_t)(before ? before->intent.use : FLEET_IN_USE);
    snprintf(c.name, sizeof c.name, "%s", fleet_text(e, FLEET_NAME));
    snprintf(c.words, sizeof c.words, "%s", w->words);
    snprintf(c.who, sizeof c.who, "%s", w->who);
    feed_tell(feed, &c);
}

static int fulfil(struct feed *feed, const struct wish *w, qhcp_nsec now, char *words,
                  size_t words_cap)
{
    wish_fn *fn = rows[w->kind];
    struct fleet_entry *e;
    char name[ADDRESS_KEY];
    uint32_t slot;
    int r;

    servers_key(w->server, name);
    if (!fn) {
        snprintf(words, words_cap, "change the configuration file, and reload it");
        return QHCP_E_ARG;
    }
    if (feed_find(feed, name, &slot) != 0) {
        snprintf(words, words_cap, "\"%.200s\" is not watched", w->server);
        return QHCP_E_NOT_FOUND;
    }
    e = feed_change(feed, slot);
    if (!e) {
        snprintf(words, words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    r = fn(e, w, words, words_cap);
    if (r == 0)
        tell(feed, slot, w, now);
    return r;
}

static void on_wishes(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct wishes *all = ctx;
    char words[WORDS];
    struct wish w;

    (void)ready;
    while (wish_take(all->feed, &w)) {
        int r = fulfil(all->feed, &w, now, words, sizeof words);

        if (r == 0)
            log_say(QHCP_LOG_INFO, "the operator says %s: %s", wish_row(w.kind)->name, words);
        wish_answer(all->feed, &w, r, words);
    }
}

void wishes_begin(struct wishes *w, struct loop *loop, struct feed *feed)
{
    w->feed = feed;
    loop_watch(loop, &w->watch, wish_fd(feed), LOOP_READABLE, on_wishes, w);
}

void wishes_end(struct wishes *w)
{
    loop_unwatch(&w->watch);
}
