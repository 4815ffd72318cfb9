/* Signatures of DNS messages with a shared key (TSIG, RFC 8945). */
#ifndef QHCP_SINKS_DNS_TSIG_H
#define QHCP_SINKS_DNS_TSIG_H

#include "sinks/dns_wire.h"

#define DNS_TSIG_SECRET 256 /* bytes */
#define DNS_TSIG_MAC 64
#define DNS_TSIG_FUDGE 300 /* seconds that the two clocks may differ */

struct dns_tsig_key {
    struct dns_name name, algorithm;
    int mac; /* a gnutls_mac_algorithm_t */
    uint8_t secret[DNS_TSIG_SECRET];
    size_t n;
};

struct dns_tsig_mac {
    uint8_t at[DNS_TSIG_MAC];
    size_t n;
};

/* A key as tsig-keygen(8) writes it, `key "NAME" { algorithm hmac-sha256; secret "..."; };`, or
 * ALGORITHM:NAME:SECRET as dig -y takes it.  QHCP_E_PARSE with words, which never have the secret.
 */
int dns_tsig_parse(const char *text, struct dns_tsig_key *ret, char *words, size_t words_cap);

/* Adds the signature to the message, which is whole; its last count becomes 1.  time: unix seconds.
 * o->full where there is no room.  QHCP_E_INTERNAL: there is no such MAC here. */
int dns_tsig_sign(struct dns_out *o, const struct dns_tsig_key *key, int64_t time,
                  struct dns_tsig_mac *ret);

/* Is the answer to that request signed with the key?  0; or QHCP_E_* with words: it is not, or it
 * says that our signature was not good. */
int dns_tsig_verify(const uint8_t *answer, size_t n, const struct dns_tsig_key *key,
                    const struct dns_tsig_mac *request, int64_t time, char *words,
                    size_t words_cap);

#endif
