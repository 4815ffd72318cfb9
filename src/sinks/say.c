#include "sinks/say.h"

#include "fleet/panic.h"

#define PERMILLE 1000
#define PERCENT 100

/* What its load leaves of its weight, in percent. */
static unsigned ease(uint32_t utilization)
{
    if (utilization == FLEET_UNKNOWN || utilization <= SAY_EASY)
        return PERCENT;
    if (utilization >= PERMILLE)
        return SAY_BUSY;
    return PERCENT - (PERCENT - SAY_BUSY) * (utilization - SAY_EASY) / (PERMILLE - SAY_EASY);
}

/* The nearest step, unless what was said before is near enough.  A server that comes back from a
 * slow start gets its whole weight in the end, however small the margin is. */
static uint8_t step(unsigned percent, unsigned before)
{
    unsigned apart = percent > before ? percent - before : before - percent;

    if (before > 0 && apart <= SAY_MARGIN && percent != PERCENT)
        return (uint8_t)before;
    percent = (percent + SAY_STEP / 2) / SAY_STEP * SAY_STEP;
    return (uint8_t)(percent > 0 ? percent : SAY_STEP);
}

static unsigned deserved(bool degraded, unsigned share, uint32_t utilization)
{
    unsigned percent = share * ease(utilization) / PERMILLE;

    return degraded ? percent * SAY_DEGRADED / PERCENT : percent;
}

unsigned say_percent(bool degraded, unsigned share, uint32_t utilization)
{
    return step(deserved(degraded, share, utilization), 0);
}

static uint8_t percent_of(const struct fleet_entry *e, unsigned share, const struct say *before)
{
    return step(deserved(e->state == QHCP_DEGRADED, share, e->report.utilization),
                before && before->use == SAY_SERVE ? before->percent : 0);
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
