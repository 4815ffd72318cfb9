#include "admin/admin_metrics.h"

#include <inttypes.h>
#include <math.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin_family.h"
#include "admin/admin_http.h"
#include "base/value.h"
#include "fleet/reader.h"
#include "fleet/snapshot.h"
#include "wire/registry.h"

#define NOTHING NAN                       /* it has no such figure: no line */
#define SCRAPES_APART (60 * NSEC_PER_SEC) /* figures are kept fresh until the next one */
#define PERCENT 100.0
#define PERMILLE 1000.0

/* ---- of each server ---- */

static double ratio_of(const struct fleet_entry *e, const char *metric)
{
    const struct fleet_bytes *values = e->text[FLEET_VALUES];
    const char *name = fleet_text(e, FLEET_METRICS);
    size_t n = values ? values->n / sizeof(uint64_t) : 0;
    uint64_t v;

    for (size_t i = 0; i < n; i++, name += strlen(name) + 1) {
        if (strcmp(name + 1, metric) != 0)
            continue;
        memcpy(&v, values->at + i * sizeof v, sizeof v);
        return (double)v / (PERCENT * PERCENT); /* hundredths of a percent */
    }
    return NOTHING;
}

static double healthy(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return fleet_healthy(e->state);
}

static double state(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->state;
}

static double state_since(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return (double)e->since_ms / 1000;
}

static double share(const struct scrape *s, const struct fleet_entry *e)
{
    return fleet_share(e, s->snapshot->self.use) / PERMILLE;
}

static double round_trip(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->verdict.rtt_us > 0 ? (double)e->verdict.rtt_us / 1e6 : NOTHING;
}

static double checks_sent(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return (double)e->verdict.checks_sent;
}

static double checks_answered(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return (double)e->verdict.checks_ok;
}

static double misses(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->verdict.fails;
}

static double false_verdicts(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->verdict.false_verdicts;
}

static double report_age(const struct scrape *s, const struct fleet_entry *e)
{
    return e->report.at > 0 && s->now >= e->report.at ? (double)(s->now - e->report.at) / 1e9
                                                      : NOTHING;
}

static double cpu(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return ratio_of(e, "cpu_usage_percent");
}

static double memory(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return ratio_of(e, "memory_usage_percent");
}

static double weight(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->intent.weight;
}

static double certificate(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->verdict.certificate_expires > 0 ? (double)e->verdict.certificate_expires : NOTHING;
}

static double connections(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->traffic.forwarded ? e->traffic.in_flight : NOTHING;
}

static double connects(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->traffic.forwarded ? (double)e->traffic.connects : NOTHING;
}

static double failures(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->traffic.forwarded ? (double)e->traffic.failures : NOTHING;
}

static double bytes_in(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->traffic.forwarded ? (double)e->traffic.bytes_in : NOTHING;
}

static double bytes_out(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->traffic.forwarded ? (double)e->traffic.bytes_out : NOTHING;
}

static double latency(const struct scrape *s, const struct fleet_entry *e)
{
    (void)s;
    return e->traffic.latency_us > 0 ? e->traffic.latency_us / 1e6 : NOTHING;
}

static void put_left_out(struct text *t, const struct family *f, const struct scrape *s);

/* ---- the table ---- */

