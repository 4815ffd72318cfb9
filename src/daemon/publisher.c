#include "daemon/publisher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "daemon/reported.h"
#include "sources/listed.h"
#include "sources/servers.h"

#define LOOK NSEC_PER_SEC       /* from look to look at a server's figures */
#define ALL (50 * NSEC_PER_SEC) /* the same at everybody's: the history has a sample a minute */
#define SLICE 1000              /* servers that are looked at in a turn: a millisecond */
#define NAMES (QHCP_VALUES * (sizeof((struct qhcp_value *)0)->name + 1))
#define RING_MOST 65536    /* 70 MB, once so much has changed */
#define WORDS_AT_ONCE 1000 /* servers whose words are looked at in a turn: a few ms */

static qhcp_nsec deadline(void *ctx)
{
    const struct publisher *p = ctx;

    return nsec_min(p->look_at, p->n > 0 ? p->all_at : NSEC_NEVER);
}

void publisher_label(const struct fleet_entry *e, char ret[FLEET_LABEL_MAX])
{
    const char *label = fleet_text(e, FLEET_LABEL);

    snprintf(ret, FLEET_LABEL_MAX, "%s", strchr(label, ':') ? "" : label); /* no name has one */
}

static void tell(struct feed *feed, enum fleet_kind kind, uint32_t slot, const char *words)
{
    const struct fleet_entry *e = feed_at(feed, slot);
    struct fleet_change c = {.kind = (uint8_t)kind,
                             .slot = slot,
                             .key = e->key,
                             .at = loop_now(),
                             .at_ms = clock_wall_ms()};

    snprintf(c.name, sizeof c.name, "%s", fleet_text(e, FLEET_NAME));
    publisher_label(e, c.label);
    snprintf(c.words, sizeof c.words, "%s", words);
    feed_tell(feed, &c);
}

/* New servers are told of at the end of the turn, when what the list says of them is known. */
static void tell_added(struct publisher *p)
{
    for (; p->untold < p->n; p->untold++) {
        if (!p->at[p->untold].told && p->at[p->untold].slot != FLEET_NOBODY)
            tell(p->feed, FLEET_ADDED, p->at[p->untold].slot, "");
        p->at[p->untold].told = true;
    }
}

static void look_at_self(struct publisher *p, qhcp_nsec now)
{
    struct fleet_self *self = feed_self(p->feed);
    struct qhcp_self view;

    qhcp_lb_self(p->core, now, &view);
    self->local_score = view.local_score;
    self->suspects = (uint32_t)view.suspects;
    self->held = (uint32_t)view.held;
    self->lateness = view.lateness;
}

static void turn(void *ctx, qhcp_nsec now)
{
    struct publisher *p = ctx;

    tell_added(p);
    if (p->held_news)
        look_at_self(p, now);
    p->held_news = false;
    (void)feed_publish(p->feed, now, clock_wall_ms()); /* where there is no memory, the next time */
}

/* The names of its values are those that it had; they are others after a new session at most. */
static bool same_names(const struct fleet_entry *e, const struct qhcp_view *v)
{
    const struct fleet_bytes *names = e->text[FLEET_METRICS];
    size_t at = 0, size = names ? names->n : 0;

    for (size_t i = 0; i < v->n_values; i++) {
        if (at >= size || names->at[at] != (char)('0' + v->values[i].unit) ||
            strcmp(names->at + at + 1, v->values[i].name) != 0)
            return false;
        at += strlen(names->at + at) + 1;
    }
    return at == size;
}

static void put_names(struct feed *feed, struct fleet_entry *e, const struct qhcp_view *v)
{
    char names[NAMES];
    size_t n = 0;

    for (size_t i = 0; i < v->n_values; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%c%s", (char)('0' + v->values[i].unit),
                              v->values[i].name) +
             1;
    (void)feed_bytes(feed, e, FLEET_METRICS, names, n);
}

static void put_values(struct feed *feed, struct fleet_entry *e, const struct qhcp_view *v)
{
    uint64_t values[QHCP_VALUES];

    for (size_t i = 0; i < v->n_values; i++)
        values[i] = v->values[i].value;
    if (!same_names(e, v))
        put_names(feed, e, v);
    (void)feed_bytes(feed, e, FLEET_VALUES, values, v->n_values * sizeof values[0]);
}

