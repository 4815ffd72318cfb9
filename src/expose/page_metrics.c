#include "expose/page_metrics.h"

#include <inttypes.h>
#include <stdlib.h>

#include "expose/facts.h"

struct page_metrics {
    const struct expose *expose;
    struct facts facts;
    struct qhcp_value values[QHCP_VALUES];
    size_t n_values, sessions, acknowledged;
};

const char *page_metrics_type(bool open_metrics)
{
    return open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                        : "text/plain; version=0.0.4; charset=utf-8";
}

/* A label's value: \\, \" and \n are escaped. */
static void put_label(struct text *t, const char *s)
{
    text_add(t, "\"");
    for (; *s != '\0'; s++) {
        if (*s == '\\' || *s == '"')
            text_bytes(t, "\\", 1);
        if (*s == '\n')
            text_add(t, "\\n");
        else
            text_bytes(t, s, 1);
    }
    text_add(t, "\"");
}

static void put_info(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s_info{id=", name);
    put_label(t, m->expose->config.id);
    text_add(t, ",version=");
    put_label(t, m->expose->config.version);
    text_add(t, "} 1\n");
}

static void put_serving(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s %d\n", name, facts_serving(m->facts.view.status));
}

static void put_status(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s %d\n", name, (int)m->facts.view.status);
}

static void put_check(struct text *t, const char *name, const struct qhcp_check_view *c, double v)
{
    text_printf(t, "%s{check=", name);
    put_label(t, c->name);
    text_printf(t, "} %.15g\n", v);
}

static void put_check_status(struct text *t, const char *name, const struct page_metrics *m)
{
    for (size_t i = 0; i < m->facts.view.n_checks; i++)
        put_check(t, name, &m->facts.view.checks[i], m->facts.view.checks[i].status);
}

static void put_check_duration(struct text *t, const char *name, const struct page_metrics *m)
{
    for (size_t i = 0; i < m->facts.view.n_checks; i++)
        put_check(t, name, &m->facts.view.checks[i],
                  (double)m->facts.view.checks[i].duration / 1e9);
}

static void put_metric(struct text *t, const char *name, const struct page_metrics *m)
{
    for (size_t i = 0; i < m->n_values; i++)
        text_printf(t, "%s{metric=\"%s\"} %.15g\n", name, m->values[i].name,
                    facts_figure(&m->values[i]));
}

static void put_sessions(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s %zu\n", name, m->sessions);
}

static void put_acknowledged(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s %zu\n", name, m->acknowledged);
}

static void put_connections(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s %zu\n", name, m->expose->n_conns);
}

static void put_refused(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s_total %" PRIu64 "\n", name, m->expose->counts.refused);
}

static void put_evicted(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s_total %" PRIu64 "\n", name, m->expose->counts.evicted);
}

static void put_requests(struct text *t, const char *name, const struct page_metrics *m)
{
    text_printf(t, "%s_total{kind=\"grpc\"} %" PRIu64 "\n%s_total{kind=\"page\"} %" PRIu64 "\n",
                name, m->expose->counts.calls, name, m->expose->counts.pages);
}

static const struct family {
    const char *name, *type, *unit, *help;
    void (*put)(struct text *t, const char *name, const struct page_metrics *m);
} families[] = {
    {"qhcp_agent", "info", "", "This server: its id and version", put_info},
    {"qhcp_agent_serving", "gauge", "", "1: serving or degraded, 0: it takes no new traffic",
     put_serving},
    {"qhcp_agent_status", "gauge", "",
     "0 serving, 1 degraded, 2 draining, 3 not serving, 4 maintenance", put_status},
    {"qhcp_agent_check_status", "gauge", "",
     "Of each application check: 0 serving, 1 degraded, 3 not serving", put_check_status},
    {"qhcp_agent_check_duration_seconds", "gauge", "seconds",
     "How long the newest run of each application check took", put_check_duration},
    {"qhcp_agent_metric", "gauge", "",
     "Each metric that load balancers are told, in the unit that its name says", put_metric},
    {"qhcp_agent_load_balancers", "gauge", "", "Load balancers with a session", put_sessions},
    {"qhcp_agent_load_balancers_acknowledged", "gauge", "",
     "Of them, those that have seen the newest status", put_acknowledged},
    {"qhcp_agent_http_connections", "gauge", "", "Connections to this listener now",
     put_connections},
    {"qhcp_agent_http_connections_refused", "counter", "",
     "Connections that were closed at once, since there were too many", put_refused},
    {"qhcp_agent_http_connections_evicted", "counter", "",
     "Idle connections that were closed to make room for another", put_evicted},
    {"qhcp_agent_http_requests", "counter", "", "Requests that were answered", put_requests},
};

static void put_head(struct text *t, const struct family *f, bool open_metrics)
{
    bool info = strcmp(f->type, "info") == 0;
    const char *tail = open_metrics                      ? ""
                       : info                            ? "_info"
                       : strcmp(f->type, "counter") == 0 ? "_total"
                                                         : "";

    text_printf(t, "# HELP %s%s %s\n# TYPE %s%s %s\n", f->name, tail, f->help, f->name, tail,
                info && !open_metrics ? "gauge" : f->type);
    if (open_metrics && f->unit[0] != '\0')
        text_printf(t, "# UNIT %s %s\n", f->name, f->unit);
}

static void count_sessions(struct page_metrics *m)
{
    size_t n = qhcp_server_sessions(m->expose->config.core);
    struct qhcp_watcher *all = calloc(n + 1, sizeof *all);

    m->sessions = n;
    if (!all)
        return;
    n = qhcp_server_watchers(m->expose->config.core, all, n);
    for (size_t i = 0; i < n; i++)
        m->acknowledged += all[i].acknowledged;
    free(all);
}

void page_metrics_put(struct expose *e, bool open_metrics, struct text *t)
{
    struct page_metrics m = {.expose = e};

    expose_facts(e, &m.facts);
    m.n_values = qhcp_server_values(e->config.core, loop_now(), m.values, QHCP_VALUES);
    count_sessions(&m);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        put_head(t, &families[i], open_metrics);
        families[i].put(t, families[i].name, &m);
    }
    if (open_metrics)
        text_add(t, "# EOF\n");
}