static const struct family families[] = {
    {"qhcp_lb", "info", "", "This load balancer: its id and version", .put = admin_family_info},
    {"qhcp_lb_start_timestamp_seconds", "gauge", "seconds", "When this process began",
     .put = admin_family_start},
    {"qhcp_lb_servers", "gauge", "", "Servers in each state", .put = admin_family_servers},
    {"qhcp_lb_panic", "gauge", "", "1 while too few servers are healthy and others are used too",
     .put = admin_family_panic},
    {"qhcp_lb_local_score", "gauge", "",
     "0: this load balancer is well, to 7: it is late or loses datagrams, and doubts itself",
     .put = admin_family_score},
    {"qhcp_lb_suspects", "gauge", "", "Servers that miss checks now", .put = admin_family_suspects},
    {"qhcp_lb_brake_held", "gauge", "",
     "Servers that are silent, and that the brake holds: they are not called down yet",
     .put = admin_family_held},
    {"qhcp_lb_brake_holds", "counter", "", "How often the brake began to hold servers",
     .put = admin_family_braked},
    {"qhcp_lb_watching_age_seconds", "gauge", "seconds",
     "Since the thread that watches last ran: more than 3 s is a checker that stands still",
     .put = admin_family_watching},
    {"qhcp_lb_newest_report_age_seconds", "gauge", "seconds",
     "Since the newest report of any server", .put = admin_family_newest},
    {"qhcp_lb_probe_lateness_seconds", "histogram", "seconds",
     "How late checks left, against their planned time", .put = admin_family_lateness},
    {"qhcp_lb_servers_left_out", "gauge", "",
     "Servers without families of their own here, since there are too many (--metrics-servers)",
     .put = put_left_out},
    {"qhcp_sink_failing", "gauge", "", "1 while somebody cannot be told of the servers (--sink)",
     .put = admin_family_sink_failing},
    {"qhcp_sink_last_success_timestamp_seconds", "gauge", "seconds", "When it was last told",
     .put = admin_family_sink_success},
    {"qhcp_sink_successes", "counter", "", "How often it was told",
     .put = admin_family_sink_successes},
    {"qhcp_sink_failures", "counter", "", "How often it could not be told",
     .put = admin_family_sink_failures},
    {"qhcp_sink_held", "gauge", "", "What it is not told yet", .put = admin_family_sink_held},
    {"qhcp_server_healthy", "gauge", "", "1: up or degraded, 0: not", true, healthy},
    {"qhcp_server_state", "gauge", "",
     "0 connecting, 1 up, 2 degraded, 3 draining, 4 maintenance, 5 down", true, state},
    {"qhcp_server_state_since_timestamp_seconds", "gauge", "seconds", "When its state began", true,
     state_since},
    {"qhcp_server_share_ratio", "gauge", "ratio",
     "The part of its weight that new traffic gives it", true, share},
    {"qhcp_server_round_trip_seconds", "gauge", "seconds", "Smoothed round trip of its checks",
     true, round_trip},
    {"qhcp_server_checks_sent", "counter", "", "Checks that were sent to it", true, checks_sent},
    {"qhcp_server_checks_answered", "counter", "", "Checks that it has answered", true,
     checks_answered},
    {"qhcp_server_connections", "gauge", "", "Connections of our forwarder to it now", true,
     connections},
    {"qhcp_server_missed_checks", "gauge", "", "Checks without an answer in a row", false, misses},
    {"qhcp_server_false_verdicts", "counter", "",
     "Verdicts of down after which the same session answered again", false, false_verdicts},
    {"qhcp_server_report_age_seconds", "gauge", "seconds", "Since its newest report", false,
     report_age},
    {"qhcp_server_cpu_usage_ratio", "gauge", "ratio", "CPU use, as it reports", false, cpu},
    {"qhcp_server_memory_usage_ratio", "gauge", "ratio", "Memory use, as it reports", false,
     memory},
    {"qhcp_server_weight", "gauge", "", "Its weight, as its operator wants", false, weight},
    {"qhcp_server_certificate_expires_timestamp_seconds", "gauge", "seconds",
     "When its certificate expires", false, certificate},
    {"qhcp_server_connects", "counter", "", "Connections that were made to it", false, connects},
    {"qhcp_server_connect_failures", "counter", "", "Connections to it that failed", false,
     failures},
    {"qhcp_server_received_bytes", "counter", "bytes", "From clients to it", false, bytes_in},
    {"qhcp_server_sent_bytes", "counter", "bytes", "From it to clients", false, bytes_out},
    {"qhcp_server_latency_seconds", "gauge", "seconds", "Of recent requests, as the forwarder sees",
     false, latency},
};

#define FAMILIES (sizeof families / sizeof families[0])
_Static_assert(FAMILIES <= 64, "a set of families is a uint64_t");

/* Without name[], so many servers have families of their own. */
static bool is_left_out(const struct scrape *s)
{
    return s->snapshot->self.n > s->admin->config.metrics_servers;
}

static void put_left_out(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, is_left_out(s) ? (double)s->snapshot->self.n : 0);
}

static bool is_counter(const struct family *f)
{
    return strcmp(f->type, "counter") == 0;
}

/* The comments before a family.  The older format names counters with their _total, and knows no
 * info. */
static void put_head(struct text *t, const struct family *f, bool open_metrics)
{
    bool info = strcmp(f->type, "info") == 0;
    const char *tail = open_metrics ? "" : is_counter(f) ? "_total" : info ? "_info" : "";

    text_printf(t, "# HELP %s%s %s\n# TYPE %s%s %s\n", f->name, tail, f->help, f->name, tail,
                info && !open_metrics ? "gauge" : f->type);
    if (open_metrics && f->unit[0] != '\0')
        text_printf(t, "# UNIT %s %s\n", f->name, f->unit);
}

