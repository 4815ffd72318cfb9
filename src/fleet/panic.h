/* Panic: when so few servers are healthy that the health checks themselves are doubtful, or those
 * that are left would be overloaded.
 *
 * In: counts, what the operator wants of panic, and what happened to a server; out: whether it is
 * panic, and what share of its weight new traffic is to give a server.  Pure.  Two things panic
 * must never do: undo what somebody did on purpose (a server that drains or is in maintenance, also
 * when it was switched off after that), and send traffic to a server that was never identified. */
#ifndef QHCP_FLEET_PANIC_H
#define QHCP_FLEET_PANIC_H

#include <stdbool.h>
#include <stddef.h>

#include <qhcp/types.h>

/* Percent of the fleet by which the healthy share must exceed the threshold before panic ends. */
#define PANIC_MARGIN 5

/* Is it panic, given that it was (or was not) before?  It begins when less than `percent` of the
 * fleet is healthy and ends at percent + PANIC_MARGIN, or when all are.  percent 0, and an empty
 * fleet: never. */
bool panic_next(bool before, size_t healthy, size_t total, unsigned percent);

/* What counts of a server in panic, beside its state.  Zeroed: nothing is known of it. */
struct panic_standing {
    bool verified; /* it had a session, and was not refused since */
    bool left;     /* it went on purpose and has not served since */
};

/* The server's state is now this one: draining and maintenance are on purpose, up and degraded
 * serve; what else it becomes says nothing of its purpose. */
void panic_state(struct panic_standing *s, enum qhcp_state state);

/* Permille that new traffic is to give it: weight (what its own health deserves) unless there is
 * panic; then 0, or 1000 when it may be used: slow start is for when others bear the load. */
unsigned panic_share(enum qhcp_use use, const struct panic_standing *s, enum qhcp_state state,
                     unsigned weight);

#endif
