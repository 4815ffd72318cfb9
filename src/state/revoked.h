/* trust/revoked.json: the revoked keys and certificates, on every machine of one CA.
 *
 * The list travels as a JWS (RFC 7515, compact, ES256) that the CA's key signs: header {"alg":
 * "ES256", "typ": "qhcp-revoked"}, payload {"number": N, "keys": [kid ..], "certificates":
 * [base64url of the SHA-256 of the DER ..]}.  docs/protocol.md, "Revocations", says the same.
 *
 * It only grows: whatever a signed list names is added to what the file names already, so that an
 * old list takes nothing back, whoever sends it again.  The number says which list is the newest,
 * no more.  The file holds the union, and the newest signed text for those who have less:
 * {"number":  N, "keys": [..], "certificates": [..], "list":  JWS} */
#ifndef QHCP_STATE_REVOKED_H
#define QHCP_STATE_REVOKED_H

#include <stdbool.h>
#include <stdint.h>

#include <gnutls/x509.h>
#include <jansson.h>

#include "base/slice.h"
#include "base/words.h"
#include "state/state.h"
#include "state/transaction.h"

#define REVOKED_CERT 32 /* bytes of a certificate's SHA-256 */

struct revoked {
    json_t *doc;
};

/* The file of a directory; an empty list (number 0) if there is none.  A damaged file is an error:
 * without it, revoked keys would be trusted.  QHCP_E_PARSE and the like. */
int revoked_load(const char *dir, struct revoked *ret, const struct words *w);
int revoked_init(struct revoked *ret, const struct words *w); /* an empty list */
void revoked_deinit(struct revoked *r);

uint64_t revoked_number(const struct revoked *r);  /* 0: nothing was ever revoked */
const char *revoked_list(const struct revoked *r); /* the JWS; NULL: there is none */
bool revoked_has_key(const struct revoked *r, const char *kid);
bool revoked_has_cert(const struct revoked *r, const uint8_t print[REVOKED_CERT]);
/* The same for the first certificate of a PEM text; false if it is not one. */
bool revoked_has_pem(const struct revoked *r, const char *pem);
/* The keys and certificates, in the order in which they came; NULL at the end. */
const char *revoked_key_at(const struct revoked *r, size_t i);
bool revoked_cert_at(const struct revoked *r, size_t i, uint8_t ret[REVOKED_CERT]);

/* On the machine with the CA: adds (false: it was there), then signs all, with a number that is
 * greater than the last and no less than `now`.  QHCP_E_FULL when the list would not fit a message.
 */
bool revoked_add_key(struct revoked *r, const char *kid);
bool revoked_add_cert(struct revoked *r, const uint8_t print[REVOKED_CERT]);
int revoked_sign(struct revoked *r, gnutls_x509_privkey_t ca_key, int64_t now,
                 const struct words *w);

/* Adds what a signed text names. *ret_news: there was something new.  QHCP_E_TOKEN_MALFORMED,
 * QHCP_E_TOKEN_SIGNATURE: it is not a list, or not of this CA. */
int revoked_merge(struct revoked *r, struct slice list, gnutls_x509_crt_t ca, bool *ret_news,
                  const struct words *w);
void revoked_put(struct transaction *c, const struct revoked *r);

/* Adds all of another list; *ret_news as above. */
void revoked_join(struct revoked *r, const struct revoked *more, bool *ret_news);

/* For a server, whose loop must not wait for a disk.  A list that a load balancer brought is judged
 * by the directory's CA and added to `mine`; then it is saved, without a wait for the lock
 * (QHCP_E_AGAIN: later) or for the disk: what a power cut takes of it, the next load balancer
 * brings again, since the number says so.  Saving adds what the file has to `mine`, too: *ret_news.
 */
int revoked_take(const struct state *s, struct revoked *mine, struct slice list, bool *ret_news,
                 char *words, size_t words_cap);
int revoked_save(const struct state *s, struct revoked *mine, bool *ret_news, char *words,
                 size_t words_cap);

#endif
