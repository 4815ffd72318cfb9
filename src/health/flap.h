/* Damping: how long a server that keeps failing stays down, and how slowly it gets its traffic
 * back.
 *
 * The first failure in FLAP_MEMORY holds nothing. Each further one within that time keeps the
 * server down for twice as long as the one before, up to 64 times the base. Each FLAP_MEMORY
 * without a failure forgives one. */
#ifndef QHCP_HEALTH_FLAP_H
#define QHCP_HEALTH_FLAP_H

#include <stdbool.h>

#include "base/time.h"

#define FLAP_MEMORY (600 * NSEC_PER_SEC)
#define FLAP_DOUBLINGS 6 /* 5 s become 320 s */
#define FLAP_FLOOR 100   /* permille of the weight that a recovered server begins with */

struct flap {
    unsigned faults;        /* that count */
    qhcp_nsec last;         /* of them; 0: none */
    qhcp_nsec until;        /* held down; 0: not */
    qhcp_nsec recovered_at; /* 0: was never down */
};

/* A server failed that was not stopped on purpose.  base 0: never holds. */
void flap_fault(struct flap *f, qhcp_nsec now, qhcp_nsec base);

bool flap_held(const struct flap *f, qhcp_nsec now);

/* The share of its weight that a server gets which serves again since f->recovered_at: max(0.1,
 * t/window), in permille; 1000 when window is 0 or it was never down. */
unsigned flap_share(const struct flap *f, qhcp_nsec now, qhcp_nsec window);

#endif
