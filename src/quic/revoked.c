#include "quic/revoked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#define ALERT_REVOKED 44 /* RFC 8446, 6.2 */

int quic_revoked_init(struct quic_revoked *r, const uint8_t *prints, size_t n)
{
    uint8_t *copy = n > 0 ? malloc(n * QUIC_PRINT) : NULL;

    if (n > 0 && copy == NULL)
        return QHCP_E_NOMEM;
    if (n > 0)
        memcpy(copy, prints, n * QUIC_PRINT);
    *r = (struct quic_revoked){copy, n};
    return 0;
}

void quic_revoked_deinit(struct quic_revoked *r)
{
    free(r->prints);
    *r = (struct quic_revoked){0};
}

bool quic_revoked_print(const gnutls_datum_t *cert, uint8_t ret[QUIC_PRINT])
{
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, cert->data, cert->size, ret) == 0;
}

bool quic_revoked_has(const struct quic_revoked *r, const uint8_t print[QUIC_PRINT])
{
    for (size_t i = 0; i < r->n; i++)
        if (memcmp(r->prints + i * QUIC_PRINT, print, QUIC_PRINT) == 0)
            return true;
    return false;
}

int quic_revoked_refuse(struct quic_judgement *ret)
{
    *ret = (struct quic_judgement){.alert = ALERT_REVOKED, .for_peer = "certificate was revoked"};
    snprintf(
        ret->words, sizeof(ret->words),
        "certificate was revoked: run `qhcp keys export` on the machine with the CA, and `qhcp "
        "keys import` on the server");
    return QHCP_E_CERT;
}
