/* The wrapper of a session ticket (see ticket.h).  Resumption skips the certificate, so a ticket
 * must not outlive what the certificate was judged by.  The file it lies in is private; what is
 * checked here is that the world is still the same, and tls.c judges the stored chain once more.
 *
 *   "QHT1"  fingerprint of trust (32)  SHA-256 of the name (32)  expiry, big-endian (8)  session */
#include "quic/ticket.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include <qhcp/error.h>

#define MAGIC "QHT1"
#define HEAD (4 + 32 + 32 + 8)

static int head_of(const uint8_t fingerprint[32], const char *name, int64_t expires,
                   uint8_t ret[HEAD])
{
    memcpy(ret, MAGIC, 4);
    memcpy(ret + 4, fingerprint, 32);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, name, strlen(name), ret + 36) != 0)
        return QHCP_E_TLS;
    for (unsigned i = 0; i < 8; i++)
        ret[68 + i] = (uint8_t)((uint64_t)expires >> (56 - 8 * i));
    return 0;
}

int quic_ticket_wrap(const uint8_t fingerprint[32], const char *name, int64_t expires,
                     struct slice session, uint8_t **ret, size_t *ret_size)
{
    uint8_t *bytes = malloc(HEAD + session.n);

    if (bytes == NULL)
        return QHCP_E_NOMEM;
    if (head_of(fingerprint, name, expires, bytes) != 0) {
        free(bytes);
        return QHCP_E_TLS;
    }
    memcpy(bytes + HEAD, session.p, session.n);
    *ret = bytes;
    *ret_size = HEAD + session.n;
    return 0;
}

int quic_ticket_open(struct slice ticket, const uint8_t fingerprint[32], const char *name,
                     time_t now, struct slice *ret_session, int64_t *ret_expires)
{
    uint8_t want[HEAD];
    uint64_t expires = 0;

    if (ticket.n <= HEAD || head_of(fingerprint, name, 0, want) != 0 ||
        memcmp(ticket.p, want, 68) != 0)
        return QHCP_E_NOT_FOUND;
    for (unsigned i = 0; i < 8; i++)
        expires = expires << 8 | ticket.p[68 + i];
    if (expires != 0 && now > (int64_t)expires)
        return QHCP_E_NOT_FOUND;
    *ret_session = slice_of(ticket.p + HEAD, ticket.n - HEAD);
    *ret_expires = (int64_t)expires;
    return 0;
}
