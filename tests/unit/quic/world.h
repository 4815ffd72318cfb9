/* A world in memory for tests of src/quic: endpoints with addresses, a link that delays, loses,
 * duplicates and reorders, and a clock that jumps to the next thing that happens. */
#ifndef TEST_QUIC_WORLD_H
#define TEST_QUIC_WORLD_H

#include <stdbool.h>

#include "certs.h"
#include "quic/quic.h"

#define WORLD_NODES 4

struct world;

/* One endpoint and what happened at it.  A test's own behaviour: the on_* hooks. */
struct node {
    struct world *world;
    struct quic_endpoint *endpoint;
    union qhcp_addr addr;
    bool deaf, mute; /* packets to it / from it vanish */

    struct quic_conn *conn; /* the newest that connected or was accepted */
    unsigned accepted, connected, closed, tickets, datagrams, control_acked;
    unsigned forgotten;      /* by a trace's peer */
    unsigned fates[4];       /* by enum quic_fate */
    uint64_t sent, received; /* packets */
    size_t control_size;
    uint8_t control[70000];
    struct quic_close why;
    uint8_t ticket[32768];
    size_t ticket_size;
    bool resumed;
    int64_t peer_expires;

    int (*on_accepted)(struct node *n, struct quic_conn *c);
    void (*on_connected)(struct node *n, struct quic_conn *c);
    void (*on_control)(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size);
    void (*on_datagram)(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size);
    void (*on_closed)(struct node *n, struct quic_conn *c);
};

struct flight {
    struct flight *next;
    qhcp_nsec at;
    uint8_t ecn;
    union qhcp_addr from, to;
    size_t size;
    uint8_t data[];
};

struct world {
    qhcp_nsec now;
    qhcp_nsec delay, jitter; /* one way */
    unsigned loss;           /* per thousand */
    unsigned duplicate;      /* per thousand */
    uint64_t random;
    struct flight *flights; /* by arrival */
    struct node *nodes[WORLD_NODES];
    size_t n_nodes;
    /* Sees every packet that is sent; false loses it. */
    bool (*tap)(struct world *w, struct node *from, const struct qhcp_packet *p);
    unsigned tapped;
};

void world_init(struct world *w, uint64_t seed);
void world_deinit(struct world *w);

/* Adds an endpoint at 10.0.0.N:4243, N from 1.  The node is the caller's and outlives the world. */
void world_add(struct world *w, struct node *n, const struct quic_endpoint_config *config,
               struct quic_tls *tls);
/* In the node's place: another endpoint at the same address, as after a restart. */
void world_restart(struct world *w, struct node *n, const struct quic_endpoint_config *config,
                   struct quic_tls *tls);
/* Runs until then, or until `done` says so. */
void world_run(struct world *w, qhcp_nsec for_nsec, bool (*done)(struct world *w));
/* A packet from nowhere. */
void world_inject(struct world *w, const union qhcp_addr *from, struct node *to,
                  const uint8_t *data, size_t size);
uint64_t world_random(struct world *w);

struct quic_endpoint_config world_server_config(void);
struct quic_endpoint_config world_client_config(void);
struct quic_tls *world_tls(const struct quic_tls_config *config);
struct quic_conn *world_dial(struct node *client, struct node *server, const char *name);
struct quic_conn *world_dial_with(struct node *client, struct node *server, const char *name,
                                  const uint8_t *ticket, size_t ticket_size);

/* The usual pair: a CA, a server for a.example, a client that trusts the CA. */
struct pair {
    struct world world;
    struct cert ca, cert;
    struct quic_tls *server_tls, *client_tls;
    struct node server, client;
};

void world_pair_init(struct pair *p);
void world_pair_deinit(struct pair *p);
/* Dials a.example, runs until both are connected and everything is quiet. */
struct quic_conn *pair_connect(struct pair *p);

#endif
