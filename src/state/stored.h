/* The pieces of the state directory, read and checked. */
#ifndef QHCP_STATE_STORED_H
#define QHCP_STATE_STORED_H

#include <stdbool.h>

#include <gnutls/x509.h>

#include "auth/auth.h"
#include "base/words.h"

/* Is there something of that name (be it a broken link)? */
bool stored_have(const char *dir, const char *name);

/* A file of the directory by its name; links are refused; see file_read for the errors. */
int stored_file(const char *dir, const char *name, bool private, size_t max, char **ret,
                size_t *ret_len, const struct words *w);

/* A certificate with its text, and its key where there is one (NULL otherwise). */
struct stored_pair {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    char *pem;
};
/* key_name NULL: the certificate alone.  QHCP_E_NOT_FOUND, QHCP_E_PARSE, QHCP_E_PERMISSION, and
 * QHCP_E_CERT when the two do not belong together. */
int stored_pair(const char *dir, const char *cert_name, const char *key_name,
                struct stored_pair *ret, const struct words *w);
void stored_pair_deinit(struct stored_pair *pair);

/* The CA, with its key where this machine has it. */
int stored_ca(const char *dir, struct stored_pair *ret, const struct words *w);

/* A private token key.  QHCP_E_NOT_FOUND, QHCP_E_PARSE, QHCP_E_PERMISSION. */
int stored_token_key(const char *dir, const char *name, struct auth_key **ret,
                     const struct words *w);

/* What was imported into the directory; nothing where imported.json is absent: its CA is automatic.
 */
struct stored_origin {
    bool server, lb;
    int64_t server_created, lb_created; /* of the bundles, unix seconds; 0: not known */
};
int stored_origin(const char *dir, struct stored_origin *ret, const struct words *w);

#endif
