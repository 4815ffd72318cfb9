/* One forwarding thread: its listening sockets, its connections, its wait. */
#ifndef QHCP_PROXY_WORKER_H
#define QHCP_PROXY_WORKER_H

#include <pthread.h>

#include "proxy/clients.h"
#include "proxy/conn.h"
#include "proxy/places.h"
#include "proxy/proxy.h"
#include "proxy/relay.h"
#include "proxy/table.h"

#define WORKER_LISTENERS (2 * PROXY_THREADS) /* another process's may be of more threads */

/* A list whose first is the one that waits longest. */
struct queue {
    struct conn *first, *last;
};

/* What a thread reports to the owner, through a pipe. */
struct report {
    size_t id; /* of a server; WORKER_NOBODY: a client found none; WORKER_IN_FORCE: a table is */
    int error;
};
#define WORKER_NOBODY SIZE_MAX
#define WORKER_IN_FORCE (SIZE_MAX - 1)

struct worker {
    unsigned index; /* among the threads */
    const struct proxy_config *config;
    struct table *table;
    struct places *places;
    struct clients *clients;
    pthread_t thread;
    bool running;
    int epoll, wake, reports, ended; /* wake: an eventfd; the others: pipes of the owner's, or -1 */
    _Atomic uint64_t *lost;          /* what did not fit into `ended` */
    int listeners[WORKER_LISTENERS];
    unsigned n_listeners;
    bool accepting;         /* the listeners are in the epoll set */
    unsigned accepts;       /* so many are asked for when a client waits */
    qhcp_nsec accept_again; /* no descriptors were left: when it tries again */
    qhcp_nsec now;          /* of this turn */
    uint64_t seed;
    struct balance_worker *balance; /* for `version` */
    uint64_t version;
    struct queue connecting, idle, half; /* by the time of their last step; half: one side ended */
    struct queue held;                   /* by the time when they came: there is no server yet */
    uint64_t held_version;               /* of the table that they all were tried with */
    struct queue busy;                   /* their turn was over before their data */
    struct conn *dead;                   /* freed at the end of the turn */
    struct pipes pipes;
    char *scratch;
    _Atomic bool holding;     /* some are held: a new table is news */
    _Atomic uint64_t crowded; /* clients since the start whose source had its maximum */
    _Atomic bool deaf;        /* it has let go of its listening sockets */
    _Atomic int order;        /* enum worker_order: the owner's word */
    _Atomic bool evict;       /* some entries are evicted: end their connections */
};

/* An order is never taken back. */
enum worker_order {
    WORKER_RUN,
    WORKER_LET_GO, /* another process has the listening sockets, and those who wait in them */
    WORKER_STOP_ACCEPTING,
    WORKER_END
};

/* listeners are the worker's from now on. */
int worker_start(struct worker *w);
void worker_order(struct worker *w, enum worker_order order);
/* Waits for the thread's end. */
void worker_end(struct worker *w);
/* Frees what it had; no thread of the same proxy runs any more. */
void worker_deinit(struct worker *w);

/* conn.c's: */
void worker_report(struct worker *w, size_t id, int error);
void worker_ended(struct worker *w, const struct proxy_ended *e);
/* The newest table of servers; it stays until this thread waits again. */
const struct snapshot *worker_snapshot(struct worker *w);
void queue_add(struct queue *q, struct conn *c);
void queue_remove(struct queue *q, struct conn *c);

#endif
