/* A load balancer's core and servers' cores in one process: a fake clock, a link in memory, a state
 * directory of their own.  What a test cannot see in a real network in a second, it sees here. */
#ifndef QHCP_TESTS_PAIR_H
#define QHCP_TESTS_PAIR_H

#include <stdbool.h>

#include <qhcp/lb.h>
#include <qhcp/server.h>

#include "base/prng.h"

#define PAIR_SERVERS 4
#define PAIR_EVENTS 64
#define PAIR_LATENCY 100000 /* ns, one way */

struct pair_event {
    enum qhcp_state from, to;
    char reason[QHCP_TEXT];
};

struct pair {
    qhcp_nsec now;
    int64_t wall; /* unix seconds at now 0 */
    int64_t skew; /* the servers' clock is ahead by so much */
    char dir[64];
    struct qhcp_lb *lb;
    struct qhcp_server *servers[PAIR_SERVERS]; /* NULL: nobody listens */
    bool cut[PAIR_SERVERS];                    /* packets vanish, both ways, */
    bool mute[PAIR_SERVERS];                   /* those from it, */
    bool deaf[PAIR_SERVERS];                   /* those to it, */
    bool shy[PAIR_SERVERS];                    /* or only those that begin a handshake */
    uint8_t nat[PAIR_SERVERS]; /* above 0: a NAT, whose flows stay for ever with the target (this
                                * number) that they began with: others lead nowhere */
    bool moved;                /* names have the next server's address alone */
    bool multipath;            /* ... or the next: two routes are equal */
    unsigned asked;            /* for that address */
    uint8_t own;               /* the load balancer's address is 127.0.0.own; 0: it has no way */
    bool icmp;                 /* nobody listening is told by ICMP */
    unsigned loss;             /* percent, each way */
    struct prng random;
    const char *const *services; /* of servers started from now on */
    size_t n_services;
    const struct qhcp_server *share; /* the same, */
    bool metrics_given;
    bool leaving; /* the servers were told to stop: one without a session waits for nothing more */
    qhcp_nsec waits;   /* so long in the load balancer's socket, before they are read */
    int64_t stamp_off; /* the kernel's time stamps are wrong by so much */
    uint64_t patient,
        urgent;        /* short packets from servers that say that they may wait, and others */
    uint64_t packets;  /* that were put on the link, both ways */
    unsigned dials;    /* packets by which the load balancer began or repeated a handshake */
    unsigned sessions; /* that servers granted */
    unsigned warnings; /* lines logged */
    unsigned errors;   /* the same */
    struct pair_event events[PAIR_EVENTS];
    size_t n_events;
};

/* A state directory and nothing else. */
void pair_init(struct pair *p);
void pair_deinit(struct pair *p);
/* The same for cmocka. */
int pair_setup(void **state);
int pair_teardown(void **state);
/* The server at 127.0.0.1:(4243+i), a fresh one each time. */
void pair_start(struct pair *p, int i);
/* The same with a certificate of another CA. */
void pair_start_stranger(struct pair *p, int i);
void pair_kill(struct pair *p, int i);
/* The load balancer that watches servers 0 to n-1; config may be NULL.  It resolves every name to
 * the addresses of the named port's server and the next. */
void pair_watch(struct pair *p, int n, const struct qhcp_lb_config *config);
void pair_reload(struct pair *p, const struct qhcp_lb_config *config);
/* Lets so much time pass, or until `done` says so; true in the latter case. */
bool pair_run(struct pair *p, qhcp_nsec time, bool (*done)(struct pair *p));
/* Lets server 0's next regular check pass.  Where in its interval it comes is by chance; the one
 * after it comes a whole interval later. */
void pair_pass_check(struct pair *p, qhcp_nsec interval);
enum qhcp_state pair_state(struct pair *p, int i);
bool pair_all_up(struct pair *p);

#endif
