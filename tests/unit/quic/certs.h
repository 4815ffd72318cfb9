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
    const struct cert *issuer; /* NULL: self-signed */
};

struct cert cert_make(const struct cert_spec *spec);
void cert_free(struct cert *c);

#endif
