/* A QUIC peer that has the keys and lies.  The peer is an endpoint of ours, in the same process as
 * its victim; liar*.c stand between that endpoint and its libraries: the linker takes their
 * functions in place of those of ngtcp2 and GnuTLS of the same name, and each passes the victim's
 * calls on as they are.
 *
 *   liar.c        whose call it is; randomness that repeats; the liar's keys, and frames of its own
 *                 in the packets that its library writes
 *   liar_tls.c    the liar's TLS messages, transport parameters, extensions and priorities
 *   liar_frames.c what the victim acknowledges
 *   liar_seal.c   packets that no library wrote, sealed with the liar's keys
 *
 * One liar a process.  Bytes that are given (p, n) are borrowed until liar_end. */
#ifndef FUZZ_LIAR_H
#define FUZZ_LIAR_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LIAR_INITIAL, LIAR_HANDSHAKE, LIAR_SHORT, LIAR_LEVELS }; /* as NGTCP2_ENCRYPTION_LEVEL_* */

#define LIAR_RULES 16
/* Packets that liar_seal makes are numbered from here on, the library's own from 0. */
#define LIAR_FIRST_NUMBER 0x1000

struct liar_rule {
    uint8_t which, how;
    const uint8_t *p;
    size_t n;
};

struct liar_rules {
    size_t count;
    struct liar_rule rules[LIAR_RULES];
};

struct liar_keys {
    bool known;
    bool current; /* the library has them still */
    ngtcp2_crypto_aead aead;
    ngtcp2_crypto_cipher hp;
    ngtcp2_crypto_aead_ctx ctx;
    ngtcp2_crypto_cipher_ctx hp_ctx;
    size_t iv_size;
    uint8_t iv[16];
    uint32_t next; /* packet number of the next sealed packet */
};

struct liar {
    bool server;       /* the liar's side */
    bool acting;       /* the library is called for the liar, not for the victim */
    ngtcp2_conn *conn; /* the liar's newest; NULL when it is gone */
    struct liar_keys keys[LIAR_LEVELS];
    uint64_t crypto_sent[LIAR_LEVELS]; /* bytes of CRYPTO data */
    uint8_t secrets[2][64];            /* of the short header: the liar's, the victim's */
    size_t secret_size;
    bool phase; /* key phase of sealed packets */
    unsigned messages;
    struct liar_rules message_rules, param_rules, frame_rules, extension_rules;
    unsigned priorities;

    /* What the victim sent. */
    uint32_t heard[LIAR_LEVELS]; /* largest packet number */
    bool heard_any[LIAR_LEVELS];
    uint8_t challenge[NGTCP2_PATH_CHALLENGE_DATALEN];
};

extern struct liar liar;

/* Forgets all of the last time. */
void liar_begin(bool server);
void liar_end(void);
/* Around the calls that make the liar's library read or write. */
void liar_acts(bool acting);
void liar_add_rule(struct liar_rules *rules, uint8_t which, uint8_t how, const uint8_t *p,
                   size_t n);

static inline bool liar_is(ngtcp2_conn *conn)
{
    return (ngtcp2_conn_is_server(conn) != 0) == liar.server;
}

/* For the libraries to find, too, in place of their own. */
#define STANDS_IN __attribute__((visibility("default")))
/* The library's function of this name, which a function of liar*.c stands in for. */
void *liar_real(const char *name);
#define REAL(name) ((__typeof__(&name))liar_real(#name))

/* liar_tls.c: a TLS message (type, 3 bytes of length, body), through the library. */
void liar_say(unsigned level, uint8_t type, const uint8_t *p, size_t n);

/* liar_frames.c: PADDING in place of acknowledgements of packets that the library did not write. */
void liar_hide_acks(uint8_t *frames, size_t size);

/* liar_seal.c */
struct liar_packet {
    unsigned level;
    bool early;       /* a 0-RTT packet, with the Initial keys: nobody has others */
    uint32_t back;    /* so much below the next packet number; 0: the next one */
    uint8_t bits;     /* turned in the first byte, before it is protected */
    uint8_t dcid[20]; /* the victim's */
    size_t dcid_size;
    uint8_t scid[20];
    size_t scid_size;
    const uint8_t *frames;
    size_t n;
};
/* Bytes of the packet; 0: no keys, or no room. */
size_t liar_seal(const struct liar_packet *packet, uint8_t *ret, size_t cap);
/* The next generation of the short header's keys. */
void liar_update_keys(void);

#endif
