#include "daemon/wishes.h"

#include <stdio.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "base/value.h"
#include "daemon/publisher.h"
#include "sources/servers.h"

#include <qhcp/error.h>

#define WORDS 256

/* What a wish is done with. */
struct doing {
    struct feed *feed;
    const struct wish *wish;
    qhcp_nsec now;
    char *words; /* what is in force now, or why not */
    size_t words_cap;
};

/* Does the wish to e, or says why not. */
typedef int wish_fn(const struct doing *d, struct fleet_entry *e);

static void set_use(struct feed *feed, struct fleet_entry *e, enum fleet_intent_use use,
                    const struct wish *w, qhcp_nsec now)
{
    e->intent.use = use;
    e->intent.since_ms = use == FLEET_IN_USE ? 0 : clock_wall_ms();
    e->intent.until = use == FLEET_IN_USE || w->lasts == 0 ? 0 : nsec_add(now, w->lasts);
    (void)feed_text(feed, e, FLEET_WHY, use == FLEET_IN_USE ? "" : w->words);
    (void)feed_text(feed, e, FLEET_WHO, use == FLEET_IN_USE ? "" : w->who);
}

static int use(const struct doing *d, struct fleet_entry *e)
{
    static const struct {
        enum fleet_intent_use use;
        const char *words;
    } uses[] = {
        [WISH_DRAIN] = {FLEET_DRAIN, "gets no new traffic"},
        [WISH_UNDRAIN] = {FLEET_IN_USE, "is in use"},
        [WISH_MAINTENANCE] = {FLEET_MAINTENANCE, "is in maintenance"},
    };
    const struct wish *w = d->wish;
    char lasts[32] = "";

    set_use(d->feed, e, uses[w->kind].use, w, d->now);
    if (e->intent.until > 0)
        value_duration_text(w->lasts, lasts, sizeof lasts);
    snprintf(d->words, d->words_cap, "%s %s%s%s", fleet_text(e, FLEET_LABEL), uses[w->kind].words,
             lasts[0] != '\0' ? " for " : "", lasts);
    return 0;
}

static int weigh(const struct doing *d, struct fleet_entry *e)
{
    if (d->wish->number > FLEET_WEIGHT_MAX) {
        snprintf(d->words, d->words_cap, "%llu is not a weight: use 0 to %d",
                 (unsigned long long)d->wish->number, FLEET_WEIGHT_MAX);
        return QHCP_E_ARG;
    }
    e->intent.weight = (uint16_t)d->wish->number;
    e->intent.weighed = e->intent.weight != e->intent.listed;
    snprintf(d->words, d->words_cap, "%s has weight %u%s", fleet_text(e, FLEET_LABEL),
             e->intent.weight, e->intent.weighed ? "" : ", as in the list");
    return 0;
}

/* NULL: it is of no server, or a change of the configuration does it. */
static wish_fn *const rows[WISH_KINDS] = {
    [WISH_DRAIN] = use,
    [WISH_UNDRAIN] = use,
    [WISH_MAINTENANCE] = use,
    [WISH_WEIGHT] = weigh,
};

/* from: what was wanted of it before. */
static void tell(struct feed *feed, uint32_t slot, enum fleet_intent_use from, const struct wish *w,
                 qhcp_nsec now)
{
    const struct fleet_entry *e = feed_at(feed, slot);
    struct fleet_change c = {.kind = FLEET_INTENT,
                             .slot = slot,
                             .key = e->key,
                             .from = (uint8_t)from,
                             .to = (uint8_t)e->intent.use,
                             .cause = QHCP_CAUSE_OPERATOR,
                             .at = now,
                             .at_ms = clock_wall_ms()};

    snprintf(c.name, sizeof c.name, "%s", fleet_text(e, FLEET_NAME));
    publisher_label(e, c.label);
    if (w->kind == WISH_WEIGHT)
        snprintf(c.words, sizeof c.words, "weight %u%s%.200s", e->intent.weight,
                 w->words[0] != '\0' ? ": " : "", w->words);
    else
        snprintf(c.words, sizeof c.words, "%s", w->words);
    snprintf(c.who, sizeof c.who, "%s", w->who);
    feed_tell(feed, &c);
}

/* The server of this address or name. */
static int find(const struct feed *feed, const char *server, uint32_t *ret_slot)
{
    char name[ADDRESS_KEY];

    servers_key(server, name);
    if (name[0] != '\0')
        return feed_find(feed, name, ret_slot);
    return snapshot_find(feed_current(feed), server, ret_slot) ? 0 : QHCP_E_NOT_FOUND;
}

static void keep(struct wishes *all, const struct fleet_entry *e, const struct wish *w)
{
    if (intents_take(&all->kept.intents, e, w, clock_wall_ms()) != 0)
        log_say(QHCP_LOG_WARNING, "%s: out of memory: a restart ends this",
                fleet_text(e, FLEET_NAME));
}

