/* A hash table of short keys -> connections and what is left of them, duplicates allowed.  Peers
 * choose the keys, so the hash is keyed (SipHash-2-4, Aumasson and Bernstein 2012): no peer can aim
 * at one bucket.  Connection IDs that we have drawn (quic_lookup_own) need no hash: their last
 * bytes are random, and what others look up fills no bucket.
 */
#ifndef QHCP_QUIC_LOOKUP_H
#define QHCP_QUIC_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include <qhcp/types.h>

struct quic_closing;
struct quic_conn;
struct quic_trace;

enum quic_lookup_kind {
    QUIC_LOOKUP_CID = 1, /* a connection ID that the peer sends to */
    QUIC_LOOKUP_TOKEN,   /* a stateless reset token of the peer's */
    QUIC_LOOKUP_REMOTE,  /* a peer's address and port */
    QUIC_LOOKUP_HOST,    /* never in the table: quic_lookup_hash of an address without its port */
};

#define QUIC_LOOKUP_PREFIX 4
#define QUIC_KEY_MAX 21 /* the kind and up to 20 bytes (a connection ID of QUIC version 1) */

struct quic_key {
    uint8_t size;
    uint8_t bytes[QUIC_KEY_MAX];
};

struct quic_link {
    struct quic_link *chain;      /* of the bucket */
    struct quic_link *sibling;    /* the connection's next one; the connection's business */
    struct quic_conn *conn;       /* or NULL, and */
    struct quic_trace *trace;     /* a reset token's, of a connection that is lost */
    struct quic_closing *closing; /* a connection ID's, of a connection that has ended */
    struct quic_key key;
};

struct quic_lookup {
    struct quic_link **buckets;
    size_t n_buckets, count; /* n_buckets is a power of two */
    uint64_t secret[2];
    uint8_t own_size, own_prefix[QUIC_LOOKUP_PREFIX]; /* of our connection IDs; size 0: not told */
};

int quic_lookup_init(struct quic_lookup *t);
/* Connection IDs of this size with this prefix are drawn by us and nobody else's are added: their
 * last 4 bytes are their bucket.  Before the first quic_lookup_add. */
void quic_lookup_own(struct quic_lookup *t, const uint8_t prefix[QUIC_LOOKUP_PREFIX], size_t size);
/* Frees the links that are still in it, too. */
void quic_lookup_deinit(struct quic_lookup *t);

/* n up to 20. */
void quic_key_set(struct quic_key *ret, enum quic_lookup_kind kind, const void *bytes, size_t n);
void quic_key_set_remote(struct quic_key *ret, const union qhcp_addr *remote);
/* Whoever can send from one address of an IPv6 /64 can from all: they are one host. */
void quic_key_set_host(struct quic_key *ret, const union qhcp_addr *remote);
/* SipHash-2-4. */
uint64_t quic_lookup_sip(const uint64_t secret[2], const uint8_t *p, size_t n);
/* With the table's secret. */
uint64_t quic_lookup_hash(const struct quic_lookup *t, const struct quic_key *key);

/* QHCP_E_NOMEM.  The link is the table's until removed. */
int quic_lookup_add(struct quic_lookup *t, const struct quic_key *key, struct quic_conn *conn,
                    struct quic_link **ret);
void quic_lookup_remove(struct quic_lookup *t, struct quic_link *link);

/* Where the links of a connection ID of ours are, whose bytes these are; of others, anywhere. */
struct quic_link *const *quic_lookup_bucket(const struct quic_lookup *t, const uint8_t *id);

/* The first link with this key, and the next one after it; NULL for none. */
struct quic_link *quic_lookup_find(const struct quic_lookup *t, const struct quic_key *key);
struct quic_link *quic_lookup_next(const struct quic_link *link);

#endif
