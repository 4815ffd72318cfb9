/* Panic: when so few servers are healthy that the health checks themselves are doubtful, or those
 * that are left would be run over.  Pure arithmetic over counts; what follows from it (use every
 * server, or none) is the decision layer's. */
#ifndef QHCP_HEALTH_PANIC_H
#define QHCP_HEALTH_PANIC_H

#include <stdbool.h>
#include <stddef.h>

/* Percent of the fleet by which the healthy share must exceed the threshold before panic ends. */
#define PANIC_MARGIN 5

/* Is it panic, given that it was (or was not) before?  It begins when less than `percent` of the
 * fleet is healthy and ends at percent + PANIC_MARGIN, or when all are.  percent 0, and an empty
 * fleet: never. */
bool panic_next(bool before, size_t healthy, size_t total, unsigned percent);

#endif
