#include "admin/admin_self.h"

#include <microhttpd.h>
#include <stdio.h>
#include <unistd.h>

#include "admin/admin_http.h"
#include "admin/admin_json.h"
#include "admin/admin_sinks.h"
#include "base/os/clock.h"
#include "fleet/reader.h"
#include "fleet/snapshot.h"

#define WORDS 200
#define DEAF_PART 4 /* one server of so many misses checks: it is rather us */

enum condition { WELL, LATE, DEAF, STALE };

static const char *const conditions[] = {
    [WELL] = "ok", [LATE] = "late", [DEAF] = "deaf", [STALE] = "stale"};

static const struct fleet_snapshot *hold(const struct admin_request *q)
{
    return reader_hold(q->admin->reader);
}

/* How the checker is, and words for what is wrong with it; "" where nothing is. */
static enum condition condition(const struct admin_request *q, char words[WORDS])
{
    const struct admin_pulse *pulse = q->admin->config.pulse;
    qhcp_nsec now = loop_now(), beat = atomic_load(&pulse->beat);
    unsigned score = atomic_load(&pulse->local_score), suspects = atomic_load(&pulse->suspects);
    size_t n = hold(q)->self.n;

    words[0] = '\0';
    if (now > beat && now - beat > ADMIN_STALE) {
        snprintf(words, WORDS, "the thread that watches has stood still for %llu s",
                 (unsigned long long)((now - beat) / NSEC_PER_SEC));
        return STALE;
    }
    if (score == 0)
        return WELL;
    if (suspects > 0 && suspects * DEAF_PART >= n) {
        snprintf(words, WORDS,
                 "%u of %zu servers miss checks at once: it is rather this load balancer that "
                 "hears nothing",
                 suspects, n);
        return DEAF;
    }
    snprintf(words, WORDS,
             "this load balancer is late, or loses datagrams (local score %u of 7): it calls no "
             "server down for silence meanwhile",
             score);
    return LATE;
}

static void answer(struct admin_request *q, bool well, const char *status, const char *reason)
{
    q->status = well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
    text_add(&q->out, "{");
    admin_json_text(&q->out, "status", status);
    admin_json_text(&q->out, "reason", reason);
    text_add(&q->out, "}\n");
}

void admin_self_health(struct admin_request *q)
{
    char words[WORDS];
    enum condition c = condition(q, words);

    answer(q, c == WELL, conditions[c], words);
}

void admin_self_ready(struct admin_request *q)
{
    const struct fleet_self *self = &hold(q)->self;
    char words[WORDS] = "";

    if (!self->swept)
        snprintf(words, sizeof words, "%zu of %zu servers are not known yet",
                 self->by_state[QHCP_CONNECTING], self->n);
    answer(q, self->swept, self->swept ? "ready" : "starting", words);
}

static void servers_json(struct text *t, const struct fleet_self *self)
{
    admin_json_open(t, "servers", '{');
    admin_json_number(t, "total", self->n);
    admin_json_number(t, "healthy", fleet_healthy_count(self));
    for (unsigned i = 0; i < FLEET_STATES; i++)
        admin_json_number(t, qhcp_state_name((enum qhcp_state)i), self->by_state[i]);
    admin_json_close(t, '}');
}

static void lateness_json(struct text *t, const struct qhcp_lateness *l)
{
    admin_json_open(t, "probe_lateness_us", '{');
    admin_json_open(t, "le", '[');
    for (size_t i = 0; i < QHCP_LATENESS - 1; i++)
        admin_json_number(t, NULL, qhcp_lateness_us(i));
    admin_json_close(t, ']');
    admin_json_open(t, "count", '[');
    for (size_t i = 0; i < QHCP_LATENESS; i++)
        admin_json_number(t, NULL, l->count[i]);
    admin_json_close(t, ']');
    admin_json_close(t, '}');
}

void admin_self_show(struct admin_request *q)
{
    const struct admin_config *config = &q->admin->config;
    const struct fleet_snapshot *s = hold(q);
    struct text *t = &q->out;
    char words[WORDS];
    enum condition c = condition(q, words);

    atomic_store(&config->pulse->looked_at, loop_now());
    text_add(t, "{");
    admin_json_text(t, "id", config->id);
    admin_json_text(t, "software", config->version);
    admin_json_number(t, "api", 1);
    admin_json_number(t, "process", (uint64_t)getpid());
    admin_json_time(t, "time", clock_wall_ms());
    admin_json_time(t, "started", q->admin->started_ms);
    admin_json_text(t, "status", conditions[c]);
    admin_json_text(t, "reason", words);
    admin_json_bool(t, "ready", s->self.swept);
    admin_json_bool(t, "insecure", config->insecure);
    admin_json_text(t, "use", qhcp_use_name(s->self.use));
    admin_json_bool(t, "panic", s->self.use != QHCP_USE_HEALTHY);
    servers_json(t, &s->self);
    admin_json_number(t, "local_score", atomic_load(&config->pulse->local_score));
    admin_json_number(t, "suspects", atomic_load(&config->pulse->suspects));
    admin_json_number(t, "held", s->self.held);
    lateness_json(t, &s->self.lateness);
    admin_sinks_json(t, config->sinks);
    admin_json_number(t, "version", s->version);
    admin_json_number(t, "seq", s->seq);
    text_add(t, "}\n");
}
