/* Is a chain of certificates small enough to read?  The cost of reading one grows with the square
 * of its elements: a certificate of 60 kB keeps GnuTLS busy for more than a second, and all
 * servers' checks wait meanwhile.  So this is checked before GnuTLS reads any.
 *
 * In: the body of a Certificate message.  Out: yes, or what is too large.  Pure: it walks over the
 * DER's headers, and reads nothing but lengths. */
#ifndef QHCP_QUIC_CHAIN_H
#define QHCP_QUIC_CHAIN_H

#include <stddef.h>
#include <stdint.h>

#define CHAIN_CERTS 8
#define CHAIN_BYTES 16384   /* eight of RSA 4096, or one for 254 addresses and two CAs */
#define CHAIN_FRAME 5       /* of those, beside each certificate (RFC 8446, 4.4.2) */
#define CHAIN_ELEMENTS 1024 /* of DER in one certificate: one for 254 names has 400 */

enum chain_verdict {
    CHAIN_FITS,
    CHAIN_TOO_LONG, /* more than CHAIN_CERTS */
    CHAIN_TOO_LARGE,
    CHAIN_TOO_COMPLEX,
    CHAIN_MALFORMED, /* no Certificate message, or no DER (X.690, 10) */
};

/* A Certificate message (RFC 8446, 4.4.2) without its header. */
enum chain_verdict chain_judge(const uint8_t *message, size_t n);

/* One certificate: CHAIN_FITS, CHAIN_TOO_COMPLEX or CHAIN_MALFORMED. */
enum chain_verdict chain_judge_der(const uint8_t *der, size_t n);

/* "the chain has more than 8 certificates": for people; static.  NULL for CHAIN_FITS. */
const char *chain_words(enum chain_verdict verdict);

#endif
