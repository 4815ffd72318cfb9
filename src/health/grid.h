/* When the regular probes of one session are due: a multiple of the interval after the first.
 *
 * They keep their rhythm whatever else is sent, and those that a stall made impossible are left
 * out.  A session's first probe goes at once; the second comes early by the server's phase, so that
 * servers that were added together are not probed together for ever.  Probes of many servers may
 * share ticks. */
#ifndef QHCP_HEALTH_GRID_H
#define QHCP_HEALTH_GRID_H

#include <stdbool.h>

#include "base/time.h"

struct grid_terms {
    qhcp_nsec interval; /* above 0 */
    uint32_t phase;     /* how early the second probe comes, in parts of 2^32 of the interval */
    qhcp_nsec tick;     /* from the second one on all are due at its multiples, early by less than
                         * one; 0: wherever they are.  Whole in the interval, give or take as many
                         * nanoseconds */
};

struct grid {
    qhcp_nsec at; /* the next regular probe is due */
    bool shifted; /* the grid is where the phase wants it */
};

/* A session begins: its first probe is due now. */
void grid_begin(struct grid *g, qhcp_nsec now);

/* A probe left.  Moves on to the next one due after now, unless this one came before its time.
 */
void grid_advance(struct grid *g, qhcp_nsec now, const struct grid_terms *t);

/* The interval has changed: the next probe is not later than a whole one from now. */
void grid_hasten(struct grid *g, qhcp_nsec now, qhcp_nsec interval);

#endif
