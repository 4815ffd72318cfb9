/* The beats of one server, which it sends by itself: when the next one is due, and from when on it
 * is missing.
 *
 * In: beats that came, with how many were due since the one before; out: when the next one should
 * come, and how much later it may.  The server's rhythm is learnt from its beats (no clock is
 * shared): an early one moves the grid at once, a late one by an eighth, and what they differ by is
 * smoothed as round trips are (RFC 6298).  Of beats that come one upon another, held up together,
 * only the first teaches. */
#ifndef QHCP_HEALTH_BEAT_H
#define QHCP_HEALTH_BEAT_H

#include <stdbool.h>

#include "base/time.h"

/* The least tolerance, as of an answer (RTT_TIMEOUT_MIN). */
#define BEAT_LATE_MIN (10 * NSEC_PER_MSEC)
/* Beats in a row that did not come, though the server answers when it is asked. */
#define BEAT_BROKEN 10

/* All 0: the server sends none. */
struct beat {
    qhcp_nsec interval; /* between them; 0: it sends none */
    qhcp_nsec slot;     /* where the newest one should have been; 0: none came yet */
    qhcp_nsec heard;    /* when it came */
    qhcp_nsec at;       /* when the next one should come */
    qhcp_nsec var;      /* how far beats are from where they should be */
    unsigned broken;    /* did not come, in a row */
};

/* They begin now, or end (interval 0): the first one comes within an interval. */
void beat_begin(struct beat *b, qhcp_nsec now, qhcp_nsec interval);

/* One came; slots: how many were due since the one before, with this one; at least 1. */
void beat_heard(struct beat *b, qhcp_nsec now, uint64_t slots);

/* The one that was due did not come: the next one is due after now. */
void beat_missed(struct beat *b, qhcp_nsec now);

/* So many in a row did not come that the server does not do what it said. */
bool beat_broken(const struct beat *b);

/* How much later than b->at a beat may come: 4 deviations, the server's bound on its own lateness,
 * BEAT_LATE_MIN at least. */
qhcp_nsec beat_tolerance(const struct beat *b, qhcp_nsec bound);

#endif
