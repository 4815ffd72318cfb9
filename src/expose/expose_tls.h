/* The certificate of the doors that others reach, and TLS sessions with it.  Inside src/expose
 * alone.
 *
 * Client certificates are never asked for: to read one of a stranger costs more than a turn of the
 * loop has. */
#ifndef QHCP_EXPOSE_EXPOSE_TLS_H
#define QHCP_EXPOSE_EXPOSE_TLS_H

#include <gnutls/gnutls.h>

#include "state/stamp.h"
#include "state/state.h"

/* A certificate and its key; sessions hold them while they last. */
struct expose_pair {
    unsigned users;
    gnutls_certificate_credentials_t cred;
};

struct expose_tls {
    const char *cert_file, *key_file; /* NULL: the state directory's */
    struct state state;
    struct stamp cert, key;
    uint64_t stamp;
    struct expose_pair *pair; /* NULL: not loaded */
};

/* Loads the pair, again where it may have changed.  A failure leaves what there was.  QHCP_E_CERT,
 * or why a file cannot be read; with words. */
int expose_tls_load(struct expose_tls *t, char *words, size_t words_cap);
/* May it have changed since then? */
bool expose_tls_changed(const struct expose_tls *t);
void expose_tls_deinit(struct expose_tls *t);

/* A server's session on the descriptor; ALPN h2 and http/1.1.  NULL: out of memory. */
gnutls_session_t expose_tls_session(struct expose_tls *t, int fd);
void expose_tls_end(gnutls_session_t s);

#endif
