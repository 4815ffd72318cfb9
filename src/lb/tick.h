/* The common tick: the regular probes of a large fleet are due at its multiples, on the monotonic
 * clock, so that those of one tick leave with one wake-up.  And how late they leave.
 *
 * A wake-up costs as much as ten packets.  With few servers there is no tick, and each probe has a
 * time of its own.  The tick is a whole part of the interval, so that a server's probes stay an
 * interval apart; and shorter than the least time-out of a probe (RTT_TIMEOUT_MIN), so that the
 * answers of one tick are read with the probes of the next, before any of them would count as
 * missed.  All else that is due of a server is due when it is: a suspected server is asked, and
 * judged, at the same moments as without a tick. */
#ifndef QHCP_LB_TICK_H
#define QHCP_LB_TICK_H

#include <stddef.h>

#include <qhcp/lb.h>

#include "base/time.h"

struct qhcp_lb;

#define TICK_MOST (8 * NSEC_PER_MSEC)
#define TICK_LEAST_PROBES 4 /* in each: with fewer it would not pay */

/* In struct qhcp_lb; only tick.c changes it. */
struct tick {
    qhcp_nsec length; /* 0: there is none */
    struct qhcp_lateness lateness;
};

/* The tick of so many servers, each of them probed every interval (above 0); 0: none. */
qhcp_nsec tick_length(size_t servers, qhcp_nsec interval);

/* The servers or the interval are others than before. */
void tick_adapt(struct qhcp_lb *lb);

/* A regular probe that was due at `slot` has left. */
void tick_left(struct tick *t, qhcp_nsec now, qhcp_nsec slot);

#endif
