/* The TCP forwarder: connections accepted on one port go to the server that the fleet's newest
 * table and an algorithm pick.
 *
 * In: tables of servers (proxy_publish), from the thread that watches them; out: what happened
 * (proxy_ready) and counts.  Inside are its own threads, each with its own listening socket on the
 * same port (SO_REUSEPORT) and an edge-triggered epoll, without a lock.  All functions here belong
 * to one thread, the owner's. */
#ifndef QHCP_PROXY_PROXY_H
#define QHCP_PROXY_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

struct proxy;
struct balance_algorithm;

#define PROXY_BUCKETS 16 /* of connect times: up to 100 us, 200 us, 400 us ... 3.3 s */
#define PROXY_THREADS 64

/* Why a connection to a server failed, or ended before its time. */
enum proxy_failure {
    PROXY_REFUSED,     /* by the server: nobody listens */
    PROXY_TIMED_OUT,   /* no answer in the connect timeout */
    PROXY_UNREACHABLE, /* the network says so */
    PROXY_RESET,       /* by the server, before it answered */
    PROXY_NO_ANSWER,   /* the server ended it and had not answered a byte */
    PROXY_NO_PORT,     /* this machine has no source port left towards that server */
    PROXY_FAILURES
};
const char *proxy_failure_name(enum proxy_failure f);

/* How a client's connection ended. */
enum proxy_end {
    PROXY_BY_CLIENT, /* both sides have ended it: the client first */
    PROXY_BY_SERVER,
    PROXY_CLIENT_RESET,
    PROXY_SERVER_RESET,
    PROXY_CLIENT_LOST, /* no answer any more, by TCP's own timers */
    PROXY_SERVER_LOST,
    PROXY_IDLE,        /* these are ended by us, and by a reset: nothing moved for too long, */
    PROXY_HALF_CLOSED, /* the same after one side had ended, */
    PROXY_DRAINED,     /* its server leaves and its time is over, */
    PROXY_DOWN,        /* its server is down, */
    PROXY_STOPPED,     /* the load balancer stops, */
    PROXY_OURS,        /* this machine lacks something */
    PROXY_NOBODY,      /* there was no server for it */
    PROXY_ENDS
};
/* "half_closed", for programs; "half-closed for too long", for people. */
const char *proxy_end_name(enum proxy_end e);
const char *proxy_end_words(enum proxy_end e);

/* One connection that has ended. */
struct proxy_ended {
    union qhcp_addr from, to; /* to: the data port; AF_UNSPEC: it reached none */
    enum proxy_end how;
    unsigned tries;               /* servers */
    uint64_t bytes_in, bytes_out; /* in: from the client */
    qhcp_nsec connected_after,
        lasted; /* since it was accepted; the first is 0 where it never was */
};

struct proxy_config {
    uint16_t port;             /* TCP */
    union qhcp_addr bind[2];   /* the addresses; none (AF_UNSPEC): every one of both families */
    const int *listeners;      /* sockets of that port that another process opened: ours from now */
    unsigned n_listeners;      /* on; 0: the port is opened */
    bool shared;               /* the service manager has them too: threads without one of their own
                                * share them, and clients that wait when we end wait on */
    unsigned threads;          /* 1 to PROXY_THREADS */
    size_t max_connections;    /* in all; more wait in the kernel's backlog */
    size_t max_per_source;     /* of one address, or one /64 of IPv6; more are closed at once */
    size_t max_pipes;          /* of bulk: two descriptors each; without one bytes are copied */
    bool send_proxy_v2;        /* servers are told who the client is (header.h) */
    qhcp_nsec connect_timeout; /* to one server */
    qhcp_nsec idle_timeout;    /* nothing in either direction */
    qhcp_nsec half_close_timeout; /* the same, once one side has ended */
    qhcp_nsec hold; /* how long a client waits while some servers are connecting, and no other
                     *                        is there */
    qhcp_nsec client_keep_alive, server_keep_alive; /* TCP's, after so much silence; 0: none */
    const struct balance_algorithm *algorithm;
    void *ctx;
    /* A connection to this server failed (error: errno) or, after failures, succeeded (error 0). */
    void (*server)(void *ctx, size_t id, int error);
    /* The newest table that was published is in force: nobody is sent where it does not say. */
    void (*in_force)(void *ctx);
    /* So many clients more were closed, since there was no server to give them to. */
    void (*nobody)(void *ctx, uint64_t clients);
    /* NULL, or: a connection has ended. */
    void (*ended)(void *ctx, const struct proxy_ended *e);
};

