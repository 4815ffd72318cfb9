/* Is a peer's certificate acceptable?  With words for the user when it is not. */
#ifndef QHCP_QUIC_VERIFY_H
#define QHCP_QUIC_VERIFY_H

#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define QUIC_WORDS 256

/* Why a certificate is refused. */
struct quic_judgement {
    uint8_t alert;          /* TLS alert (RFC 8446, 6.2); 0: nothing was refused */
    const char *for_peer;   /* static: names no file and nothing that we trust */
    char words[QUIC_WORDS]; /* for our user */
};

/* One of certs, and a list of it alone: GnuTLS confuses CAs of the same name. */
struct quic_ca {
    gnutls_x509_crt_t cert;
    gnutls_x509_trust_list_t list;
};

/* How long a certificate is good: unix seconds. */
struct quic_validity {
    int64_t leaf;  /* until it ends itself */
    int64_t chain; /* until the first of it, its issuers and the CA that is trusted ends */
};

/* What is trusted: CAs, and end-entity certificates that are accepted as they are (pins). */
struct quic_trust {
    gnutls_x509_crt_t *certs;
    unsigned n_certs;
    struct quic_ca *cas;
    unsigned n_cas;
    char name[128];       /* the file it came from, for words */
    char fingerprint[20]; /* the first 16 hex digits of the first certificate's SHA-256 */
    bool given;           /* by the operator: in words only */
};

/* pem may be NULL: nothing is trusted.  QHCP_E_TLS with words, QHCP_E_NOMEM. */
int quic_trust_init(struct quic_trust *t, const char *pem, const char *name, char *words,
                    size_t words_cap);
void quic_trust_deinit(struct quic_trust *t);

/* A chain as TLS gives it, leaf first.  name: the DNS name or address literal that was dialled;
 * NULL for a client's certificate, whose name is not looked at.  0 and how long the answer holds,
 * or QHCP_E_CERT with *ret_why set; ret->leaf says when it ended, for one that is only out of date.
 */
int quic_verify_chain(const struct quic_trust *t, const gnutls_datum_t *chain, unsigned n,
                      const char *name, time_t now, struct quic_validity *ret,
                      struct quic_judgement *ret_why);

/* Are these keys small enough to compute with?  Call it before a signature of the peer is verified:
 * the peer chooses what that costs, but of a CA that is trusted. 0, or QHCP_E_CERT with *ret_why
 * set. */
int quic_verify_cost(const struct quic_trust *t, const gnutls_datum_t *chain, unsigned n,
                     struct quic_judgement *ret_why);

/* Does the certificate name this DNS name or address literal?  Subject alternative names only
 * (RFC 9525): exact, or "*." for one whole label. */
bool quic_verify_name(gnutls_x509_crt_t cert, const char *name);

#endif
