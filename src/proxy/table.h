/* The table of servers as the forwarding threads see it: immutable snapshots, of which each thread
 * reads the newest (liburcu, quiescent-state based: reading costs nothing, a thread says between
 * two waits that it holds none), and entries, one for each server, that outlive them.
 *
 * The main thread makes snapshots and lets entries go, the planner (planner.h) puts them in force;
 * a connection's hold on its entry is what it counts there (load.in_flight). */
#ifndef QHCP_PROXY_TABLE_H
#define QHCP_PROXY_TABLE_H

#include <urcu-qsbr.h>

#include "balance/balance.h"
#include "fleet/fleet.h"
#include "proxy/proxy.h"

/* What the threads count of one server, beside its load. */
struct entry {
    struct load load; /* first: it has a cache line of its own */
    size_t id;        /* the owner's name for it; its slot is in the lowest 32 bits */
    _Atomic uint64_t connects, failures[PROXY_FAILURES], bytes_in, bytes_out;
    _Atomic uint64_t connect_time[PROXY_BUCKETS]; /* how many took up to 2^i x 100 us */
    _Atomic uint32_t refused;                     /* connects that failed, since one succeeded */
    _Atomic uint64_t ends[PROXY_ENDS];            /* of its connections */
    _Atomic uint32_t epoch; /* connections that were given to it in another one are to end ... */
    _Atomic int evicted;    /* ... for this reason: enum proxy_end */

    /* The main thread's. */
    struct entry *next;     /* in table.gone */
    union qhcp_addr target; /* as published last */
    unsigned weight, priority;
    uint64_t report;                                     /* the number of its last one ... */
    uint32_t reported_ours;                              /* ... and what was ours in flight then */
    uint64_t version;                                    /* of the newest snapshot that names it */
    uint64_t connected, ended, failed;                   /* at the last look, */
    float recent_connected, recent_ended, recent_failed; /* and those since, fading */
    uint32_t errors;                                     /* permille of those */
};

struct snapshot {
    struct rcu_head rcu;
    struct fleet fleet;
    struct entry **entries;         /* by the fleet's index */
    const union qhcp_addr *targets; /* the same */
    const struct balance_algorithm *algorithm;
    struct balance *balance;
    bool undecided; /* nothing is known of some servers yet */
    uint64_t version;
    _Atomic uint64_t *freed; /* where its version goes once no thread holds it */
};

struct table {
    struct entry **at; /* by slot, of those that the newest snapshot names; NULL: none */
    size_t slots;      /* how many there are in it ... */
    size_t n;          /* ... and how many entries */
    struct entry
        *gone; /* those that no new snapshot names; they stay while a thread looks at them */
    struct load all;
    _Atomic(struct snapshot *) current; /* released when it is whole; freed by call_rcu */
    _Atomic(struct snapshot *) waiting; /* for its plan; else NULL */
    _Atomic uint64_t in_force;          /* current's version */
    bool planned;                       /* another thread makes plans: table_plan */
    uint64_t version;                   /* of the newest snapshot */
    _Atomic uint64_t freed; /* of the newest one that no thread holds any more, nor any before it */
    qhcp_nsec looked;       /* at the counters of failures */
};

/* It is empty: every pick finds no server.  QHCP_E_NOMEM. */
int table_init(struct table *t, const struct balance_algorithm *a);
/* No thread may read it any more. */
void table_deinit(struct table *t);

/* A new snapshot, in force at once, or, where t->planned, by table_plan.  QHCP_E_NOMEM: the old one
 * stays. */
int table_publish(struct table *t, qhcp_nsec now, const struct balance_algorithm *a,
                  const struct proxy_server *servers, size_t n, bool undecided);
/* The planner's: puts the snapshot in force that waits for its plan; false: there is none. */
bool table_plan(struct table *t);
/* The entry of that server; NULL: there is none. */
struct entry *table_find(const struct table *t, size_t id);

#endif
