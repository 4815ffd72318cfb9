/* What it costs to verify a signature by a certificate's key: the peer has chosen it. */
#ifndef QHCP_QUIC_COST_H
#define QHCP_QUIC_COST_H

#include "quic/verify.h"

/* Is the key small enough to compute with?  0, or QHCP_E_CERT with *ret set. */
int quic_cost_check(gnutls_x509_crt_t cert, struct quic_judgement *ret);

#endif
