/* One session between a peer on a stock stack and one of our cores: what both files of the test
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
    bool to_stock;
    size_t len;
    uint8_t data[1500];
};

struct trial {
    qhcp_nsec now, deadline, next, busy_until;
    int64_t wall;
    uint64_t seed;
    unsigned loss;  /* percent */
    qhcp_nsec lazy; /* so long does the stock side think before it sends anything */
    bool nudging;   /* the stock server sends reserved frames behind its control frames */
    unsigned nudges, pushes, answers;
    enum step step;
    bool live; /* `stock` is in use */
    struct stock stock;
    struct stock_config config;
    struct qhcp_server *server; /* the other side is this, */
    struct qhcp_lb *lb;         /* or this */
    struct auth_key *key;
    char *cert, *cert_key, dir[64];
    uint64_t seq, interval_us;
    size_t queued;
    struct flying queue[QUEUE];
};

extern struct trial t;

int64_t trial_wall(void);
/* To this step, which has so much time. */
void trial_enter(enum step step, qhcp_nsec time);

/* The peer's side (roles.c). */
extern const struct stock_config trial_client;
void trial_client_tick(void);
void trial_server_frame(struct stock *s, bool datagram, uint64_t type, const uint8_t *p, size_t n);
void trial_server_leave(void);
void trial_server_tick(void);

#endif
