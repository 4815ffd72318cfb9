#include "health/verdict.h"

bool verdict_serves(enum qhcp_state state)
{
    return state == QHCP_UP || state == QHCP_DEGRADED;
}

/* What the server said, as far as it is known here and still possible. */
static unsigned meant(const struct verdict_facts *f)
{
    if (f->status > QHCP_STATUS_MAINTENANCE)
        return QHCP_NOT_SERVING;
    if (f->stopped && f->status != QHCP_NOT_SERVING)
        return QHCP_STATUS_DRAINING;
    return f->status;
}

static struct verdict plain(const struct verdict_facts *f, unsigned status)
{
    static const enum qhcp_state states[] = {
        [QHCP_SERVING] = QHCP_UP,
        [QHCP_STATUS_DEGRADED] = QHCP_DEGRADED,
        [QHCP_STATUS_DRAINING] = QHCP_DRAINING,
        [QHCP_NOT_SERVING] = QHCP_DOWN,
        [QHCP_STATUS_MAINTENANCE] = QHCP_MAINTENANCE,
    };
    enum health_cause cause = HEALTH_CAUSE_STATUS;

    if (status == QHCP_SERVING)
        cause = f->complete ? HEALTH_CAUSE_NONE : HEALTH_CAUSE_METRICS;
    return (struct verdict){.state = states[status], .cause = cause};
}

struct verdict verdict_of(const struct verdict_facts *f)
{
    struct verdict as_before = {.state = f->state, .cause = f->cause};
    unsigned status = meant(f);

    if (status != QHCP_SERVING && status != QHCP_STATUS_DEGRADED)
        return plain(f, status);
    if (f->port_bad && f->ill && f->state != QHCP_DOWN)
        return as_before;
    if (f->port_bad)
        return (struct verdict){.state = QHCP_DOWN, .cause = HEALTH_CAUSE_DATA_PORT};
    if (f->state != QHCP_DOWN || (f->risen && !f->held))
        return plain(f, status);
    if (f->risen)
        as_before.cause = HEALTH_CAUSE_HELD;
    as_before.soon = !f->risen;
    return as_before;
}
