/* A QUIC peer for tests, of either side, that obeys nothing.  GnuTLS makes its TLS messages;
 * packets, frames and transport parameters are made here byte by byte, so that a test can say
 * anything at any encryption level, properly sealed.  It knows QUIC v1 and TLS_AES_128_GCM_SHA256,
 * no loss, no Retry.
 *
 * No socket and no clock: packets go in by rogue_receive and out by the `send` that the test gives.
 * rogue.c is the life of a connection and what it writes,
 * rogue_read.c what it reads, rogue_seal.c the protection of packets (RFC 9001, 5). */
#ifndef TEST_QUIC_ROGUE_H
#define TEST_QUIC_ROGUE_H

#include <gnutls/gnutls.h>
#include <stdbool.h>

#include "base/slice.h"

#define ROGUE_CID 8
#define ROGUE_PACKET 1452
#define ROGUE_HELD 131072

enum rogue_level { ROGUE_INITIAL, ROGUE_HANDSHAKE, ROGUE_APP, ROGUE_LEVELS };

/* What this peer does otherwise than an honest one; all zero: nothing. */
struct rogue_plan {
    struct slice params;    /* appended to the transport parameters */
    const char *without;    /* ids, in hex digits pairs: these transport parameters are left out */
    bool no_params;         /* the extension is left out */
    bool no_params_again;   /* client: ... of the second ClientHello (see `priorities`) */
    const char *alpn;       /* "": none; NULL: qhcp/1 */
    const char *priorities; /* GnuTLS's, instead of the usual ones */
    struct slice from, to;  /* in the TLS messages of the handshake; of the same length */
    enum rogue_level level; /* where `frames` and `bits` go */
    struct slice frames;    /* sent in a packet as soon as the level's keys are known, before any
                               TLS message of that level; at ROGUE_APP: see rogue_send */
    uint8_t bits;           /* turned in the first byte of that packet */
    bool empty;             /* that packet has no frames at all */
    bool early;             /* server: ... before it has heard the client's Finished */
};

struct rogue_keys {
    bool known;
    uint8_t key[16], iv[12], hp[16];
};

/* One packet number space. */
struct rogue_space {
    struct rogue_keys rx, tx;
    uint64_t next;   /* our next packet number */
    int64_t largest; /* the largest that was received; -1 */
    int64_t acked;   /* the largest of ours that the other side acknowledged; -1 */
    uint64_t crypto_sent, crypto_read; /* offsets */
    size_t n_held;
    uint8_t held[ROGUE_HELD]; /* TLS messages that have not left */
    bool began;               /* the plan's packet has left */
};

/* How the other side closed. */
struct rogue_close {
    bool seen, application;
    uint64_t code;
    char words[256];
};

struct rogue_id {
    size_t size;
    uint8_t bytes[20], token[16];
};

struct rogue {
    bool server;
    const struct rogue_plan *plan;
    void (*send)(void *ctx, const uint8_t *p, size_t n);
    void *ctx;

    gnutls_session_t tls;
    struct rogue_space spaces[ROGUE_LEVELS];
    uint8_t scid[ROGUE_CID];
    uint8_t dcid[20], first_dcid[20]; /* first: of the first Initial */
    size_t dcid_size, first_dcid_size;
    unsigned hellos;    /* that were written */
    bool complete;      /* TLS says so */
    bool confirmed;     /* client: HANDSHAKE_DONE came */
    unsigned tokens;    /* client: NEW_TOKEN frames that came */
    struct rogue_id id; /* of the newest NEW_CONNECTION_ID that came */
    struct rogue_close close;
};

/* A client sends its first packet from within.  credentials: the caller's, with a certificate where
 * it is a server. */
void rogue_init(struct rogue *r, bool server, const struct rogue_plan *plan,
                gnutls_certificate_credentials_t credentials,
                void (*send)(void *ctx, const uint8_t *p, size_t n), void *ctx);
void rogue_deinit(struct rogue *r);
void rogue_receive(struct rogue *r, const uint8_t *p, size_t n);

/* One packet with these frames; bits are turned in its first byte.  An Initial is padded to 1,200.
 */
void rogue_send(struct rogue *r, enum rogue_level level, struct slice frames, uint8_t bits);
/* TLS bytes, where the stream of CRYPTO frames has come to. */
void rogue_crypto(struct rogue *r, enum rogue_level level, struct slice bytes);
/* The plan's packet at ROGUE_APP. */
void rogue_begin(struct rogue *r, enum rogue_level level);

/* From rogue_read.c: what a CRYPTO frame brought. */
void rogue_take_crypto(struct rogue *r, enum rogue_level level, uint64_t offset, struct slice data);

/* rogue_seal.c */

/* Of an Initial with this destination ID: the client's keys and the server's (RFC 9001, 5.2). */
void rogue_initial_keys(const uint8_t *dcid, size_t n, struct rogue_keys *ret_client,
                        struct rogue_keys *ret_server);
void rogue_traffic_keys(const uint8_t secret[32], struct rogue_keys *ret);
/* packet: header with a packet number of 4 bytes that ends at `head`, then `n` bytes of frames;
 * room for 16 more. */
void rogue_seal(const struct rogue_keys *keys, uint64_t number, uint8_t *packet, size_t head,
                size_t n);
/* number_at: where the packet number begins.  The frames' bytes, decrypted in place, or an empty
 * slice. */
struct slice rogue_open(const struct rogue_keys *keys, uint64_t expected, uint8_t *packet,
                        size_t number_at, size_t n, uint64_t *ret_number);

#endif