static void put_figures(struct feed *feed, struct fleet_entry *e, const struct qhcp_view *v,
                        qhcp_nsec now)
{
    e->verdict.own_share = (uint16_t)v->own_share;
    e->verdict.fails = v->fails;
    e->verdict.false_verdicts = v->false_verdicts;
    e->verdict.rtt_us = v->rtt_us;
    e->verdict.checks_sent = v->checks_sent;
    e->verdict.checks_ok = v->checks_ok;
    if (e->report.number != v->reports)
        e->report.at = now;
    e->report.number = v->reports;
    e->report.utilization = reported_utilization(v);
    e->report.rate = reported_value(v, "requests_per_second");
    e->report.in_flight = reported_value(v, "requests_in_flight");
    e->report.latency_us = reported_value(v, "request_latency_p50_us");
    put_values(feed, e, v);
}

/* The figures of this server were looked at. */
static void looked(struct publisher *p, size_t index, struct fleet_entry *e, qhcp_nsec now)
{
    bool counts = e->report.in_flight != FLEET_UNKNOWN;

    p->n_counts += counts;
    p->n_counts -= p->at[index].counts;
    p->at[index].counts = counts;
    p->at[index].stale = false;
    if (p->traffic)
        e->traffic = p->traffic(p->traffic_ctx, fleet_text(e, FLEET_ADDRESS));
    if (counts && p->balanced)
        p->look_at = nsec_min(p->look_at, nsec_add(now, LOOK));
}

static void put_told(struct publisher *p, size_t index, struct fleet_entry *e)
{
    char services[QHCP_SERVICES][QHCP_SERVICE], all[sizeof services];
    size_t n = qhcp_lb_services(p->core, index, services, QHCP_SERVICES), size = 0;
    struct qhcp_check_view checks[QHCP_CHECKS];

    for (size_t i = 0; i < n; i++)
        size += (size_t)snprintf(all + size, sizeof all - size, "%s", services[i]) + 1;
    (void)feed_bytes(p->feed, e, FLEET_SERVICES, all, size);
    memset(checks, 0, sizeof checks);
    n = qhcp_lb_checks(p->core, index, checks, QHCP_CHECKS);
    (void)feed_bytes(p->feed, e, FLEET_CHECKS, checks, n * sizeof checks[0]);
}

/* All that is to be seen of a server. */
static void put_all(struct publisher *p, size_t index, unsigned what, qhcp_nsec now)
{
    struct fleet_entry *e = feed_change(p->feed, p->at[index].slot);
    struct qhcp_view v;

    if (!e || qhcp_lb_view(p->core, index, &v) != 0)
        return;
    p->held_news |= e->verdict.cause == QHCP_CAUSE_BRAKE || v.cause == QHCP_CAUSE_BRAKE;
    e->verdict.state = v.state;
    e->verdict.cause = (uint8_t)v.cause;
    e->verdict.since = v.since;
    e->verdict.refused = v.refused;
    e->verdict.trusted = v.spare;
    e->verdict.certificate_expires = v.certificate_expires;
    e->report.status = v.status;
    e->report.leaving = v.leaving;
    e->report.listening = v.listening;
    e->remote = v.remote;
    e->sessions += (what & QHCP_CHANGE_SESSION) != 0;
    (void)feed_text(p->feed, e, FLEET_ADDRESS, v.address);
    (void)feed_text(p->feed, e, FLEET_SERVER_ID, v.server_id);
    (void)feed_text(p->feed, e, FLEET_WORDS, v.reason);
    (void)feed_text(p->feed, e, FLEET_EVIDENCE, v.evidence);
    (void)feed_text(p->feed, e, FLEET_NOTICE, v.notice);
    if (v.state != QHCP_CONNECTING) /* it was checked: what was known before is past */
        (void)feed_bytes(p->feed, e, FLEET_KNOWN, NULL, 0);
    put_figures(p->feed, e, &v, now);
    put_told(p, index, e);
    looked(p, index, e, now);
}

static void look(struct publisher *p, size_t index, qhcp_nsec now)
{
    struct fleet_entry *e = feed_change(p->feed, p->at[index].slot);
    struct qhcp_view v;

    if (!e || qhcp_lb_figures(p->core, index, &v) != 0)
        return;
    put_figures(p->feed, e, &v, now);
    looked(p, index, e, now);
}

