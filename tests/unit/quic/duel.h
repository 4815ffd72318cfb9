/* An endpoint of ours against the rogue peer, in the world's time.  A case says what the peer does,
 * which error the endpoint must answer with, and what it does otherwise to be accepted. */
#ifndef TEST_QUIC_DUEL_H
#define TEST_QUIC_DUEL_H

#include "rogue.h"
#include "world.h"

/* Codes of TLS alerts (RFC 9001, 4.8). */
enum {
    DUEL_UNEXPECTED_MESSAGE = 0x10a,
    DUEL_MISSING_EXTENSION = 0x16d,
    DUEL_NO_APPLICATION_PROTOCOL = 0x178,
    DUEL_IGNORED = -1, /* no error: the packet is dropped, and the connection goes on */
};

struct duel {
    struct world world; /* first: its tap is given no more */
    struct node victim;
    bool victim_is_server;
    union qhcp_addr addr; /* the rogue's */
    struct rogue rogue;
    struct cert ca, cert;
    gnutls_certificate_credentials_t credentials;
};

struct duel *duel_new(bool victim_is_server);
void duel_free(struct duel *d);
/* A connection in which the rogue follows its plan; one after another. */
void duel_meet(struct duel *d, const struct rogue_plan *plan);
void duel_part(struct duel *d);

struct duel_case {
    const char *name;
    int64_t code; /* NGTCP2_* or DUEL_* */
    struct rogue_plan bad, twin;
    /* RESET_STREAM and STOP_SENDING are well where they are, and the end of the session: then QUIC
     * accepts the twin, and QHCP's code closes it. */
    uint64_t twin_code;
};

/* Frames and other bytes of a plan. */
/* clang-format off */
#define DUEL_BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define DUEL_AT(where, text) {.level = (where), .frames = DUEL_BYTES(text)}
#define DUEL_APP(text) DUEL_AT(ROGUE_APP, text)
#define DUEL_PARAMS(drop, text) {.without = (drop), .params = DUEL_BYTES(text)}
/* clang-format on */

/* Runs each of the cases as a test of its own, "server: NAME: CODE", and its exit status. */
int duel_main(const char *victim, const struct duel_case *cases, size_t n);

#endif
