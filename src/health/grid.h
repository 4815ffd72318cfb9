/* When the regular probes of one session are due: a multiple of the interval after the first.
 *
 * They keep their rhythm whatever else is sent, and those that a stall made impossible are left
 * out.  A session's first probe goes at once; the second comes early by the server's phase, so that
 * servers that were added together are not probed together for ever. */
#ifndef QHCP_HEALTH_GRID_H
#define QHCP_HEALTH_GRID_H

#include <stdbool.h>

#include "base/time.h"

struct grid {
    qhcp_nsec at; /* the next regular probe is due */
    bool shifted; /* the grid is where the phase wants it */
};

/* A session begins: its first probe is due now. */
void grid_begin(struct grid *g, qhcp_nsec now);

/* A probe left.  Moves on to the next one due after now, unless this one came before its time.
 * interval: above 0; phase: how early the second one comes, in parts of 2^32 of the interval. */
void grid_advance(struct grid *g, qhcp_nsec now, qhcp_nsec interval, uint32_t phase);

/* The interval has changed: the next probe is not later than a whole one from now. */
void grid_hasten(struct grid *g, qhcp_nsec now, qhcp_nsec interval);

#endif