static void put_line(struct text *t, const struct family *f, const struct scrape *s,
                     const struct fleet_entry *e)
{
    double v = f->value(s, e);

    if (isnan(v))
        return;
    text_add(t, f->name);
    text_add(t, is_counter(f) ? "_total{server=" : "{server=");
    admin_family_label(t, fleet_text(e, FLEET_LABEL));
    text_printf(t, "} %.15g\n", v);
}

/* The next piece: a family of the load balancer, or a line of one of the servers'. */
static enum admin_more more(struct admin_request *q)
{
    struct scrape *s = q->ctx;
    const struct family *f;
    const struct fleet_entry *e;

    if (s->ended)
        return ADMIN_END;
    while (s->family < FAMILIES && !(s->wanted >> s->family & 1))
        s->family++;
    if (s->family == FAMILIES) {
        if (s->open_metrics)
            text_add(&q->out, "# EOF\n");
        s->ended = true;
        return ADMIN_MORE;
    }
    s->snapshot = reader_hold(s->admin->reader);
    f = &families[s->family];
    if (!s->begun)
        put_head(&q->out, f, s->open_metrics);
    s->begun = true;
    e = f->value ? snapshot_next(s->snapshot, &s->at) : NULL;
    if (f->put)
        f->put(&q->out, f, s);
    else if (e)
        put_line(&q->out, f, s, e);
    if (e) {
        s->at++;
        return ADMIN_MORE;
    }
    s->family++;
    s->at = 0;
    s->begun = false;
    return ADMIN_MORE;
}

/* ---- which of them ---- */

struct choice {
    struct admin_request *q;
    uint64_t wanted;
    bool any, bad;
};

/* Is it this family's, with or without what its lines add, or "prefix*"? */
static bool is_name_of(const struct family *f, const char *name)
{
    size_t n = strlen(name), k = strlen(f->name);

    if (n > 0 && name[n - 1] == '*')
        return strncmp(f->name, name, n - 1) == 0;
    return strncmp(f->name, name, k) == 0 &&
           (n == k || strcmp(name + k, "_total") == 0 || strcmp(name + k, "_info") == 0);
}

static enum MHD_Result take_name(void *ctx, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct choice *c = ctx;
    uint64_t found = 0;
    char quote[VALUE_QUOTE + 8];

    (void)kind;
    if (strcmp(key, "name[]") != 0)
        return MHD_YES;
    for (size_t i = 0; i < FAMILIES; i++)
        if (is_name_of(&families[i], value ? value : ""))
            found |= UINT64_C(1) << i;
    if (found == 0) {
        admin_http_error(c->q, MHD_HTTP_BAD_REQUEST, "bad_query",
                         "name[]: %s is no family: see docs/metrics.md", value_quote(value, quote));
        c->bad = true;
        return MHD_NO;
    }
    c->wanted |= found;
    c->any = true;
    return MHD_YES;
}

static uint64_t by_default(const struct scrape *s)
{
    uint64_t wanted = 0;

    for (size_t i = 0; i < FAMILIES; i++)
        if (families[i].put || (families[i].basic && !is_left_out(s)))
            wanted |= UINT64_C(1) << i;
    return wanted;
}

void admin_metrics_show(struct admin_request *q)
{
    const char *accept = admin_http_header(q, MHD_HTTP_HEADER_ACCEPT);
    struct choice c = {.q = q};
    struct scrape *s = calloc(1, sizeof *s);

    q->ctx = s;
    q->free_ctx = free;
    if (!s) {
        admin_http_error(q, MHD_HTTP_SERVICE_UNAVAILABLE, "no_memory", "out of memory");
        return;
    }
    MHD_get_connection_values(q->mhd, MHD_GET_ARGUMENT_KIND, take_name, &c);
    if (c.bad)
        return;
    s->admin = q->admin;
    s->now = loop_now();
    s->snapshot = reader_hold(q->admin->reader);
    s->open_metrics = accept && strstr(accept, "application/openmetrics-text");
    s->wanted = c.any ? c.wanted : by_default(s);
    atomic_store(&q->admin->config.pulse->looked_at, nsec_add(s->now, SCRAPES_APART));
    q->type = s->open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                              : "text/plain; version=0.0.4; charset=utf-8";
    q->more = more;
}
