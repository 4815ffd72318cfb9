#include "lb/report.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/internal.h"
#include "wire/registry.h"

static_assert(QHCP_CHECKS == LIMIT_CHECKS, "one number of checks");
static_assert(QHCP_SERVICES == LIMIT_SERVICES && QHCP_SERVICE == LIMIT_SERVICE + 1,
              "one size of services");
static_assert(sizeof((struct qhcp_check_view *)0)->name == LIMIT_NAME + 1 &&
                  QHCP_TEXT >= LIMIT_REASON + 1,
              "what fits the wire fits the view");

void report_deinit(struct report *r)
{
    kept_deinit(&r->server_id);
    kept_deinit(&r->words);
    free(r->values);
    free(r->metrics);
    free(r->checks);
    free(r->services);
}

static void keep_services(struct report *r, const struct wire_texts *services)
{
    size_t size = 0, at = 0;

    free(r->services);
    r->services = NULL;
    r->n_services = 0;
    for (size_t i = 0; i < services->count; i++)
        size += services->at[i].n + 1;
    if (size > 0)
        r->services = malloc(size);
    for (size_t i = 0; r->services && i < services->count; i++) {
        slice_to_cstr(services->at[i], r->services + at, services->at[i].n + 1);
        at += services->at[i].n + 1;
        r->n_services++;
    }
}

void report_metrics(struct backend *b, const struct wire_metrics *metrics)
{
    struct report_metric *names = calloc(metrics->count ? metrics->count : 1, sizeof *names);

    if (!names)
        return;
    for (size_t i = 0; i < metrics->count; i++) {
        names[i].number = metrics->at[i].number;
        names[i].unit =
            wire_unit(metrics->at[i].unit) ? (unsigned)metrics->at[i].unit : WIRE_UNIT_NONE;
        slice_to_cstr(metrics->at[i].name, names[i].name, sizeof names[i].name);
    }
    free(b->report.metrics);
    b->report.metrics = names;
    b->report.n_metrics = metrics->count;
}

void report_established(struct backend *b, const struct wire_ack *ack)
{
    struct report *r = &b->report;

    kept_set_slice(&r->server_id, ack->server_id, LIMIT_ID + 1);
    r->restarted = r->booted && memcmp(r->boot_id, ack->boot_id.p, sizeof r->boot_id) != 0;
    memcpy(r->boot_id, ack->boot_id.p, sizeof r->boot_id);
    r->booted = true;
    quic_conn_remote(b->link.conn, &r->remote);
    report_metrics(b, &ack->metrics);
    keep_services(r, &ack->services);
}

bool report_take_restarted(struct backend *b)
{
    bool restarted = b->report.restarted;

    b->report.restarted = false;
    return restarted;
}

void report_words(struct backend *b, struct slice words)
{
    kept_set_slice(&b->report.words, words, LIMIT_REASON + 1);
    publish_mark(b, QHCP_CHANGE_REPORT);
}

void report_beat(struct backend *b, uint64_t slots)
{
    b->report.checks_sent += slots;
    b->report.checks_ok++;
}

void report_sent(struct backend *b)
{
    b->report.checks_sent++;
}

void report_not_sent(struct backend *b)
{
    b->report.checks_sent--;
}

static bool has(const struct wire_value *values, size_t n, uint64_t number)
{
    for (size_t i = 0; i < n; i++)
        if (values[i].number == number)
            return true;
    return false;
}

void report_notice(const struct backend *b, char *ret, size_t cap)
{
    bool cpu = has(b->report.values, b->report.n_values, WIRE_METRIC_CPU);
    bool memory = has(b->report.values, b->report.n_values, WIRE_METRIC_MEMORY);

    snprintf(ret, cap, "it does not report %s%s%s: see the log of `qhcp server` there",
             cpu ? "" : "cpu_usage_percent", cpu || memory ? "" : " and ",
             memory ? "" : "memory_usage_percent");
}

void report_answer(struct backend *b)
{
    b->report.checks_ok++;
}

