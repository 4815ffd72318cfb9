#include "admin/admin_family.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "admin/admin_http.h"
#include "fleet/snapshot.h"
#include "sinks/sinks.h"

/* A label's value (text format, 0.0.4 and OpenMetrics: \\, \" and \n). */
void admin_family_label(struct text *t, const char *s)
{
    text_add(t, "\"");
    for (size_t n; *s != '\0'; s += n) {
        n = strcspn(s, "\\\"\n");
        text_bytes(t, s, n);
        if (s[n] == '\0')
            continue;
        text_add(t, s[n] == '\n' ? "\\n" : s[n] == '"' ? "\\\"" : "\\\\");
        n++;
    }
    text_add(t, "\"");
}

void admin_family_gauge(struct text *t, const struct family *f, double v)
{
    text_printf(t, "%s %.15g\n", f->name, v);
}

void admin_family_info(struct text *t, const struct family *f, const struct scrape *s)
{
    text_printf(t, "%s_info{id=", f->name);
    admin_family_label(t, s->admin->config.id);
    text_add(t, ",version=");
    admin_family_label(t, s->admin->config.version);
    text_add(t, "} 1\n");
}

void admin_family_start(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, (double)s->admin->started_ms / 1000);
}

void admin_family_servers(struct text *t, const struct family *f, const struct scrape *s)
{
    for (unsigned i = 0; i < FLEET_STATES; i++)
        text_printf(t, "%s{state=\"%s\"} %zu\n", f->name, qhcp_state_name((enum qhcp_state)i),
                    s->snapshot->self.by_state[i]);
}

void admin_family_panic(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, s->snapshot->self.use != QHCP_USE_HEALTHY);
}

void admin_family_score(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, atomic_load(&s->admin->config.pulse->local_score));
}

void admin_family_suspects(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, atomic_load(&s->admin->config.pulse->suspects));
}

void admin_family_held(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, s->snapshot->self.held);
}

void admin_family_braked(struct text *t, const struct family *f, const struct scrape *s)
{
    text_printf(t, "%s_total %u\n", f->name, s->snapshot->self.braked);
}

static double seconds_since(const struct scrape *s, qhcp_nsec at)
{
    return s->now > at ? (double)(s->now - at) / 1e9 : 0;
}

void admin_family_watching(struct text *t, const struct family *f, const struct scrape *s)
{
    admin_family_gauge(t, f, seconds_since(s, atomic_load(&s->admin->config.pulse->beat)));
}

void admin_family_newest(struct text *t, const struct family *f, const struct scrape *s)
{
    const struct fleet_entry *e;
    qhcp_nsec newest = 0;

    for (uint32_t at = 0; (e = snapshot_next(s->snapshot, &at)); at++)
        newest = e->report.at > newest ? e->report.at : newest;
    if (newest > 0)
        admin_family_gauge(t, f, seconds_since(s, newest));
}

void admin_family_lateness(struct text *t, const struct family *f, const struct scrape *s)
{
    const struct qhcp_lateness *l = &s->snapshot->self.lateness;
    uint64_t n = 0;

    for (size_t i = 0; i < QHCP_LATENESS; i++) {
        n += l->count[i];
        if (i < QHCP_LATENESS - 1)
            text_printf(t, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", f->name,
                        (double)qhcp_lateness_us(i) / 1e6, n);
    }
    text_printf(t, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_count %" PRIu64 "\n", f->name, n,
                f->name, n);
}

/* ---- sinks ---- */

static double sink_failing(const struct sink_state *st)
{
    return st->failing_since > 0;
}

static double sink_success(const struct sink_state *st)
{
    return st->good_at_ms > 0 ? (double)st->good_at_ms / 1000 : NAN;
}

static double sink_successes(const struct sink_state *st)
{
    return (double)st->done;
}

static double sink_failures(const struct sink_state *st)
{
    return (double)st->failures;
}

static double sink_held(const struct sink_state *st)
{
    return (double)st->held;
}

/* A line for each sink that has such a figure. */
static void put_sinks(struct text *t, const struct family *f, const struct scrape *s,
                      double (*value)(const struct sink_state *st))
{
    struct sink_state st[SINKS_MAX];
    struct sinks *sinks = s->admin->config.sinks;
    size_t n = sinks ? sinks_states(sinks, st, SINKS_MAX) : 0;

    for (size_t i = 0; i < n; i++) {
        double v = value(&st[i]);

        if (isnan(v))
            continue;
        text_add(t, f->name);
        text_add(t, f->type[0] == 'c' ? "_total{sink=" : "{sink=");
        admin_family_label(t, st[i].name);
        text_printf(t, "} %.15g\n", v);
    }
}

void admin_family_sink_failing(struct text *t, const struct family *f, const struct scrape *s)
{
    put_sinks(t, f, s, sink_failing);
}

void admin_family_sink_success(struct text *t, const struct family *f, const struct scrape *s)
{
    put_sinks(t, f, s, sink_success);
}

void admin_family_sink_successes(struct text *t, const struct family *f, const struct scrape *s)
{
    put_sinks(t, f, s, sink_successes);
}

void admin_family_sink_failures(struct text *t, const struct family *f, const struct scrape *s)
{
    put_sinks(t, f, s, sink_failures);
}

void admin_family_sink_held(struct text *t, const struct family *f, const struct scrape *s)
{
    put_sinks(t, f, s, sink_held);
}
