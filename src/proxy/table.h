/* The table of servers as the forwarding threads see it: immutable snapshots, of which each thread
 * reads the newest (liburcu, quiescent-state based: reading costs nothing, a thread says between
 * two waits that it holds none), and entries, one for each server, that outlive them.
 *
 * The main thread says what has changed of the servers, and lets entries go; the planner
 * (planner.h) keeps all rows, makes snapshots of them, and puts those in force: that costs by the
 * number of servers.  A connection's hold on its entry is what it counts there (load.in_flight). */
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
    size_t place;           /* of its row */
    union qhcp_addr target; /* as published last */
    unsigned weight, priority;
    uint64_t version; /* in table.gone: of the newest snapshot that may name it */

    /* The planner's. */
    uint64_t report;                                     /* the number of its last one ... */
    uint32_t reported_ours;                              /* ... and what was ours in flight then */
    uint64_t connected, ended, failed;                   /* at the last look, */
    float recent_connected, recent_ended, recent_failed; /* and those since, fading */
    _Atomic uint32_t errors;                             /* permille of those, for anybody */
};

struct order_row {
    size_t place;
    struct entry *entry;
    struct proxy_server row;
};

/* What the planner is to know: rows that have changed, in this order, and how many rows there are
 * then. */
struct order {
    struct order_row *rows;
    size_t n_rows, cap, n, slots;
    const struct balance_algorithm *algorithm;
    bool undecided;
    qhcp_nsec now;
    uint64_t version;
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
    /* The main thread's. */
    struct entry **at;  /* by slot, of those that have a row; NULL: none */
    size_t slots;       /* how many there are in it */
    struct entry **of;  /* by place */
    size_t n, cap;      /* places that are taken, and that there is room for */
    struct entry *gone; /* those without a row; they stay while a thread looks at them */
    bool planned;       /* another thread makes snapshots: table_plan */
    uint64_t version;   /* of the newest order */

    struct load all;
    _Atomic(struct snapshot *) current; /* released when it is whole; freed by call_rcu */
    _Atomic(struct order *) waiting;    /* for the planner; else NULL */
    _Atomic bool lacks;                 /* the planner had no memory for an order */
    _Atomic uint64_t in_force;          /* current's version */
    _Atomic uint64_t freed; /* of the newest one that no thread holds any more, nor any before it */

    /* The planner's. */
    struct proxy_server *rows;
    struct entry **entries; /* of the rows */
    size_t cap_rows;
    qhcp_nsec looked; /* at the counters of failures */
};

/* It is empty: every pick finds no server.  QHCP_E_NOMEM. */
int table_init(struct table *t, const struct balance_algorithm *a);
/* No thread may read it any more. */
void table_deinit(struct table *t);

/* What rows says is in force at once, or, where t->planned, by table_plan.  QHCP_E_NOMEM: the old
 * snapshot stays. */
int table_publish(struct table *t, qhcp_nsec now, const struct balance_algorithm *a,
                  const struct proxy_rows *rows);
/* The planner's: makes a snapshot by the order that waits, and puts it in force; false: none waits,
 * or there is no memory, which the next table_publish makes good. */
bool table_plan(struct table *t);
/* The entry of that server; NULL: there is none. */
struct entry *table_find(const struct table *t, size_t id);

#endif
