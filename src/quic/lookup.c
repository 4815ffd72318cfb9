/* Which connection is a packet for?  See lookup.h.  Chained buckets; a link is allocated when a
 * connection ID is issued, never on the path of a packet. */
#include "quic/lookup.h"

#include <endian.h>
#include <gnutls/crypto.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#define FIRST_BUCKETS 64

static uint64_t rotate(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
    while (n-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

/* Up to 8 bytes, little-endian. */
static uint64_t word(const uint8_t *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return le64toh(w);
}

uint64_t quic_lookup_sip(const uint64_t secret[2], const uint8_t *p, size_t n)
{
    uint64_t last = (uint64_t)n << 56;
    uint64_t v[4] = {
        secret[0] ^ 0x736f6d6570736575, /* "somepseudorandomlygeneratedbytes" */
        secret[1] ^ 0x646f72616e646f6d,
        secret[0] ^ 0x6c7967656e657261,
        secret[1] ^ 0x7465646279746573,
    };

    for (; n >= 8; p += 8, n -= 8) {
        uint64_t w = word(p, 8);

        v[3] ^= w;
        sip_rounds(v, 2);
        v[0] ^= w;
    }
    last |= word(p, n);
    v[3] ^= last;
    sip_rounds(v, 2);
    v[0] ^= last;
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t quic_lookup_hash(const struct quic_lookup *t, const struct quic_key *key)
{
    return quic_lookup_sip(t->secret, key->bytes, key->size);
}

static bool is_own(const struct quic_lookup *t, const struct quic_key *key)
{
    return key->bytes[0] == QUIC_LOOKUP_CID && key->size == t->own_size + 1 &&
           memcmp(key->bytes + 1, t->own_prefix, QUIC_LOOKUP_PREFIX) == 0;
}

/* Of a connection ID of ours. */
static struct quic_link **own_bucket(const struct quic_lookup *t, const uint8_t *id)
{
    uint32_t last;

    memcpy(&last, id + t->own_size - sizeof(last), sizeof(last));
    return &t->buckets[last & (t->n_buckets - 1)];
}

static struct quic_link **bucket_of(const struct quic_lookup *t, const struct quic_key *key)
{
    return is_own(t, key) ? own_bucket(t, key->bytes + 1)
                          : &t->buckets[quic_lookup_hash(t, key) & (t->n_buckets - 1)];
}

static int same_key(const struct quic_key *a, const struct quic_key *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

int quic_lookup_init(struct quic_lookup *t)
{
    struct quic_lookup fresh = {.n_buckets = FIRST_BUCKETS};

    if (gnutls_rnd(GNUTLS_RND_RANDOM, fresh.secret, sizeof(fresh.secret)) != 0)
        return QHCP_E_TLS;
    fresh.buckets = calloc(fresh.n_buckets, sizeof(*fresh.buckets));
    if (fresh.buckets == NULL)
        return QHCP_E_NOMEM;
    *t = fresh;
    return 0;
}

void quic_lookup_own(struct quic_lookup *t, const uint8_t prefix[QUIC_LOOKUP_PREFIX], size_t size)
{
    t->own_size = (uint8_t)size;
    memcpy(t->own_prefix, prefix, QUIC_LOOKUP_PREFIX);
}

void quic_lookup_deinit(struct quic_lookup *t)
{
    for (size_t i = 0; i < t->n_buckets; i++) {
        struct quic_link *link = t->buckets[i];

        while (link != NULL) {
            struct quic_link *next = link->chain;

            free(link);
            link = next;
        }
    }
    free(t->buckets);
    *t = (struct quic_lookup){0};
}

void quic_key_set(struct quic_key *ret, enum quic_lookup_kind kind, const void *bytes, size_t n)
{
    ret->size = (uint8_t)(n + 1);
    ret->bytes[0] = (uint8_t)kind;
    if (n > 0)
        memcpy(ret->bytes + 1, bytes, n);
}

void quic_key_set_remote(struct quic_key *ret, const union qhcp_addr *remote)
{
    uint8_t bytes[2 + sizeof(struct in6_addr)];

    if (remote->sa.sa_family == AF_INET6) {
        memcpy(bytes, &remote->in6.sin6_port, 2);
        memcpy(bytes + 2, &remote->in6.sin6_addr, sizeof(remote->in6.sin6_addr));
        quic_key_set(ret, QUIC_LOOKUP_REMOTE, bytes, 2 + sizeof(remote->in6.sin6_addr));
    } else {
        memcpy(bytes, &remote->in.sin_port, 2);
        memcpy(bytes + 2, &remote->in.sin_addr, sizeof(remote->in.sin_addr));
        quic_key_set(ret, QUIC_LOOKUP_REMOTE, bytes, 2 + sizeof(remote->in.sin_addr));
    }
}

void quic_key_set_host(struct quic_key *ret, const union qhcp_addr *remote)
{
    if (remote->sa.sa_family == AF_INET6)
        quic_key_set(ret, QUIC_LOOKUP_HOST, &remote->in6.sin6_addr, 8);
    else
        quic_key_set(ret, QUIC_LOOKUP_HOST, &remote->in.sin_addr, sizeof(remote->in.sin_addr));
}

/* Doubles the table; on failure it stays as it is, only slower. */
static void grow(struct quic_lookup *t)
{
    struct quic_lookup wide = *t;

    wide.n_buckets *= 2;
    wide.buckets = calloc(wide.n_buckets, sizeof(*wide.buckets));
    if (wide.buckets == NULL)
        return;
    for (size_t i = 0; i < t->n_buckets; i++) {
        struct quic_link *link = t->buckets[i];

        while (link != NULL) {
            struct quic_link *next = link->chain, **bucket = bucket_of(&wide, &link->key);

            link->chain = *bucket;
            *bucket = link;
            link = next;
        }
    }
    free(t->buckets);
    *t = wide;
}

int quic_lookup_add(struct quic_lookup *t, const struct quic_key *key, struct quic_conn *conn,
                    struct quic_link **ret)
{
    struct quic_link *link = malloc(sizeof(*link)), **bucket;

    if (link == NULL)
        return QHCP_E_NOMEM;
    if (t->count >= t->n_buckets)
        grow(t);
    bucket = bucket_of(t, key);
    *link = (struct quic_link){.chain = *bucket, .conn = conn, .key = *key};
    *bucket = link;
    t->count++;
    *ret = link;
    return 0;
}

void quic_lookup_remove(struct quic_lookup *t, struct quic_link *link)
{
    struct quic_link **at = bucket_of(t, &link->key);

    while (*at != link)
        at = &(*at)->chain;
    *at = link->chain;
    t->count--;
    free(link);
}

struct quic_link *const *quic_lookup_bucket(const struct quic_lookup *t, const uint8_t *id)
{
    return own_bucket(t, id);
}

struct quic_link *quic_lookup_find(const struct quic_lookup *t, const struct quic_key *key)
{
    struct quic_link *link = *bucket_of(t, key);

    while (link != NULL && !same_key(&link->key, key))
        link = link->chain;
    return link;
}

struct quic_link *quic_lookup_next(const struct quic_link *link)
{
    struct quic_link *next = link->chain;

    while (next != NULL && !same_key(&next->key, &link->key))
        next = next->chain;
    return next;
}