static int fulfil(struct wishes *all, const struct doing *d)
{
    wish_fn *fn = rows[d->wish->kind];
    enum fleet_intent_use before;
    struct fleet_entry *e;
    uint32_t slot;
    int r;

    if (!fn) {
        snprintf(d->words, d->words_cap, "change the configuration file, and reload it");
        return QHCP_E_ARG;
    }
    if (find(d->feed, d->wish->server, &slot) != 0) {
        snprintf(d->words, d->words_cap,
                 "\"%.200s\" is not watched: qhcp status shows which servers are", d->wish->server);
        return QHCP_E_NOT_FOUND;
    }
    e = feed_change(d->feed, slot);
    if (!e) {
        snprintf(d->words, d->words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    before = e->intent.use;
    r = fn(d, e);
    if (r == 0) {
        tell(d->feed, slot, before, d->wish, d->now);
        keep(all, e, d->wish);
    }
    return r;
}

static int reload(const struct wishes *all, const struct doing *d)
{
    if (all->host.reload)
        return all->host.reload(all->host.ctx, d->now, d->wish, d->words, d->words_cap);
    snprintf(d->words, d->words_cap, "there is no configuration to read again");
    return QHCP_E_ARG;
}

static int config(const struct wishes *all, const struct doing *d)
{
    if (all->host.config)
        return all->host.config(all->host.ctx, d->now, d->wish, d->words, d->words_cap);
    snprintf(d->words, d->words_cap, "no option can change here");
    return QHCP_E_ARG;
}

/* What is of no server, or of one.  0, QHCP_E_* or WISHES_LATER. */
static int act(struct wishes *all, const struct doing *d)
{
    if (all->over) {
        snprintf(d->words, d->words_cap, "another load balancer has taken over: ask again");
        return QHCP_E_STOPPING;
    }
    if (d->wish->kind == WISH_RELOAD)
        return reload(all, d);
    return d->wish->kind == WISH_CONFIG ? config(all, d) : fulfil(all, d);
}

static void on_wishes(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct wishes *all = ctx;
    char words[WORDS];
    struct wish w;

    (void)ready;
    while (wish_take(all->feed, &w)) {
        const struct doing d = {all->feed, &w, now, words, sizeof words};
        int r = act(all, &d);

        if (r == WISHES_LATER)
            continue;
        if (r == 0)
            log_say(QHCP_LOG_INFO, "%s by %s: %s", wish_row(w.kind)->name,
                    w.who[0] != '\0' ? w.who : "the operator", words);
        if (r == 0 && w.lasts > 0)
            all->end_at = nsec_min(all->end_at, nsec_add(now, w.lasts));
        if (r == 0 && rows[w.kind])
            intents_file_answer(&all->kept, &w, words);
        else
            wish_answer(all->feed, &w, r, words);
    }
}

static const struct wish time_is_over = {.kind = WISH_UNDRAIN,
                                         .words = "the time that was given is over"};

/* A drain or a maintenance whose time is over. */
static void end_one(struct wishes *all, uint32_t slot, qhcp_nsec now)
{
    struct fleet_entry *e = feed_change(all->feed, slot);
    enum fleet_intent_use before;

    if (!e) /* no memory: it stays */
        return;
    before = e->intent.use;
    set_use(all->feed, e, FLEET_IN_USE, &time_is_over, now);
    tell(all->feed, slot, before, &time_is_over, now);
    keep(all, e, &time_is_over);
    intents_file_write(&all->kept);
    log_say(QHCP_LOG_INFO, "%s is in use again: %s", fleet_text(e, FLEET_LABEL),
            time_is_over.words);
}

static void end_those(void *ctx, qhcp_nsec now)
{
    struct wishes *all = ctx;
    const struct fleet_snapshot *s = feed_current(all->feed);
    const struct fleet_entry *e;

    if (all->kept.again_at > 0 && all->kept.again_at <= now)
        intents_file_write(&all->kept);
    all->end_at = NSEC_NEVER;
    for (uint32_t at = 0; at < s->slots; at++) {
        e = feed_at(all->feed, at);
        if (!e || e->intent.until == 0)
            continue;
        if (e->intent.until <= now)
            end_one(all, at, now);
        else
            all->end_at = nsec_min(all->end_at, e->intent.until);
    }
    loop_again(all->part.loop); /* it is published in this turn */
}

static qhcp_nsec deadline(void *ctx)
{
    const struct wishes *all = ctx;
    qhcp_nsec again = all->kept.again_at > 0 ? all->kept.again_at : NSEC_NEVER;

    return all->over ? NSEC_NEVER : nsec_min(all->end_at, again);
}

void wishes_begin(struct wishes *w, struct loop *loop, struct feed *feed,
                  const struct wishes_host *host)
{
    *w = (struct wishes){.feed = feed, .kept = {.feed = feed, .loop = loop}, .end_at = NSEC_NEVER};
    if (host)
        w->host = *host;
    w->part =
        (struct loop_part){.name = "wishes", .ctx = w, .deadline = deadline, .expire = end_those};
    loop_watch(loop, &w->watch, wish_fd(feed), LOOP_READABLE, on_wishes, w);
    loop_add(loop, &w->part);
}

void wishes_end(struct wishes *w)
{
    loop_unwatch(&w->watch);
    loop_remove(&w->part);
    intents_file_end(&w->kept);
}

void wishes_keep(struct wishes *w, struct serve *serve, uint16_t port)
{
    intents_file_begin(&w->kept, w->feed, w->part.loop, serve, port);
}

void wishes_hand_over(struct wishes *w)
{
    w->over = true;
}

bool wishes_busy(const struct wishes *w)
{
    return w->kept.busy;
}

/* Now, on the clock that waits; a time that is past is at once. */
static qhcp_nsec monotonic(int64_t ms, qhcp_nsec now)
{
    int64_t left = ms - clock_wall_ms();

    return left > 0 ? nsec_add(now, (qhcp_nsec)left * NSEC_PER_MSEC) : now;
}

static void say_restored(const struct fleet_entry *e, const struct intent *one)
{
    static const char *const words[] = {"in use", "drained", "in maintenance"};
    char until[CLOCK_TEXT] = "";

    if (one->until_ms > 0)
        clock_local(one->until_ms, until);
    if (one->use != FLEET_IN_USE)
        log_say(QHCP_LOG_INFO, "%s stays %s%s%s, as before: by %s%s%s", fleet_text(e, FLEET_LABEL),
                words[one->use], until[0] ? " until " : "", until, one->used.who,
                one->used.why[0] ? ": " : "", one->used.why);
    if (one->weighed)
        log_say(QHCP_LOG_INFO, "%s keeps weight %u, as before: by %s%s%s",
                fleet_text(e, FLEET_LABEL), one->weight, one->weighted.who,
                one->weighted.why[0] ? ": " : "", one->weighted.why);
}

/* What was wanted of it is wanted again.  Where the time is over meanwhile, that is found at once
 * (end_those), and told as if we had been there. */
static void restore(struct wishes *w, qhcp_nsec now, struct fleet_entry *e,
                    const struct intent *one)
{
    const struct fleet_intent before = e->intent;

    e->intent.use = one->use;
    e->intent.since_ms = one->used.since_ms;
    e->intent.until = one->until_ms > 0 ? monotonic(one->until_ms, now) : 0;
    (void)feed_text(w->feed, e, FLEET_WHY, one->used.why);
    (void)feed_text(w->feed, e, FLEET_WHO, one->used.who);
    e->intent.weighed = one->weighed;
    e->intent.weight = one->weighed ? one->weight : e->intent.listed;
    if (e->intent.until > 0)
        w->end_at = nsec_min(w->end_at, e->intent.until);
    if (before.use != e->intent.use || before.weight != e->intent.weight)
        say_restored(e, one);
}

void wishes_listed(struct wishes *w, qhcp_nsec now, const char *address)
{
    char name[ADDRESS_KEY];
    struct fleet_entry *e;
    struct intent *one;
    uint32_t slot;

    servers_key(address, name);
    one = intents_find(&w->kept.intents, name);
    if (!one || one->gone_ms == 0 || feed_find(w->feed, name, &slot) != 0 ||
        !(e = feed_change(w->feed, slot)))
        return;
    one->gone_ms = 0;
    restore(w, now, e, one);
}

void wishes_unlisted(struct wishes *w, const char *address)
{
    struct intent *one;
    char name[ADDRESS_KEY];

    servers_key(address, name);
    one = intents_find(&w->kept.intents, name);
    if (one)
        one->gone_ms = clock_wall_ms();
}

void wishes_take_over(struct wishes *w, qhcp_nsec now)
{
    static const struct intent nothing = {.use = FLEET_IN_USE};
    const struct fleet_snapshot *s = feed_current(w->feed);

    intents_file_again(&w->kept);
    for (uint32_t at = 0; at < s->slots; at++) {
        const struct fleet_entry *is = feed_at(w->feed, at);
        struct intent *one = is ? intents_find(&w->kept.intents, fleet_text(is, FLEET_NAME)) : NULL;
        bool any = is && (is->intent.use != FLEET_IN_USE || is->intent.weighed);
        struct fleet_entry *e = one || any ? feed_change(w->feed, at) : NULL;

        if (one)
            one->gone_ms = 0;
        if (e)
            restore(w, now, e, one ? one : &nothing);
    }
}
