/* The fleet as decisions see it: a table of servers that never changes.  The thread that watches
 * servers makes a new one when something has changed; the threads that pick a server read the
 * newest one without a lock.  Only the counters behind `load` change (load.h). */
#ifndef QHCP_FLEET_FLEET_H
#define QHCP_FLEET_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "fleet/load.h"

#define FLEET_SHARE 1000 /* the whole weight */
#define FLEET_WEIGHT_MAX 1000
#define FLEET_TIERS 16 /* priorities 0 to 15 */
#define FLEET_UNKNOWN UINT32_MAX

struct fleet_server {
    struct load *load; /* never NULL */
    uint64_t key;      /* its identity, whatever its place in the table: fleet_key */
    uint32_t slot;     /* a number of its own, below fleet.slots, as long as it is watched */
    uint32_t weight;   /* the operator's, 0 to FLEET_WEIGHT_MAX */
    uint32_t share;    /* how much of its weight it gets now, in permille: qhcp_view.share */
    uint32_t priority; /* its tier, 0 first */
    bool degraded;     /* used if the servers that are up are not enough */

    /* What it reports, or what is counted of it; FLEET_UNKNOWN if nothing is. */
    uint32_t utilization;    /* permille of its capacity: the application's own, else its CPU's */
    uint32_t rate;           /* requests a second, thousandths */
    uint32_t errors;         /* permille of its newest connections that failed; 0 where unknown */
    uint32_t in_flight;      /* its own count of all load balancers' requests ... */
    uint32_t in_flight_ours; /* ... and load.in_flight at that time */
    uint32_t latency_us;     /* its own median, at about the load it has now */
};

struct fleet {
    const struct fleet_server *servers;
    size_t n;
    uint32_t slots;
    struct load *all; /* counts all servers together */
    qhcp_nsec made;   /* when */
};

/* A hash of the server's name (its address as listed): the same in every process. */
uint64_t fleet_key(const char *name);

/* All load balancers' requests at that server now: its own count and what we have sent since; only
 * ours if it reports none. */
static inline uint32_t fleet_in_flight(const struct fleet_server *s)
{
    uint32_t ours = load_in_flight(s->load);
    int64_t all = (int64_t)s->in_flight - s->in_flight_ours + ours;

    return s->in_flight == FLEET_UNKNOWN || all < ours ? ours : (uint32_t)all;
}

/* Its latency in microseconds: what it reports, or what was measured here. */
static inline float fleet_latency_us(const struct fleet_server *s, qhcp_nsec now)
{
    return s->latency_us != FLEET_UNKNOWN ? (float)s->latency_us : load_latency_us(s->load, now);
}

#endif
