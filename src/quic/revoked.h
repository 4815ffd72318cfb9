/* Certificates that are refused though their signatures verify: by the SHA-256 of each. */
#ifndef QHCP_QUIC_REVOKED_H
#define QHCP_QUIC_REVOKED_H

#include "quic/verify.h"

#define QUIC_PRINT 32

struct quic_revoked {
    uint8_t *prints; /* n of QUIC_PRINT bytes */
    size_t n;
};

/* Copies.  QHCP_E_NOMEM. */
int quic_revoked_init(struct quic_revoked *r, const uint8_t *prints, size_t n);
void quic_revoked_deinit(struct quic_revoked *r);
/* Of a certificate (DER).  False: it cannot be had. */
bool quic_revoked_print(const gnutls_datum_t *cert, uint8_t ret[QUIC_PRINT]);
bool quic_revoked_has(const struct quic_revoked *r, const uint8_t print[QUIC_PRINT]);
/* QHCP_E_CERT. */
int quic_revoked_refuse(struct quic_judgement *ret);

#endif