/* A slice of all servers, so that a large fleet delays nothing: within LOOK each has its turn. */
static void expire(void *ctx, qhcp_nsec now)
{
    struct publisher *p = ctx;
    size_t n = p->n < SLICE ? p->n : SLICE;

    if (p->all_at <= now) {
        for (size_t i = 0; i < p->n; i++)
            p->at[i].stale = true;
        p->to_look = p->n;
        p->all_at = nsec_add(now, ALL);
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = p->look_next++ % p->n;

        if (p->at[at].stale || (p->balanced && p->at[at].counts) || now < p->wanted_until)
            look(p, at, now);
    }
    look_at_self(p, now);
    p->to_look = p->to_look > n ? p->to_look - n : 0;
    if ((p->balanced && p->n_counts > 0) || p->to_look > 0 || now < p->wanted_until)
        p->look_at = nsec_add(now, p->n > SLICE ? LOOK * SLICE / p->n : LOOK);
    else
        p->look_at = NSEC_NEVER;
}

/* Changes that are kept: all servers may go down in one turn. */
static size_t ring_for(size_t servers)
{
    size_t n = FLEET_RING;

    while (n < servers && n < RING_MOST)
        n *= 2;
    return n;
}

int publisher_init(struct publisher *ret, struct loop *loop, size_t servers)
{
    *ret = (struct publisher){
        .look_at = NSEC_NEVER,
        .first_gap = SIZE_MAX,
        .all_at = nsec_add(loop_now(), ALL),
        .part = {
            .name = "publisher", .ctx = ret, .deadline = deadline, .expire = expire, .turn = turn}};
    loop_add(loop, &ret->part);
    return feed_new(ring_for(servers), &ret->feed);
}

void publisher_deinit(struct publisher *p)
{
    loop_remove(&p->part);
    feed_free(p->feed);
    free(p->at);
    *p = (struct publisher){.feed = NULL};
}

void publisher_want(struct publisher *p, qhcp_nsec now, qhcp_nsec until)
{
    p->wanted_until = until;
    p->look_at = nsec_min(p->look_at, now);
}

uint32_t publisher_slot(const struct publisher *p, size_t index)
{
    return index < p->n ? p->at[index].slot : FLEET_NOBODY;
}

/* False: there is no memory; the server is watched, but not shown. */
static bool add(struct publisher *p, const struct qhcp_changed *changed)
{
    struct fleet_entry *e;
    size_t cap = p->cap ? 2 * p->cap : 16;
    struct published *grown = p->at;
    char name[ADDRESS_KEY];
    uint32_t slot;

    if (p->n == p->cap && (grown = realloc(p->at, cap * sizeof *grown))) {
        p->at = grown;
        p->cap = cap;
    }
    servers_key(changed->address, name);
    if (!grown || changed->index != p->n || feed_add(p->feed, name, &slot) != 0) {
        log_say(QHCP_LOG_ERROR, "%s is watched but cannot be shown or used: out of memory", name);
        return false;
    }
    p->at[p->n++] = (struct published){.slot = slot};
    e = feed_change(p->feed, slot);
    if (e)
        (void)feed_text(p->feed, e, FLEET_LABEL, changed->address);
    return true;
}

/* The servers behind those that were removed move up, which may be once for many. */
static void close_gaps(struct publisher *p)
{
    size_t kept = p->first_gap;

    for (size_t i = p->first_gap; i < p->n; i++)
        if (p->at[i].slot != FLEET_NOBODY)
            p->at[kept++] = p->at[i];
    p->n = kept;
    p->untold = p->untold < p->first_gap ? p->untold : p->first_gap;
    p->first_gap = SIZE_MAX;
    if (p->to_look > 0)
        p->to_look = p->n; /* one that is stale may have moved past its turn */
}

static void drop(struct publisher *p, size_t index)
{
    struct published *one = &p->at[index];

    p->n_counts -= one->counts;
    p->held_news = true; /* the brake held it, it may be */
    if (one->told)
        tell(p->feed, FLEET_REMOVED, one->slot, "");
    (void)feed_remove(p->feed, one->slot);
    one->slot = FLEET_NOBODY;
    p->first_gap = index < p->first_gap ? index : p->first_gap;
}

void publisher_changed(struct publisher *p, const struct qhcp_changed *changed)
{
    qhcp_nsec now = loop_now();

    loop_again(p->part.loop); /* it may be from a turn after ours */
    if ((changed->what & QHCP_CHANGE_ADDED) && !add(p, changed))
        return;
    if (changed->index >= p->n)
        return;
    if (changed->what & QHCP_CHANGE_REMOVED) {
        drop(p, changed->index);
        if (!changed->more)
            close_gaps(p);
    } else if (changed->what & ~(unsigned)(QHCP_CHANGE_VALUES | QHCP_CHANGE_SHARE)) {
        put_all(p, changed->index, changed->what, now);
        if (changed->what & QHCP_CHANGE_SESSION)
            tell(p->feed, FLEET_SESSION, p->at[changed->index].slot, "");
    } else {
        p->at[changed->index].stale = true;
        p->to_look = p->n; /* it may be the last of a round */
        p->look_at = nsec_min(p->look_at, nsec_add(now, LOOK));
    }
}

