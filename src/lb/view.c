/* A server as outsiders see it. */
#include <assert.h>
#include <string.h>

#include "lb/internal.h"

#define SAME(name) static_assert((int)QHCP_##name == (int)HEALTH_##name, "one list of causes")

SAME(CAUSE_NONE);
SAME(CAUSE_STATUS);
SAME(CAUSE_SILENCE);
SAME(CAUSE_UNREACHABLE);
SAME(CAUSE_NO_HANDSHAKE);
SAME(CAUSE_REFUSED);
SAME(CAUSE_STOPPED);
SAME(CAUSE_CLOSED);
SAME(CAUSE_METRICS);
SAME(CAUSE_DATA_PORT);
SAME(CAUSE_HELD);
SAME(CAUSE_OPERATOR);
SAME(CAUSE_BRAKE);

/* Fields of one size are copied whole. */
#define SIZE(type, field) sizeof((struct type *)0)->field

static_assert(SIZE(qhcp_view, server_id) == LIMIT_ID + 1 &&
                  SIZE(qhcp_value, name) == SIZE(report_metric, name),
              "what the core keeps fits the view");

size_t qhcp_lb_count(const struct qhcp_lb *lb)
{
    return lb->count;
}

static const struct report_metric *metric(const struct backend *b, uint64_t number)
{
    for (size_t i = 0; i < b->report.n_metrics; i++)
        if (b->report.metrics[i].number == number)
            return &b->report.metrics[i];
    return NULL;
}

static void values(const struct backend *b, struct qhcp_view *ret)
{
    for (size_t i = 0; i < b->report.n_values && ret->n_values < QHCP_VALUES; i++) {
        const struct report_metric *m = metric(b, b->report.values[i].number);
        struct qhcp_value *v = &ret->values[ret->n_values];

        if (!m)
            continue;
        memcpy(v->name, m->name, sizeof v->name);
        v->unit = m->unit;
        v->value = b->report.values[i].value;
        ret->n_values++;
    }
}

int qhcp_lb_figures(const struct qhcp_lb *lb, size_t index, struct qhcp_view *ret)
{
    const struct backend *b;
    bool known; /* what it last said is news, not history */

    if (index >= lb->count)
        return QHCP_E_NOT_FOUND;
    b = lb->backends[index];
    known = b->health.state != QHCP_DOWN && b->health.state != QHCP_CONNECTING;
    ret->fails = b->health.fails;
    ret->false_verdicts = b->health.false_verdicts;
    ret->own_share = health_weight(&b->health, lb->now);
    ret->share = panic_share(lb->use, &b->standing, b->health.state, ret->own_share);
    ret->rtt_us = known ? b->health.rtt.srtt / NSEC_PER_USEC : 0;
    ret->checks_sent = b->report.checks_sent;
    ret->checks_ok = b->report.checks_ok;
    ret->reports = b->report.reports;
    ret->n_values = 0;
    if (known)
        values(b, ret);
    return 0;
}

/* What the operator should do, the most urgent first. */
static void notice(const struct backend *b, char *ret, size_t cap)
{
    ret[0] = '\0';
    if (!revoked_notice(b, ret, cap) && !ticket_notice(b, ret, cap) && !token_notice(b, ret, cap) &&
        !listen_notice(b, ret, cap) && b->health.cause == HEALTH_CAUSE_METRICS)
        report_notice(b, ret, cap);
}

int qhcp_lb_view(const struct qhcp_lb *lb, size_t index, struct qhcp_view *ret)
{
    const struct backend *b;

    if (qhcp_lb_figures(lb, index, ret) != 0)
        return QHCP_E_NOT_FOUND;
    b = lb->backends[index];
    slice_to_cstr(slice_str(b->text), ret->address, sizeof ret->address);
    kept_copy(&b->report.server_id, ret->server_id, sizeof ret->server_id);
    kept_copy(&b->reason.words, ret->reason, sizeof ret->reason);
    notice(b, ret->notice, sizeof ret->notice);
    ret->certificate_expires = b->ticket.expires;
    ret->state = b->health.state;
    ret->cause = (enum qhcp_cause)b->health.cause;
    ret->since = b->publish.since;
    ret->status = (enum qhcp_status)b->health.session.status;
    ret->leaving = b->health.session.stopped;
    ret->listening = b->health.beat.interval > 0;
    ret->remote = b->report.remote;
    ret->refused = ret->state == QHCP_DOWN && b->health.cause == HEALTH_CAUSE_REFUSED;
    ret->spare = panic_share(QHCP_USE_ALL, &b->standing, ret->state, 0) > 0;
    reason_evidence(b, ret->evidence, sizeof ret->evidence);
    return 0;
}

int qhcp_lb_find(const struct qhcp_lb *lb, const char *address, size_t *ret)
{
    const struct backend *b = lb_find(lb, address);

    if (!b)
        return QHCP_E_NOT_FOUND;
    *ret = lb_index(lb, b->id);
    return 0;
}
