/* Which server gets the next connection.
 *
 * In: a fleet (fleet/fleet.h), an algorithm's name and what there is to know of the connection;
 * out: a server's index.  Three things are made of that, each of which makes the next cheap.
 *
 * The plan: what part of the traffic each server is to get, by state, weight, slow start, panic,
 * tier, degradation and errors (plan.h).  The same for every algorithm, so that none can forget it.
 * A server that is not in the plan is never picked.
 *
 * The table: what the algorithm makes of the plan; does not change and is shared by all threads.
 *
 * The worker: what one thread remembers between two picks (a random state, a schedule).
 *
 * Pure: no clock, no I/O, no lock, and memory is the caller's.  A pick allocates nothing. */
#ifndef QHCP_BALANCE_BALANCE_H
#define QHCP_BALANCE_BALANCE_H

#include "fleet/fleet.h"

#define BALANCE_NONE UINT32_MAX
#define BALANCE_ALIGN 64 /* of the memory given */

struct balance;        /* plan and table, for one fleet */
struct balance_worker; /* one thread's */
struct balance_algorithm;

struct balance_request {
    qhcp_nsec now;
    uint64_t key;          /* a hash of what must come to the same server: the source address */
    const uint32_t *tried; /* servers (indexes) that were tried already */
    size_t n_tried;
};

/* The algorithm of that name; NULL: there is none. */
const struct balance_algorithm *balance_find(const char *name);
/* Every algorithm, in the order of the documents; NULL at the end. */
const struct balance_algorithm *balance_at(size_t i);
const char *balance_name(const struct balance_algorithm *a);
const char *balance_doc(const struct balance_algorithm *a);

/* Bytes that balance_init needs for a fleet of n servers. */
size_t balance_size(const struct balance_algorithm *a, size_t n);
/* Makes plan and table in mem.  The fleet must stay as long as they are used. */
struct balance *balance_init(void *mem, const struct balance_algorithm *a, const struct fleet *f);

/* How many servers are in the plan; 0: every pick will be BALANCE_NONE. */
size_t balance_planned(const struct balance *b);
/* The part of the traffic that the plan gives to this server (an index of the fleet), 0 to 1. */
double balance_planned_share(const struct balance *b, size_t index);

/* Bytes that balance_worker_init needs. */
size_t balance_worker_size(const struct balance *b);
/* Makes a worker for b in mem.  before: the same thread's worker for the fleet before this one,
 * from which it goes on, and which may be gone already; NULL: there is none, and seed is what makes
 * its random numbers different from another thread's. */
struct balance_worker *balance_worker_init(void *mem, const struct balance *b,
                                           const struct balance_worker *before, uint64_t seed);

/* The index in the fleet of the server to use; BALANCE_NONE: there is none, or all were tried. */
uint32_t balance_pick(struct balance_worker *w, const struct balance_request *r);

#endif
