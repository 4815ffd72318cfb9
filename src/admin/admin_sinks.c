#include "admin/admin_sinks.h"

#include "admin/admin_http.h"
#include "admin/admin_json.h"
#include "base/os/clock.h"
#include "sinks/sinks.h"

static void sink_json(struct text *t, const struct sink_state *st, qhcp_nsec now, int64_t wall_ms)
{
    qhcp_nsec failing = now - nsec_min(st->failing_since, now);

    admin_json_open(t, NULL, '{');
    admin_json_text(t, "name", st->name);
    admin_json_bool(t, "failing", st->failing_since > 0);
    admin_json_text(t, "reason", st->words);
    admin_json_time(t, "failing_since",
                    st->failing_since > 0 ? wall_ms - (int64_t)(failing / NSEC_PER_MSEC) : -1);
    admin_json_time(t, "last_success", st->good_at > 0 ? st->good_at_ms : -1);
    admin_json_number(t, "successes", st->done);
    admin_json_number(t, "failures", st->failures);
    admin_json_number(t, "held", st->held);
    admin_json_close(t, '}');
}

void admin_sinks_json(struct text *t, struct sinks *sinks)
{
    struct sink_state st[SINKS_MAX];
    size_t n = sinks ? sinks_states(sinks, st, SINKS_MAX) : 0;
    qhcp_nsec now = loop_now();
    int64_t wall_ms = clock_wall_ms();

    admin_json_open(t, "sinks", '[');
    for (size_t i = 0; i < n; i++)
        sink_json(t, &st[i], now, wall_ms);
    admin_json_close(t, ']');
}

void admin_sinks_show(struct admin_request *q)
{
    text_add(&q->out, "{");
    admin_sinks_json(&q->out, q->admin->config.sinks);
    text_add(&q->out, "}\n");
}
