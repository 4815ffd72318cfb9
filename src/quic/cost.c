/* See cost.h. */
#include "quic/cost.h"

#include <stdio.h>

#include <qhcp/error.h>

#define RSA_BITS 8192 /* a signature of 65536 bits takes 20 s to verify */
#define RSA_EXPONENT_BITS 64

/* Bits of a big-endian number. */
static unsigned count_bits(const gnutls_datum_t *d)
{
    unsigned i = 0, bits;

    while (i < d->size && d->data[i] == 0)
        i++;
    if (i == d->size)
        return 0;
    bits = (d->size - i) * 8;
    for (unsigned first = d->data[i]; !(first & 0x80); first <<= 1)
        bits--;
    return bits;
}

static int refuse(struct quic_judgement *ret, const char *for_peer)
{
    ret->alert = GNUTLS_A_BAD_CERTIFICATE;
    ret->for_peer = for_peer;
    return QHCP_E_CERT;
}

/* The other algorithms' keys have sizes that TLS knows and bounds. */
int quic_cost_check(gnutls_x509_crt_t cert, struct quic_judgement *ret)
{
    int algorithm = gnutls_x509_crt_get_pk_algorithm(cert, NULL);
    gnutls_datum_t n = {0}, e = {0};
    bool large, slow;

    if (algorithm != GNUTLS_PK_RSA && algorithm != GNUTLS_PK_RSA_PSS)
        return 0;
    if (gnutls_x509_crt_get_pk_rsa_raw(cert, &n, &e) != 0) {
        snprintf(ret->words, sizeof(ret->words), "certificate's RSA key cannot be read");
        return refuse(ret, "unreadable certificate");
    }
    large = count_bits(&n) > RSA_BITS;
    slow = count_bits(&e) > RSA_EXPONENT_BITS;
    gnutls_free(n.data);
    gnutls_free(e.data);
    if (!large && !slow)
        return 0;
    if (large)
        snprintf(ret->words, sizeof(ret->words), "certificate's RSA key is larger than %d bits",
                 RSA_BITS);
    else
        snprintf(ret->words, sizeof(ret->words),
                 "certificate's RSA exponent is larger than %d bits", RSA_EXPONENT_BITS);
    return refuse(ret, large ? "certificate's RSA key is too large"
                             : "certificate's RSA exponent is too large");
}
