/* Certificates and their keys, on GnuTLS: made, read, compared.  EC P-256 with SHA-256 throughout.
 * PEM texts in and out; no files, no clock. */
#ifndef QHCP_STATE_PKI_H
#define QHCP_STATE_PKI_H

#include <stdbool.h>
#include <stdint.h>

#include <gnutls/x509.h>

#include "base/slice.h"
#include "base/words.h"
#include "state/names.h"

#define PKI_DAY 86400
#define PKI_CA_LIFETIME (3650LL * PKI_DAY)
#define PKI_AUTO_LIFETIME (90LL * PKI_DAY)
#define PKI_EXPORT_LIFETIME (730LL * PKI_DAY)
#define PKI_RENEW_BEFORE (30LL * PKI_DAY)
/* The CA is renewed (same key, same name) while every certificate that it exports still fits. */
#define PKI_CA_RENEW_BEFORE (PKI_EXPORT_LIFETIME + 60LL * PKI_DAY)
/* Where every certificate begins: clocks may be ahead when a machine starts for the first time, and
 * an early beginning gives nothing away, since the key did not exist then. */
#define PKI_BEGIN 0
#define PKI_FINGERPRINT 72 /* "sha256:", 64 hex digits and a NUL */
#define PKI_PEM_MAX 65536  /* largest PEM file that is read: a long chain is a tenth of it */

/* A new private key, and its PEM (PKCS #8; gnutls_free'd by file_wipe's twin pki_free). */
int pki_key_new(gnutls_x509_privkey_t *ret, const struct words *w);
int pki_key_pem(gnutls_x509_privkey_t key, char **ret, const struct words *w);
/* `where` names the text in words: a path, or a bundle's member. */
int pki_key_load(struct slice pem, const char *where, gnutls_x509_privkey_t *ret,
                 const struct words *w);
/* The first certificate of a PEM text; only: exactly one may be there. */
int pki_cert_load(struct slice pem, const char *where, bool only, gnutls_x509_crt_t *ret,
                  const struct words *w);

/* A CA's certificate, self-signed, which can sign end certificates only (pathlen 0).  renews: its
 * predecessor, whose name and beginning it keeps; or NULL: `host` and a random tag are its name. */
int pki_ca_new(gnutls_x509_privkey_t key, const char *host, gnutls_x509_crt_t renews, int64_t now,
               char **ret_pem, const struct words *w);

struct pki_issue {
    gnutls_x509_crt_t ca;
    gnutls_x509_privkey_t ca_key, key;
    const struct names *names;
    int64_t now, lifetime; /* unix seconds; cut to the CA's own end */
};
/* A server's certificate.  QHCP_E_CERT when the CA itself is not valid now. */
int pki_server_new(const struct pki_issue *issue, char **ret_pem, const struct words *w);

/* Does this certificate hold this key's public half?  Do two hold the same key? */
bool pki_key_matches(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key);
bool pki_same_key(gnutls_x509_crt_t a, gnutls_x509_crt_t b);
/* Is the name in `crt` as issuer the CA's, and does its signature verify?  Times are not looked at.
 */
bool pki_issued_by(gnutls_x509_crt_t crt, gnutls_x509_crt_t ca);
bool pki_is_ca(gnutls_x509_crt_t crt);
bool pki_is_server(gnutls_x509_crt_t crt);

/* A signature as ES256 has it (RFC 7518, 3.4): r and s, 32 bytes each.  The key is EC P-256. */
#define PKI_SIGNATURE 64
int pki_sign(gnutls_x509_privkey_t key, struct slice text, uint8_t ret[PKI_SIGNATURE],
             const struct words *w);
bool pki_verify(gnutls_x509_crt_t crt, struct slice text, const uint8_t signature[PKI_SIGNATURE]);

void pki_names(gnutls_x509_crt_t crt, struct names *ret);
void pki_subject(gnutls_x509_crt_t crt, char *ret, size_t cap);
/* "sha256:" and its digits. */
void pki_fingerprint_text(const uint8_t sha256[32], char ret[PKI_FINGERPRINT]);
void pki_fingerprint(gnutls_x509_crt_t crt, char ret[PKI_FINGERPRINT]);

/* QHCP_E_CERT when `now` is outside its validity; `what` begins the words. */
int pki_check_time(gnutls_x509_crt_t crt, const char *what, int64_t now, const struct words *w);

/* Unix seconds as "2026-11-23" (UTC). */
void pki_date(int64_t t, char ret[16]);

#endif
