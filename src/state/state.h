/* The state directory: what a machine's components share.  Private (0700), made whole under a lock
 * (several processes may start at once on an empty one), files written beside and renamed.
 *
 * lock                 flock(2): held while anything is made or changed
 * ca/ca.pem            certificate of the CA (automatic, or imported)
 * ca/ca-key.pem        its key, 0600; absent on a machine that imported its CA
 * ca/issued.json       what this CA's machine has exported, and until when it is valid
 * server/cert.pem      this machine's server certificate, and the CA's behind it
 * server/key.pem       its key, 0600
 * server/names.json    this host's names and addresses, and when each was last seen
 * lb/token-key.json    the private ES256 JWK of this machine's load balancers, 0600
 * lb/token-key-old.json the keys before it (`keys rotate`), each with `exp`: for servers that do
 *                        not know a newer one yet, 0600
 * lb/admin-key.json    the private ES256 JWK of tokens for the admin interface of this machine's
 * load balancers, 0600; made by the first `qhcp keys token` check/token-key.json imported: a
 * private JWK for `qhcp check` of this server only, 0600 trust/keys.json      JWK Set: the token
 * keys that this machine's servers accept; 0600, since an owner may add a shared secret (HS256)
 * trust/revoked.json   keys and certificates that are trusted no more (revoked.h), 0600
 * imported.json        what was imported here: {"server": bool, "lb": bool, "at": T,
 *                        "server_created": T, "lb_created": T}, the bundles' own times
 * secret               32 random bytes: reset, Retry and ticket keys are derived from it, 0600
 * history-PORT.db      what happened (src/history), 0600; with -wal and -shm beside it
 * known-PORT           what a load balancer knows of its servers (restart_file.h)
 * tickets/             TLS session tickets, 0600 each, at most 24 h old
 * pending, pending.new a change that is being made (transaction.h)
 *
 * A piece that is missing that cannot be made again without breaking other machines' trust, and any
 * piece that is damaged, is named and never replaced: a backup may exist. */
#ifndef QHCP_STATE_STATE_H
#define QHCP_STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define STATE_SECRET 32
/* Token keys that are kept after a rotation: a load balancer tries one after the other. */
#define STATE_OLD_KEYS 8
#define STATE_PATH 1024 /* longest path of a file in the directory */

#define STATE_CA "ca/ca.pem"
#define STATE_CA_KEY "ca/ca-key.pem"
#define STATE_ISSUED "ca/issued.json"
#define STATE_CERT "server/cert.pem"
#define STATE_KEY "server/key.pem"
#define STATE_NAMES "server/names.json"
#define STATE_TOKEN_KEY "lb/token-key.json"
#define STATE_TOKEN_KEY_OLD "lb/token-key-old.json"
#define STATE_CHECK_KEY "check/token-key.json"
#define STATE_ADMIN_KEY "lb/admin-key.json"
#define STATE_TRUST "trust/keys.json"
#define STATE_REVOKED "trust/revoked.json"
#define STATE_IMPORTED "imported.json"

struct state {
    char dir[STATE_PATH - 64]; /* absolute, no trailing slash */
    uint8_t secret[STATE_SECRET];
    bool imported;    /* the CA came from another machine */
    char notice[256]; /* empty, or what could not be renewed though all still works: for the log */
};

/* Finds the directory (QHCP_STATE_DIR, /var/lib/qhcp for root, XDG_STATE_HOME/qhcp,
 * ~/.local/state/qhcp; /var/lib/qhcp also for the user that it belongs to), makes what is missing
 * under the lock, renews what runs out (automatic certificates from 30 days before expiry; the
 * server certificate too when the machine's names or addresses changed), checks modes and owners of
 * private files (QHCP_E_PERMISSION), and loads. On failure `words` says what, where and what to do.
 */
int state_open(struct state *ret, char *words, size_t words_cap);
/* The same at a time of the caller's (unix seconds), for tests. */
int state_open_at(struct state *ret, int64_t now, char *words, size_t words_cap);
/* Finds and checks the directory only; makes and loads nothing.  QHCP_E_NOT_FOUND for none. */
int state_find(struct state *ret, char *words, size_t words_cap);
/* For a command that ends, before all else of these: if this is root and the directory another
 * user's, works on it as that user (owner.h).  QHCP_E_PERMISSION. */
int state_as_owner(char *words, size_t words_cap);
void state_close(struct state *s); /* wipes the secret */

/* For a process that runs long: call hourly.  Does again what state_open does: renews certificates
 * and follows the machine's names and addresses (within a day those of a process that does not call
 * are forgotten).  Nothing of *s changes but `notice` and `imported`. */
int state_renew(struct state *s, char *words, size_t words_cap);

/* A number that changes whenever a certificate, key or trust file was replaced (a few stat calls):
 * for live reload. */
uint64_t state_stamp(const struct state *s);

/* Does another process change the directory now? A caller that must not wait tries again later. */
bool state_busy(const struct state *s);

/* The server's certificate chain and key, as a pair that belongs together (under the lock); free()
 * both.  QHCP_E_NOT_FOUND with the commands to run where this machine imported a load balancer's
 * bundle only. */
int state_load_server(const struct state *s, char **ret_cert, char **ret_key, char *words,
                      size_t words_cap);

/* From 30 days before a certificate's end: words that tell when, and the command to run.  False
 * (words untouched) while there is nothing to say.  state_expiry_notice looks at the first
 * certificate of a PEM text and takes its names from it; state_expiry_words is for who knows a
 * peer's name and end only (unix seconds; 0: unknown).  ours: it comes from `qhcp keys`; else
 * there is no command to tell. */
bool state_expiry_notice(const char *cert_pem, bool ours, int64_t now, char *words,
                         size_t words_cap);
bool state_expiry_words(const char *name, bool ours, int64_t expires, int64_t now, char *words,
                        size_t words_cap);

/* The path of a file in the directory, by its name above. */
void state_path(const struct state *s, const char *name, char *ret, size_t cap);

/* Reads a whole file (at most max bytes) into a fresh NUL-terminated buffer: free() it. private:
 * refuse one that other users can read or that another user owns (QHCP_E_PERMISSION); otherwise one
 * that group or others can write, since its contents are trusted.  Works for any path, not only in
 * the directory; links are followed. ret_len may be NULL. */
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
/* A file of this key is there; whether it can be used is only known when it is loaded. */
bool state_ticket_exists(const struct state *s, struct slice key);
int state_ticket_store(const struct state *s, struct slice key, struct slice ticket);
void state_ticket_drop(const struct state *s, struct slice key);

#endif
