/* The state directory: what a machine's components share.  Private (0700), made whole under a lock
 * (several processes may start at once on an empty one), files written beside and renamed.
 *
 *   lock                 flock(2): held while anything is made or changed
 *   ca/ca.pem            certificate of the CA (automatic, or imported)
 *   ca/ca-key.pem        its key, 0600; absent on a machine that imported its CA
 *   server/cert.pem      this machine's server certificate, and the CA's behind it
 *   server/key.pem       its key, 0600
 *   lb/token-key.json    the private ES256 JWK of this machine's load balancers, 0600
 *   check/token-key.json imported: a private JWK for `qhcp check` of this server only, 0600
 *   trust/keys.json      JWK Set: the public token keys that this machine's servers accept
 *   secret               32 random bytes: reset, Retry and ticket keys are derived from it, 0600
 *   tickets/             TLS session tickets, 0600 each, at most 24 h old
 */
#ifndef QHCP_STATE_STATE_H
#define QHCP_STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define STATE_SECRET 32
#define STATE_PATH 1024 /* longest path of a file in the directory */

struct state {
    char dir[STATE_PATH - 64]; /* absolute, no trailing slash */
    uint8_t secret[STATE_SECRET];
    bool imported; /* the CA came from another machine */
};

/* Finds the directory (QHCP_STATE_DIR, /var/lib/qhcp for root, XDG_STATE_HOME/qhcp,
 * ~/.local/state/qhcp), makes what is missing under the lock, renews what runs out (automatic
 * certificates from 30 days before expiry; the server certificate too when the machine's names or
 * addresses changed), checks modes and owners of private files (QHCP_E_PERMISSION), and loads.
 * On failure `words` says what, where and what to do. */
int state_open(struct state *ret, char *words, size_t words_cap);
void state_close(struct state *s);

/* The path of a file in the directory, by its name above. */
void state_path(const struct state *s, const char *name, char *ret, size_t cap);

/* Reads a whole file (at most max bytes) into a fresh NUL-terminated buffer: free() it.
 * private: refuse one that other users can read or that another user owns (QHCP_E_PERMISSION).
 * Works for any path, not only in the directory. */
int state_read_file(const char *path, bool private, size_t max, char **ret, size_t *ret_len,
                    char *words, size_t words_cap);

/* Writes a file whole: beside, fsync, rename; mode 0600 or 0644. */
int state_write_file(const char *path, struct slice content, unsigned mode, char *words,
                     size_t words_cap);

/* 32 bytes derived from the secret for one purpose and one bound address and port, so that one
 * server's reset token is never its neighbour's (RFC 9000, 21.11). HKDF-SHA256 (RFC 5869). */
void state_derive(const struct state *s, const char *purpose, const char *address, uint16_t port,
                  uint8_t ret[32]);

/* Session tickets by an opaque key (hashed into the file's name).  load gives QHCP_E_NOT_FOUND for
 * none or one older than 24 h (which it removes). */
int state_ticket_load(const struct state *s, struct slice key, uint8_t *ret, size_t cap,
                      size_t *ret_len);
int state_ticket_store(const struct state *s, struct slice key, struct slice ticket);
void state_ticket_drop(const struct state *s, struct slice key);

#endif
