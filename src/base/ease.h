/* How much of its weight a server's load leaves it, in percent, for proxies that know nothing of it
 * but a weight.  Pure.
 *
 * The whole weight up to half of its capacity, then less, down to a fifth at its whole capacity;
 * EASE_DEGRADED percent of that when it calls itself degraded.  Said in steps and with a margin of
 * a step, so that a load that wavers says nothing new. */
#ifndef QHCP_BASE_EASE_H
#define QHCP_BASE_EASE_H

#include <stdbool.h>
#include <stdint.h>

#define EASE_UNKNOWN UINT32_MAX
#define EASE_STEP 10     /* percent */
#define EASE_EASY 500    /* permille of its capacity */
#define EASE_BUSY 20     /* percent of its weight at its whole capacity */
#define EASE_DEGRADED 30 /* percent */

/* utilization: permille of its capacity; EASE_UNKNOWN. */
unsigned ease_percent(uint32_t utilization, bool degraded);

/* The step to be said of `percent`, EASE_STEP to 100; before: what was said last, 0: nothing.  The
 * whole weight is said at once, however near the step before it is. */
unsigned ease_step(unsigned percent, unsigned before);

#endif
