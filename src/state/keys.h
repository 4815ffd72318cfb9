/* The operations behind `qhcp keys`: how trust goes from one machine to another.
 *
 * On the machine with the CA, keys_export makes a bundle for a server's machine, which imports it.
 * A second load balancer makes a request, the CA's machine accepts it and gives a bundle back.
 * Each operation is whole or not at all.  On success `words` tells what was done and what to do
 * next, on failure what is wrong, where, and what to do; never key material. */
#ifndef QHCP_STATE_KEYS_H
#define QHCP_STATE_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "auth/auth.h"
#include "state/state.h"

/* The default time for which a token key is accepted after another took its place. */
#define KEYS_GRACE (7 * 86400)
#define KEYS_GRACE_MAX (366 * 86400)
/* A request that was made longer ago, in seconds, is refused. */
#define KEYS_REQUEST_LIFETIME (7 * 86400)

#define KEYS_NAMES 16 /* of one server */

struct keys_export {
    /* Of one server: "b.example,10.0.0.2".  Names that are among those of an earlier bundle mean
     * that server, with all its names.  NULL: a bundle for each server that has one in force. */
    const char *names;
    /* The file; "-": standard output.  For all: the directory, made if there is none, whose files
     * have the servers' first names. */
    const char *out;
    bool force; /* replace a file that exists */
};
/* Makes bundles, mode 0600.  QHCP_E_NOT_FOUND when the CA's key is not on this machine, or no
 * server has a bundle; QHCP_E_PARSE for the names; QHCP_E_EXISTS for a file that exists: with
 * `force` only one that is no bundle. */
int keys_export(const struct state *s, const struct keys_export *what, int64_t now, char *words,
                size_t words_cap);

/* Takes a bundle ("-": standard input).  force: also in the place of an imported CA, of a CA of
 * this machine that others depend on, or of a newer bundle (QHCP_E_EXISTS without).
 * QHCP_E_PERMISSION, QHCP_E_PARSE, QHCP_E_CERT for a bundle that others could read, that is
 * malformed, or not valid. */
int keys_import(const struct state *s, const char *path, bool force, int64_t now, char *words,
                size_t words_cap);

/* This machine's load balancers ask to be accepted; check_only: its `qhcp check` does, which may
 * ask every server for its health and nothing else. */
int keys_request(const struct state *s, bool check_only, const char *out, int64_t now, char *words,
                 size_t words_cap);

/* Accepts a request of either kind: the key joins those that exports hand out; an older key of the
 * same load balancer ends after KEYS_GRACE.  Writes the bundle to give back. */
int keys_accept(const struct state *s, const char *request, const char *out, int64_t now,
                char *words, size_t words_cap);

/* A new token key; the old one is accepted for `grace` seconds more (0 to KEYS_GRACE_MAX), and kept
 * for servers that know no newer one.  QHCP_E_EXISTS without `force` where a server that a bundle
 * was made for would know none of the keys that are left. */
int keys_rotate(const struct state *s, int64_t grace, bool force, int64_t now, char *words,
                size_t words_cap);

/* Revokes what has this name: a server (every certificate that was exported for the name, and their
 * check keys), a load balancer ("lb:..."), a key (its kid), or a certificate ("sha256:...").  A
 * revocation is never taken back.  QHCP_E_NOT_FOUND: nothing has the name, or the CA's key is on
 * another machine; QHCP_E_EXISTS without `force`: our own load balancers would lose servers.
 * force: also what is not listed. */
int keys_revoke(const struct state *s, const char *what, bool force, int64_t now, char *words,
                size_t words_cap);

/* The list of revocations as a file for `qhcp keys import`; nothing in it is secret. */
int keys_export_revoked(const struct state *s, const char *out, bool force, int64_t now,
                        char *words, size_t words_cap);

struct keys_token {
    unsigned scopes;     /* AUTH_SCOPE_READ and AUTH_SCOPE_ADMIN */
    int64_t lifetime;    /* seconds, KEYS_TOKEN_MAX at most */
    const char *subject; /* whom it is for */
};
#define KEYS_TOKEN_MAX (31 * 86400)
/* A token for the admin interface of this machine's load balancers, signed by a key of its own,
 * which is made where there is none; auth_token_free it.  QHCP_E_ARG, and those of state files. */
int keys_token_make(const struct state *s, const struct keys_token *what, int64_t now, char **ret,
                    char *words, size_t words_cap);
/* The keys whose tokens that interface accepts: that one, and those of trust/keys.json that were
 * given one of its scopes; none that was revoked.  auth_keys_free it. */
int keys_token_accepted(const struct state *s, struct auth_keys **ret, char *words,
                        size_t words_cap);

/* What there is, as JSON without secrets (docs/keys.md lists the members); a piece that cannot be
 * read is under "problems" with its reason. json_decref it. */
int keys_show(const struct state *s, int64_t now, json_t **ret, char *words, size_t words_cap);

#endif
