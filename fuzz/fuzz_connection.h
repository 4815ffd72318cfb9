/* The victim, the liar, and the network between them; see fuzz_connection.c. */
#ifndef FUZZ_CONNECTION_H
#define FUZZ_CONNECTION_H

#include "liar.h"
#include "quic/quic.h"

enum { VICTIM, LIAR };

#define WORLD_QUEUE 64
#define WORLD_PACKET 1500
#define WORLD_PATHS 5 /* addresses that the liar may send from */
#define WORLD_TURNS 120

struct world_packet {
    unsigned to, path;
    size_t size;
    uint8_t data[WORLD_PACKET];
};

struct side {
    struct quic_endpoint *endpoint;
    struct quic_conn *conn; /* the newest that is connected, or NULL */
    bool holds;             /* calls quic_conn_hold_ack */
};

struct world_options {
    bool server_lies, resume, retry, ipv6, want_cert;
};

struct world {
    qhcp_nsec now;
    struct world_options options;
    struct side sides[2];
    union qhcp_addr victim_addr, addrs[WORLD_PATHS];
    unsigned from; /* the liar's address */
    unsigned deaf; /* a bit for each of them: what is sent there is lost */
    unsigned lose[2];
    size_t first, count;
    struct world_packet queue[WORLD_QUEUE], before[WORLD_QUEUE]; /* before: to the victim */
    size_t n_before;
};

void world_begin(struct world *w, const struct world_options *options);
/* Also runs the victim's time out, and aborts when a connection of its does not end. */
void world_end(struct world *w);
/* A new connection, from whichever side is the client. */
void world_dial(struct world *w, bool resume);
/* Takes what both want to send, and delivers one packet; false: there is none.  MUTE: what is on
 * its way comes first, before anybody is asked; STILL: no time passes. */
enum { WORLD_MUTE = 1, WORLD_STILL = 2 };
bool world_deliver(struct world *w, unsigned how);
/* A packet of the liar's that its library did not write. */
void world_inject(struct world *w, const uint8_t *p, size_t n);
/* One that the victim has had already. */
void world_replay(struct world *w, unsigned which);
void world_reverse(struct world *w);
void world_expire_liar(struct world *w);
void world_suspect(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain);

#endif