void publisher_event(struct publisher *p, const struct qhcp_event *event, qhcp_nsec now)
{
    struct fleet_change c = {.kind = FLEET_STATE,
                             .slot = publisher_slot(p, event->index),
                             .from = (uint8_t)event->from,
                             .to = (uint8_t)event->to,
                             .cause = (uint8_t)event->cause,
                             .at = now,
                             .at_ms = clock_wall_ms()};
    const struct fleet_entry *e;

    if (c.slot == FLEET_NOBODY)
        return;
    loop_again(p->part.loop);
    e = feed_at(p->feed, c.slot);
    c.key = e->key;
    snprintf(c.name, sizeof c.name, "%s", event->address);
    publisher_label(e, c.label);
    snprintf(c.words, sizeof c.words, "%s", event->reason ? event->reason : "");
    snprintf(c.evidence, sizeof c.evidence, "%s", event->evidence ? event->evidence : "");
    feed_tell(p->feed, &c);
}

/* "weight 2, was 1": what differs. */
static void add_number(struct text *t, const char *what, unsigned is, unsigned was)
{
    if (is != was)
        text_printf(t, "%s%s %u, was %u", t->n > 0 ? "; " : "", what, is, was);
}

static void add_word(struct text *t, const char *what, const char *is, const char *was)
{
    if (strcmp(is, was) != 0)
        text_printf(t, "%s%s %s, was %s", t->n > 0 ? "; " : "", what, is[0] ? is : "none",
                    was[0] ? was : "none");
}

static void put_listed(struct publisher *p, uint32_t slot, struct fleet_entry *e,
                       const struct listed *l)
{
    const struct fleet_entry *before = snapshot_at(feed_current(p->feed), slot);
    const char *label = l->name[0] ? l->name : l->address;
    struct text words = {0};

    add_word(&words, "name", label, fleet_text(e, FLEET_LABEL));
    add_number(&words, "weight", l->weight, e->intent.listed);
    if (e->intent.weighed && l->weight != e->intent.listed)
        text_printf(&words, " (an operator's weight, %u, is in force)", e->intent.weight);
    add_number(&words, "priority", l->priority, e->intent.priority);
    add_word(&words, "tags", l->tags, fleet_text(e, FLEET_TAGS));
    (void)feed_text(p->feed, e, FLEET_LABEL, label);
    (void)feed_text(p->feed, e, FLEET_TAGS, l->tags);
    e->intent.listed = (uint16_t)l->weight;
    if (!e->intent.weighed)
        e->intent.weight = e->intent.listed;
    e->intent.priority = (uint16_t)l->priority;
    if (before && before->key == e->key && words.n > 0)
        tell(p->feed, FLEET_LISTED, slot, words.at);
    text_deinit(&words);
}

void publisher_listed(struct publisher *p, const struct listed *listed)
{
    struct fleet_entry *e;
    char name[ADDRESS_KEY];
    uint32_t slot;

    servers_key(listed->address, name);
    if (feed_find(p->feed, name, &slot) == 0 && (e = feed_change(p->feed, slot)))
        put_listed(p, slot, e, listed);
}

void publisher_configure(struct publisher *p, const struct lb_options *o)
{
    qhcp_nsec now = loop_now();

    p->balanced = !o->no_forward;
    if (p->balanced)
        p->look_at = nsec_min(p->look_at, nsec_add(now, LOOK));
    feed_panic(p->feed, (unsigned)o->panic_threshold,
               (enum qhcp_use)(QHCP_USE_ALL + o->panic_mode));
    turn(p, now);
}

void publisher_refresh(struct publisher *p, qhcp_nsec now)
{
    for (size_t i = 0; i < p->n; i++)
        look(p, i, now);
    for (size_t i = 0; i < p->n && i < WORDS_AT_ONCE; i++)
        put_all(p, p->words_next++ % p->n, 0, now);
    look_at_self(p, now);
    turn(p, now);
}

size_t publisher_services(const struct fleet_entry *e, char ret[][QHCP_SERVICE], size_t cap)
{
    const struct fleet_bytes *all = e->text[FLEET_SERVICES];
    size_t n = 0;

    for (size_t at = 0; all && at < all->n && n < cap; at += strlen(all->at + at) + 1)
        snprintf(ret[n++], QHCP_SERVICE, "%s", all->at + at);
    return n;
}
