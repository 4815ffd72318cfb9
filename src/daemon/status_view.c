#include "daemon/status_view.h"

#include <stdio.h>
#include <string.h>

#include "daemon/follow.h"
#include "daemon/forward.h"
#include "daemon/publisher.h"
#include "daemon/telling.h"

static const struct fleet_snapshot *newest(const struct status_view *w)
{
    return feed_current(w->publisher->feed);
}

/* Servers are shown in the order of the list, which is the core's. */
static const struct fleet_entry *entry(const struct status_view *w, size_t index)
{
    return snapshot_at(newest(w), publisher_slot(w->publisher, index));
}

static size_t fleet_count(const void *ctx)
{
    return ((const struct status_view *)ctx)->publisher->n;
}

static void copy(char *ret, size_t cap, const struct fleet_entry *e, enum fleet_text which)
{
    snprintf(ret, cap, "%s", fleet_text(e, which));
}

static void copy_values(const struct fleet_entry *e, struct qhcp_view *ret)
{
    const struct fleet_bytes *values = e->text[FLEET_VALUES];
    const char *name = fleet_text(e, FLEET_METRICS);

    ret->n_values = values ? values->n / sizeof(uint64_t) : 0;
    for (size_t i = 0; i < ret->n_values; i++, name += strlen(name) + 1) {
        struct qhcp_value *v = &ret->values[i];

        v->unit = (unsigned)(name[0] - '0');
        snprintf(v->name, sizeof v->name, "%s", name + 1);
        memcpy(&v->value, values->at + i * sizeof v->value, sizeof v->value);
    }
}

static int fleet_view(const void *ctx, size_t index, struct qhcp_view *ret)
{
    const struct status_view *w = ctx;
    const struct fleet_entry *e = entry(w, index);

    if (!e)
        return QHCP_E_NOT_FOUND;
    copy(ret->address, sizeof ret->address, e, FLEET_ADDRESS);
    copy(ret->server_id, sizeof ret->server_id, e, FLEET_SERVER_ID);
    snprintf(ret->reason, sizeof ret->reason, "%s", fleet_reason(e));
    copy(ret->notice, sizeof ret->notice, e, FLEET_NOTICE);
    copy(ret->evidence, sizeof ret->evidence, e, FLEET_EVIDENCE);
    ret->remote = e->remote;
    ret->state = e->state;
    ret->cause = (enum qhcp_cause)e->cause;
    ret->since = e->since;
    ret->status = e->report.status;
    ret->leaving = e->report.leaving;
    ret->listening = e->report.listening;
    ret->refused = e->verdict.refused;
    ret->spare = e->verdict.trusted;
    ret->fails = e->verdict.fails;
    ret->false_verdicts = e->verdict.false_verdicts;
    ret->own_share = e->verdict.own_share;
    ret->share = fleet_share(e, newest(w)->self.use);
    ret->certificate_expires = e->verdict.certificate_expires;
    ret->rtt_us = e->verdict.rtt_us;
    ret->checks_sent = e->verdict.checks_sent;
    ret->checks_ok = e->verdict.checks_ok;
    ret->reports = e->report.number;
    copy_values(e, ret);
    return 0;
}

static size_t fleet_checks(const void *ctx, size_t index, struct qhcp_check_view *ret, size_t cap)
{
    const struct fleet_entry *e = entry(ctx, index);
    const struct fleet_bytes *checks = e ? e->text[FLEET_CHECKS] : NULL;
    size_t n = checks ? checks->n / sizeof *ret : 0;

    if (n > 0)
        memcpy(ret, checks->at, (n < cap ? n : cap) * sizeof *ret);
    return n;
}

static size_t fleet_services(const void *ctx, size_t index, char ret[][QHCP_SERVICE], size_t cap)
{
    const struct fleet_entry *e = entry(ctx, index);

    return e ? publisher_services(e, ret, cap) : 0;
}

static bool fleet_forward(const void *ctx, const char *address, struct proxy_counts *ret)
{
    return forward_counts(((const struct status_view *)ctx)->forward, address, ret);
}

static void fleet_self(const void *ctx, struct qhcp_self *ret)
{
    const struct fleet_self *self = &newest(ctx)->self;
    size_t healthy = fleet_healthy_count(self);

    *ret = (struct qhcp_self){.local_score = self->local_score,
                              .suspects = self->suspects,
                              .held = self->held,
                              .lateness = self->lateness,
                              .panic = {.on = self->use != QHCP_USE_HEALTHY,
                                        .use = self->use,
                                        .healthy = healthy,
                                        .total = healthy + self->by_state[QHCP_DOWN]}};
}

static const struct fleet_entry *fleet_entry_at(const void *ctx, size_t index)
{
    return entry(ctx, index);
}

static bool fleet_source(const void *ctx, size_t index, struct status_source *ret)
{
    const struct follow *f = ((const struct status_view *)ctx)->follow;
    const struct source_state *s = index < f->n_states ? &f->states[index] : NULL;
    qhcp_nsec now = loop_now();

    if (!s || f->specs->n == 0) /* --servers alone is no news */
        return false;
    *ret = (struct status_source){.name = s->name,
                                  .words = s->words,
                                  .servers = s->servers,
                                  .age = s->good_at > 0 ? now - nsec_min(s->good_at, now)
                                                        : NSEC_NEVER};
    return true;
}

static bool fleet_sink(const void *ctx, size_t index, struct status_sink *ret)
{
    const struct sink_state *s = telling_state(((const struct status_view *)ctx)->telling, index);
    qhcp_nsec now = loop_now();

    if (!s)
        return false;
    *ret =
        (struct status_sink){.name = s->name,
                             .words = s->words,
                             .successes = s->done,
                             .failures = s->failures,
                             .held = s->held,
                             .age = s->good_at > 0 ? now - nsec_min(s->good_at, now) : NSEC_NEVER};
    return true;
}

struct status_fleet status_view_fleet(const struct status_view *w)
{
    return (struct status_fleet){.ctx = w,
                                 .count = fleet_count,
                                 .view = fleet_view,
                                 .checks = fleet_checks,
                                 .services = fleet_services,
                                 .forward = fleet_forward,
                                 .entry = fleet_entry_at,
                                 .self = fleet_self,
                                 .source = fleet_source,
                                 .sink = fleet_sink};
}
