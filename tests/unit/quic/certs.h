/* Certificates made for a test, in memory. */
#ifndef TEST_QUIC_CERTS_H
#define TEST_QUIC_CERTS_H

#include <stdbool.h>
#include <time.h>

struct cert {
    char *pem, *key; /* free with cert_free */
};

struct cert_spec {
    const char *cn;
    const char *dns[3], *ip; /* subject alternative names */
    long from, until;        /* seconds from now; until 0: one day */
    bool ca, client;
    unsigned rsa_p, rsa_q; /* an RSA key of the primes 2^p - 1 and 2^q - 1 instead of an EC key */
    const struct cert *issuer; /* NULL: self-signed */
};

struct cert cert_make(const struct cert_spec *spec);
/* DER of a certificate for a bare public RSA key, with a modulus and an exponent of so many bits;
 * nobody has its private key.  free() it. */
unsigned char *cert_with_rsa(unsigned modulus_bits, unsigned exponent_bits, unsigned *ret_size);
void cert_free(struct cert *c);

#endif
