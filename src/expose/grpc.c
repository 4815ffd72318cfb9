#include "expose/grpc.h"

#include <stddef.h>
#include <utlist.h>

static void finish(struct grpc_call *c, enum grpc_status status, const char *words)
{
    c->ended = true;
    c->status = status;
    c->words = words;
}

static bool idle(const struct grpc_call *c)
{
    return c->sent == c->out.n;
}

/* ---- grpc.health.v1.Health ---- */

static void check(struct grpc_call *c, qhcp_nsec now, struct slice message)
{
    struct slice service;
    enum facts_health health;
    struct facts f;

    (void)now;
    if (grpc_message_service(message, &service) < 0) {
        finish(c, GRPC_INTERNAL, "not a HealthCheckRequest");
        return;
    }
    expose_facts(c->expose, &f);
    health = facts_health_of(&f, service);
    if (health == FACTS_UNKNOWN) {
        finish(c, GRPC_NOT_FOUND, "no check or service of this server has this name");
        return;
    }
    grpc_message_health(&c->out, health);
    finish(c, GRPC_OK, "");
}

static void list(struct grpc_call *c, qhcp_nsec now, struct slice message)
{
    struct facts f;

    (void)now, (void)message;
    expose_facts(c->expose, &f);
    grpc_message_list(&c->out, &f);
    finish(c, GRPC_OK, "");
}

/* True: there was something to tell. */
static bool tell(struct grpc_call *c, const struct facts *f)
{
    enum facts_health health = facts_health_of(f, slice_of(c->service, c->n_service));

    if (health == c->told || !idle(c))
        return false;
    c->told = health;
    grpc_message_health(&c->out, health);
    return true;
}

static void watch(struct grpc_call *c, qhcp_nsec now, struct slice message)
{
    static const char unknown[] = "\xff"; /* nothing has this name */
    struct expose *e = c->expose;
    struct slice service;

    (void)now;
    if (grpc_message_service(message, &service) < 0) {
        finish(c, GRPC_INTERNAL, "not a HealthCheckRequest");
        return;
    }
    if (service.n > sizeof c->service)
        service = slice_str(unknown);
    c->n_service = service.n;
    if (service.n > 0)
        memcpy(c->service, service.p, service.n);
    expose_facts(e, &e->seen);
    c->watches = true;
    DL_APPEND(e->watches, c);
    e->look = true; /* others may not have been told of what this one saw */
    tell(c, &e->seen);
}

/* Has anything changed that a watcher may be told? */
static bool differs(const struct facts *a, const struct facts *b)
{
    const struct qhcp_server_view *v = &a->view, *w = &b->view;

    if (v->status != w->status || v->set_status != w->set_status || v->n_checks != w->n_checks)
        return true;
    for (size_t i = 0; i < v->n_checks; i++)
        if (v->checks[i].status != w->checks[i].status)
            return true;
    return false;
}

void grpc_turn(struct expose *e, qhcp_nsec now)
{
    struct grpc_call *c, *next;
    struct facts f;

    if (!e->watches)
        return;
    expose_facts(e, &f);
    if (!e->look && !differs(&f, &e->seen))
        return;
    e->look = false;
    e->seen = f;
    DL_FOREACH_SAFE(e->watches, c, next)
    if (tell(c, &f))
        c->ready(c, now);
}

/* ---- xds.service.orca.v3.OpenRcaService ---- */

static void report(struct grpc_call *c, qhcp_nsec now)
{
    struct qhcp_value values[QHCP_VALUES];
    size_t n = qhcp_server_values(c->expose->config.core, now, values, QHCP_VALUES);

    grpc_message_report(&c->out, values, n);
    expose_timer_set(c->expose, &c->timer, nsec_add(now, c->interval));
}

/* Who does not take a report gets the next one. */
static void on_report(struct expose_timer *t, qhcp_nsec now)
{
    struct grpc_call *c = (struct grpc_call *)((char *)t - offsetof(struct grpc_call, timer));

    if (!idle(c)) {
        expose_timer_set(c->expose, t, nsec_add(now, c->interval));
        return;
    }
    report(c, now);
    c->ready(c, now);
}

static void stream_metrics(struct grpc_call *c, qhcp_nsec now, struct slice message)
{
    qhcp_nsec interval;

    if (grpc_message_interval(message, &interval) < 0) {
        finish(c, GRPC_INTERNAL, "not an OrcaLoadReportRequest");
        return;
    }
    c->interval = interval == 0 ? GRPC_REPORT_DEFAULT : nsec_max(interval, GRPC_REPORT_MIN);
    c->timer.fn = on_report;
    report(c, now);
}

/* ---- calls ---- */

static const struct {
    const char *path;
    void (*begin)(struct grpc_call *c, qhcp_nsec now, struct slice message);
} methods[] = {
    {"/grpc.health.v1.Health/Check", check},
    {"/grpc.health.v1.Health/Watch", watch},
    {"/grpc.health.v1.Health/List", list},
    {"/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", stream_metrics},
};

void grpc_begin(struct grpc_call *c, qhcp_nsec now, struct slice path, struct slice request)
{
    struct slice message;
    const char *words;
    enum grpc_status status;
    size_t i = 0;

    c->expose->counts.calls++;
    while (i < sizeof methods / sizeof methods[0] && !slice_equal(path, slice_str(methods[i].path)))
        i++;
    if (i == sizeof methods / sizeof methods[0]) {
        finish(c, GRPC_UNIMPLEMENTED, "there is no such method");
        return;
    }
    status = grpc_message_unframe(request, &message, &words);
    if (status != GRPC_OK)
        finish(c, status, words);
    else
        methods[i].begin(c, now, message);
}

void grpc_sent(struct grpc_call *c)
{
    text_reset(&c->out);
    c->sent = 0;
    if (c->watches)
        c->expose->look = true;
}

void grpc_end(struct grpc_call *c)
{
    if (c->watches)
        DL_DELETE(c->expose->watches, c);
    c->watches = false;
    expose_timer_set(c->expose, &c->timer, NSEC_NEVER);
    text_deinit(&c->out);
}
