#include "sinks/say.h"

#include "base/ease.h"
#include "fleet/fleet.h"
#include "fleet/panic.h"

#define PERMILLE 1000

_Static_assert(EASE_UNKNOWN == FLEET_UNKNOWN, "one word for it");

static unsigned deserved(bool degraded, unsigned share, uint32_t utilization)
{
    return share * ease_percent(utilization, degraded) / PERMILLE;
}

unsigned say_percent(bool degraded, unsigned share, uint32_t utilization)
{
    return ease_step(deserved(degraded, share, utilization), 0);
}

static uint8_t percent_of(const struct fleet_entry *e, unsigned share, const struct say *before)
{
    unsigned percent = deserved(e->state == QHCP_DEGRADED, share, e->report.utilization);

    return (uint8_t)ease_step(percent, before && before->use == SAY_SERVE ? before->percent : 0);
}

static enum say_use of_state(enum qhcp_state state)
{
    switch (state) {
    case QHCP_UP:
    case QHCP_DEGRADED:
        return SAY_SERVE;
    case QHCP_DRAINING:
        return SAY_DRAIN;
    case QHCP_MAINTENANCE:
        return SAY_MAINTENANCE;
    case QHCP_DOWN:
        return SAY_DOWN;
    default:
        return SAY_UNKNOWN;
    }
}

void say_server(const struct fleet_entry *e, enum qhcp_use use, const struct say *before,
                struct say *ret)
{
    struct say s = {.use = SAY_UNKNOWN};

    if (e && e->text[FLEET_NAME]) {
        unsigned share = fleet_share(e, use);

        s = (struct say){.use = of_state(e->state),
                         .cause = e->cause,
                         .weight = e->intent.weight,
                         .priority = e->intent.priority,
                         .degraded = e->state == QHCP_DEGRADED};
        if (s.use == SAY_SERVE && share == 0 && use != QHCP_USE_HEALTHY) {
            s.use = SAY_DOWN;
            s.panic = true;
        } else if (s.use == SAY_DOWN && share > 0 && use != QHCP_USE_HEALTHY) {
            s.use = SAY_SERVE;
            s.panic = true;
        }
        if (s.use == SAY_SERVE)
            s.percent = percent_of(e, share, before);
    }
    *ret = s;
}

const char *say_use_name(enum say_use use)
{
    static const char *const names[] = {[SAY_UNKNOWN] = "unknown",
                                        [SAY_SERVE] = "serve",
                                        [SAY_DRAIN] = "drain",
                                        [SAY_MAINTENANCE] = "maintenance",
                                        [SAY_DOWN] = "down"};

    return names[use];
}

const char *say_why(const struct say *say, const struct fleet_entry *e)
{
    if (say->panic)
        return say->use == SAY_SERVE ? "panic: too few servers are healthy, so all are used"
                                     : "panic: too few servers are healthy, so none is used";
    return fleet_reason(e);
}
