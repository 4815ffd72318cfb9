/* How much of its thread's CPU time somebody may take: a part of it, some of it saved up, and a
 * slice between two turns of the loop.  Pure: time is a parameter. */
#ifndef QHCP_EXPOSE_ALLOWANCE_H
#define QHCP_EXPOSE_ALLOWANCE_H

#include <stdbool.h>

#include "base/time.h"

#define ALLOWANCE_PART 5                      /* a fifth of the time that passes */
#define ALLOWANCE_SAVED (50 * NSEC_PER_MSEC)  /* of CPU time, at most */
#define ALLOWANCE_SLICE (2 * NSEC_PER_MSEC)   /* of CPU time, in one turn */
#define ALLOWANCE_RESUME (10 * NSEC_PER_MSEC) /* of CPU time that a pause waits for */

struct allowance {
    qhcp_nsec at;   /* when `left` was right */
    int64_t left;   /* nanoseconds of CPU time; below 0: owed */
    qhcp_nsec turn; /* CPU time taken in this turn */
};

void allowance_init(struct allowance *a, qhcp_nsec now);
/* A turn of the loop begins. */
static inline void allowance_turn(struct allowance *a)
{
    a->turn = 0;
}
/* Is there some left in this turn? */
static inline bool allowance_any(const struct allowance *a)
{
    return a->turn < ALLOWANCE_SLICE;
}
/* So much CPU time was taken.  0, or how long to pause from now on. */
qhcp_nsec allowance_take(struct allowance *a, qhcp_nsec now, qhcp_nsec cpu);

#endif