/* Room for n, or for as many as there is memory for.  A metric that has no value yet gets one
 * later: there is room for all that ACK named at once. */
static size_t reserve_values(struct report *r, size_t n)
{
    size_t cap = n > r->n_metrics ? n : r->n_metrics;
    struct wire_value *grown;

    if (n <= r->cap_values)
        return n;
    grown = realloc(r->values, cap * sizeof *grown);
    if (!grown)
        return r->cap_values;
    r->values = grown;
    r->cap_values = cap;
    return n;
}

void report_values(struct backend *b, const struct wire_values *values)
{
    struct report *r = &b->report;
    size_t size = values ? values->count * sizeof values->at[0] : 0;

    r->reports++;
    if (!values)
        return;
    r->complete = has(values->at, values->count, WIRE_METRIC_CPU) &&
                  has(values->at, values->count, WIRE_METRIC_MEMORY);
    if (r->n_values == values->count && (size == 0 || memcmp(r->values, values->at, size) == 0))
        return;
    r->n_values = reserve_values(r, values->count);
    if (r->n_values > 0)
        memcpy(r->values, values->at, r->n_values * sizeof values->at[0]);
    publish_mark(b, QHCP_CHANGE_VALUES);
}

/* Room for n checks, or for as many as there is memory for. */
static size_t reserve(struct report *r, size_t n)
{
    struct qhcp_check_view *grown;

    if (n <= r->cap_checks)
        return n;
    grown = realloc(r->checks, n * sizeof *grown);
    if (!grown)
        return r->cap_checks;
    memset(grown + r->cap_checks, 0, (n - r->cap_checks) * sizeof *grown);
    r->checks = grown;
    r->cap_checks = n;
    return n;
}

/* True when more than the duration is new. */
static bool keep_check(struct qhcp_check_view *to, const struct wire_check *from)
{
    bool same = to->status == (enum qhcp_status)from->status &&
                slice_equal(from->name, slice_str(to->name)) &&
                slice_equal(from->reason, slice_str(to->reason));

    to->duration = from->duration_us * NSEC_PER_USEC;
    if (same)
        return false;
    slice_to_cstr(from->name, to->name, sizeof to->name);
    slice_to_cstr(from->reason, to->reason, sizeof to->reason);
    to->status = (enum qhcp_status)from->status;
    return true;
}

void report_checks(struct backend *b, const struct wire_checks *checks)
{
    struct report *r = &b->report;
    size_t before = r->n_checks;
    bool changed;

    r->n_checks = reserve(r, checks->count);
    changed = r->n_checks != before;
    for (size_t i = 0; i < r->n_checks; i++)
        changed = keep_check(&r->checks[i], &checks->at[i]) || changed;
    if (changed)
        publish_mark(b, QHCP_CHANGE_REPORT);
}

/* Is what it said of its checks still news?  As long as it answers, also when what it answers keeps
 * it down. */
static bool heard(const struct backend *b)
{
    if (b->health.state == QHCP_DOWN)
        return b->health.phase == HEALTH_WATCHING && b->health.session.answered;
    return b->health.state != QHCP_CONNECTING;
}

size_t qhcp_lb_checks(const struct qhcp_lb *lb, size_t index, struct qhcp_check_view *ret,
                      size_t cap)
{
    const struct report *r;

    if (index >= lb->count || !heard(lb->backends[index]))
        return 0;
    r = &lb->backends[index]->report;
    for (size_t i = 0; i < r->n_checks && i < cap; i++)
        ret[i] = r->checks[i];
    return r->n_checks;
}

size_t qhcp_lb_services(const struct qhcp_lb *lb, size_t index, char ret[][QHCP_SERVICE],
                        size_t cap)
{
    const struct report *r;
    const char *text;

    if (index >= lb->count)
        return 0;
    r = &lb->backends[index]->report;
    text = r->services;
    for (size_t i = 0; i < r->n_services && i < cap; i++, text += strlen(text) + 1)
        slice_to_cstr(slice_str(text), ret[i], sizeof ret[i]);
    return r->n_services;
}
