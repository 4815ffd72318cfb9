/* The wrapper of a session ticket (see ticket.h).  Resumption skips the certificate, so a ticket
 * must not outlive the facts by which the certificate was judged: the key is that of the trust, the
 * name and the dates are in it.  And not a bit of it may have changed: GnuTLS 3.7 crashes in the
 * handshake on session data that is damaged.
 *
 * "QHT2"  HMAC-SHA256 of all that follows (32)  SHA-256 of the name (32)
 * the leaf's end, the chain's, big-endian (8 each; 0: not verified)  session */
#include "quic/ticket.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include <qhcp/error.h>

#define MAGIC "QHT2"
#define BODY (4 + 32)
#define DATES (BODY + 32)
#define HEAD (DATES + 16)

static int seal(const uint8_t key[QUIC_TICKET_KEY], const uint8_t *body, size_t n, uint8_t ret[32])
{
    return gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, QUIC_TICKET_KEY, body, n, ret) == 0
               ? 0
               : QHCP_E_TLS;
}

static int digest_name(const char *name, uint8_t ret[32])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, name, strlen(name), ret) == 0 ? 0 : QHCP_E_TLS;
}

static void put_time(uint8_t *p, int64_t at)
{
    for (unsigned i = 0; i < 8; i++)
        p[i] = (uint8_t)((uint64_t)at >> (56 - 8 * i));
}

static int64_t get_time(const uint8_t *p)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < 8; i++)
        at = at << 8 | p[i];
    return (int64_t)at;
}

int quic_ticket_wrap(const uint8_t key[QUIC_TICKET_KEY], const char *name,
                     const struct quic_validity *valid, struct slice session, uint8_t **ret,
                     size_t *ret_size)
{
    uint8_t *bytes = malloc(HEAD + session.n);
    int rv;

    if (bytes == NULL)
        return QHCP_E_NOMEM;
    memcpy(bytes, MAGIC, 4);
    put_time(bytes + DATES, valid->leaf);
    put_time(bytes + DATES + 8, valid->chain);
    memcpy(bytes + HEAD, session.p, session.n);
    rv = digest_name(name, bytes + BODY);
    if (rv == 0)
        rv = seal(key, bytes + BODY, HEAD - BODY + session.n, bytes + 4);
    if (rv != 0) {
        free(bytes);
        return rv;
    }
    *ret = bytes;
    *ret_size = HEAD + session.n;
    return 0;
}

int quic_ticket_open(struct slice ticket, const uint8_t key[QUIC_TICKET_KEY], const char *name,
                     time_t now, struct slice *ret_session, struct quic_validity *ret_valid)
{
    uint8_t whole[32], name_digest[32];
    struct quic_validity valid;

    if (ticket.n <= HEAD || memcmp(ticket.p, MAGIC, 4) != 0 ||
        seal(key, ticket.p + BODY, ticket.n - BODY, whole) != 0 ||
        gnutls_memcmp(ticket.p + 4, whole, 32) != 0 || digest_name(name, name_digest) != 0 ||
        memcmp(ticket.p + BODY, name_digest, 32) != 0)
        return QHCP_E_NOT_FOUND;
    valid.leaf = get_time(ticket.p + DATES);
    valid.chain = get_time(ticket.p + DATES + 8);
    if (valid.chain != 0 && now > valid.chain)
        return QHCP_E_NOT_FOUND;
    *ret_session = slice_of(ticket.p + HEAD, ticket.n - HEAD);
    *ret_valid = valid;
    return 0;
}
