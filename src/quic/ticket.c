/* The wrapper of a session ticket (see ticket.h).  Resumption skips the certificate, so a ticket
 * must not outlive the facts by which the certificate was judged.  The file it lies in is private;
 * what is checked here is that the world is still the same, and that not a bit of it has changed:
 * GnuTLS 3.7 crashes in the handshake on session data that is damaged. tls.c judges the stored
 * chain once more.
 *
 * "QHT1"  SHA-256 of all that follows (32)
 * fingerprint of trust (32)  SHA-256 of the name (32)  expiry, big-endian (8)  session */
#include "quic/ticket.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include <qhcp/error.h>

#define MAGIC "QHT1"
#define BODY (4 + 32)
#define EXPIRY (BODY + 32 + 32)
#define HEAD (EXPIRY + 8)

static int digest(const void *p, size_t n, uint8_t ret[32])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, p, n, ret) == 0 ? 0 : QHCP_E_TLS;
}

int quic_ticket_wrap(const uint8_t fingerprint[32], const char *name, int64_t expires,
                     struct slice session, uint8_t **ret, size_t *ret_size)
{
    uint8_t *bytes = malloc(HEAD + session.n);
    int rv;

    if (bytes == NULL)
        return QHCP_E_NOMEM;
    memcpy(bytes, MAGIC, 4);
    memcpy(bytes + BODY, fingerprint, 32);
    for (unsigned i = 0; i < 8; i++)
        bytes[EXPIRY + i] = (uint8_t)((uint64_t)expires >> (56 - 8 * i));
    memcpy(bytes + HEAD, session.p, session.n);
    rv = digest(name, strlen(name), bytes + BODY + 32);
    if (rv == 0)
        rv = digest(bytes + BODY, HEAD - BODY + session.n, bytes + 4);
    if (rv != 0) {
        free(bytes);
        return rv;
    }
    *ret = bytes;
    *ret_size = HEAD + session.n;
    return 0;
}

int quic_ticket_open(struct slice ticket, const uint8_t fingerprint[32], const char *name,
                     time_t now, struct slice *ret_session, int64_t *ret_expires)
{
    uint8_t whole[32], name_digest[32];
    uint64_t expires = 0;

    if (ticket.n <= HEAD || memcmp(ticket.p, MAGIC, 4) != 0 ||
        digest(ticket.p + BODY, ticket.n - BODY, whole) != 0 ||
        digest(name, strlen(name), name_digest) != 0 || memcmp(ticket.p + 4, whole, 32) != 0 ||
        memcmp(ticket.p + BODY, fingerprint, 32) != 0 ||
        memcmp(ticket.p + BODY + 32, name_digest, 32) != 0)
        return QHCP_E_NOT_FOUND;
    for (unsigned i = 0; i < 8; i++)
        expires = expires << 8 | ticket.p[EXPIRY + i];
    if (expires != 0 && now > (int64_t)expires)
        return QHCP_E_NOT_FOUND;
    *ret_session = slice_of(ticket.p + HEAD, ticket.n - HEAD);
    *ret_expires = (int64_t)expires;
    return 0;
}