struct proxy_server {
    size_t id; /* never used for another; its lowest 32 bits are small, and no other server of the
                * same table has the same */
    uint64_t key;           /* fleet_key of its name */
    const char *name;       /* for the owner's own use */
    union qhcp_addr target; /* its data port */
    unsigned weight;        /* 1 to 1000 */
    unsigned share;         /* permille: qhcp_view.share */
    unsigned priority;
    bool degraded;
    uint32_t utilization, rate, in_flight, latency_us; /* fleet/fleet.h; FLEET_UNKNOWN */
    uint64_t report; /* the number of the report that in_flight is of */
};

struct proxy_counts {
    union qhcp_addr target; /* these three as they were published last */
    unsigned weight, priority;
    uint32_t in_flight;
    uint64_t connects, failures[PROXY_FAILURES], bytes_in, bytes_out; /* in: from clients */
    uint64_t ends[PROXY_ENDS];
    uint64_t connect_time[PROXY_BUCKETS];
    unsigned latency_us; /* of recent requests; 0: none was seen */
    unsigned errors;     /* permille of the newest connections that failed */
};

/* Opens the port; clients wait.  On failure words says what and why. */
int proxy_new(const struct proxy_config *config, struct proxy **ret, char *words, size_t words_cap);
/* Starts the threads: clients are served.  QHCP_E_IO, QHCP_E_NOMEM. */
int proxy_start(struct proxy *p);
/* The listening sockets of all threads, into ret, which has room for n; how many there are. */
unsigned proxy_listeners(const struct proxy *p, int *ret, unsigned n);
/* Ends every connection and every thread. */
void proxy_free(struct proxy *p);

/* The servers, and what of them is not as in the call before: this costs by what has changed. */
struct proxy_rows {
    const struct proxy_server *at;
    size_t n;
    const uint64_t *changed; /* a bit for each row, from the lowest of the first word on; rows that
                              * are new are changed.  NULL: all */
    bool undecided;          /* nothing is known of some of them yet */
};

/* The fleet is this one as soon as its table and plan are made, by a thread of the proxy's own once
 * that was started (config.in_force); existing connections stay.  rows is read before it returns.
 * QHCP_E_NOMEM: the fleet before stays, and what has changed is still to be published. */
int proxy_publish(struct proxy *p, qhcp_nsec now, const struct proxy_rows *rows);
/* Another algorithm, from the next proxy_publish on. */
void proxy_algorithm(struct proxy *p, const struct balance_algorithm *a);

/* Readable: call proxy_ready. */
int proxy_fd(const struct proxy *p);
void proxy_ready(struct proxy *p);
/* The same for connections that have ended; -1: config.ended is NULL, and there are none. */
int proxy_ended_fd(const struct proxy *p);
void proxy_ended_ready(struct proxy *p);
/* Connections since the start that config.ended did not get: it did not keep up. */
uint64_t proxy_ended_lost(const struct proxy *p);

/* Resets the connections that go to this server now, for this reason. */
void proxy_evict(struct proxy *p, size_t id, enum proxy_end how);

/* Accepts nothing more; existing connections go on. handed_over: another process has the listening
 * sockets; else those who wait in them are taken first. */
void proxy_stop(struct proxy *p, bool handed_over);
/* After proxy_stop: some thread does not know it yet. */
bool proxy_accepting(const struct proxy *p);
size_t proxy_connections(const struct proxy *p);
/* Clients since the start that were closed at once because their source had max_per_source. */
uint64_t proxy_crowded(const struct proxy *p);
/* Connections that go to this server now. */
uint32_t proxy_in_flight(const struct proxy *p, size_t id);
/* False: no such server was published. */
bool proxy_counts(const struct proxy *p, qhcp_nsec now, size_t id, struct proxy_counts *ret);

#endif
