#include "loop/arrival.h"

#include "base/os/clock.h"

#define TRIES 3

static qhcp_nsec nsec_of(const struct timespec *t)
{
    return (qhcp_nsec)t->tv_sec * NSEC_PER_SEC + (qhcp_nsec)t->tv_nsec;
}

/* Differences of times that wrap around are as good as signed ones. */
static bool stepped(const struct arrival_clock *c, qhcp_nsec now, qhcp_nsec ahead)
{
    qhcp_nsec slack = ARRIVAL_READ + (now - c->now) / ARRIVAL_SLEW;

    return ahead - c->ahead + slack > 2 * slack;
}

void arrival_compare(struct arrival_clock *c, qhcp_nsec now, const struct timespec *wall)
{
    qhcp_nsec ahead = nsec_of(wall) - now;

    if (c->now > 0 && stepped(c, now, ahead))
        c->trusted_at = nsec_add(now, ARRIVAL_DISTRUST);
    c->now = now;
    c->ahead = ahead;
}

void arrival_look(struct arrival_clock *c)
{
    struct timespec wall;
    qhcp_nsec before, now;

    for (unsigned i = 0; i < TRIES; i++) { /* another process may run in between */
        before = clock_monotonic();
        clock_gettime(CLOCK_REALTIME, &wall);
        now = clock_monotonic();
        if (now - before < ARRIVAL_READ / 4)
            break;
    }
    arrival_compare(c, now, &wall);
}

qhcp_nsec arrival_time(const struct arrival_clock *c, const struct timespec *stamp)
{
    qhcp_nsec at = nsec_of(stamp) - c->ahead;

    if (c->now == 0 || c->now < c->trusted_at)
        return 0;
    return at <= c->now ? at : c->now; /* what wrapped around is after now too */
}
