/* One session between peers of which one or both are on a stock stack: what both files of the test
 * share. */
#ifndef QHCP_TESTS_TRIAL_H
#define QHCP_TESTS_TRIAL_H

#include "auth/auth.h"
#include "stock.h"

#include <qhcp/lb.h>
#include <qhcp/server.h>

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define QUEUE 256

enum step { DIALLING, GREETING, CHECKING, CONFIGURING, LEAVING, DONE, LOST };

struct flying {
    qhcp_nsec at;
    bool to_client;
    size_t len;
    uint8_t data[1500];
};

/* A peer on a stock stack. */
struct side {
    bool live;
    struct stock stock;
    struct stock_config config;
    qhcp_nsec next; /* when its role has something to do, beside what comes */
    unsigned nudges;
};

/* The client is `client` or our_lb, the server `server` or our_server. */
struct trial {
    qhcp_nsec now, deadline, busy_until;
    int64_t wall;
    uint64_t seed;
    unsigned loss;  /* percent */
    qhcp_nsec lazy; /* so long does the client think before it sends anything */
    bool nudging;   /* the server sends reserved frames behind its control frames */
    unsigned pushes, answers;
    enum step step;
    struct side client, server;
    struct qhcp_server *our_server;
    struct qhcp_lb *our_lb;
    struct auth_key *key;
    char *cert, *cert_key, dir[64];
    uint64_t seq;
    size_t queued;
    struct flying queue[QUEUE];
};

extern struct trial t;

int64_t trial_wall(void);
/* To this step, which has so much time. */
void trial_enter(enum step step, qhcp_nsec time);

/* What the peers say (roles.c). */
extern const struct stock_config trial_client;
void trial_client_tick(void);
void trial_server_frame(struct stock *s, bool datagram, uint64_t type, const uint8_t *p, size_t n);
void trial_server_leave(void);
void trial_server_tick(void);

#endif
