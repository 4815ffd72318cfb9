/* The brake: how many servers may be called down for silence within a span of time.
 *
 * For: a switch, a firewall or our own network that dies and takes half of the fleet with it for
 * us alone.  In: each verdict for silence that is about to be given; out: whether it may be.  What
 * is held back is judged anew from the server's next check on, and goes through as soon as older
 * verdicts have left the span: the truth comes through at that rate.  Signals that need no guess
 * (TERMINATE, a closed connection, ICMP, what a server reports) are not the brake's.
 *
 * The span is counted in parts (BRAKE_PARTS), so that a verdict leaves it up to a part later than
 * exactly. */
#ifndef QHCP_HEALTH_BRAKE_H
#define QHCP_HEALTH_BRAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define BRAKE_PARTS 60

/* All 0: it holds nothing. */
struct brake {
    unsigned percent; /* of the servers, at most within a span; 0: any number */
    qhcp_nsec span;   /* above 0 where percent is */
    size_t servers;   /* of the fleet, now */
    uint64_t part;    /* the newest, counted from time 0 */
    size_t taken;     /* in all parts */
    size_t held;      /* servers that are held back now: their owner counts them */
    uint32_t in[BRAKE_PARTS];
};

/* So many within a span: at least one. */
size_t brake_limit(const struct brake *b);

/* May one more be called down now?  Then it counts. */
bool brake_take(struct brake *b, qhcp_nsec now);

#endif
