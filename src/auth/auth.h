/* Tokens: JWTs (RFC 7519) as JWS compact serialisation (RFC 7515), minted by load balancers and
 * verified by servers.
 *
 * A key (JWK, RFC 7517) carries, beside its material, what it may be used for:  `alg` (ES256, RS256
 * or HS256, pinned), `kid`, `iss` (the only issuer it may sign for), `scope` (the greatest rights
 * it can give), optional `nbf`/`exp` (unix seconds, for rotation), `aud` (a name or a list of
 * names: the only servers it may ask) and `unbound` (true: tokens without the session binding are
 * accepted; policy of the server's owner, for outside issuers).  A shared secret (HS256) needs no
 * binding either: its presence in the set is the policy.  A binding that is there must match
 * always.  Secrets and tokens never reach words or logs. */
#ifndef QHCP_AUTH_AUTH_H
#define QHCP_AUTH_AUTH_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/slice.h"

#define AUTH_BINDING 32 /* bytes of the TLS exporter's value; no context */
#define AUTH_EXPORTER_LABEL "EXPORTER-qhcp-token"
#define AUTH_SCOPES "health config terminate"

enum {
    AUTH_SCOPE_HEALTH = 1 << 0,
    AUTH_SCOPE_CONFIG = 1 << 1,
    AUTH_SCOPE_TERMINATE = 1 << 2,
    AUTH_SCOPE_ALL = 7, /* what a session's token may have */
    /* Over the admin interface of a load balancer, and nowhere else. */
    AUTH_SCOPE_READ = 1 << 3,
    AUTH_SCOPE_ADMIN = 1 << 4,
    AUTH_SCOPE_ADMIN_ALL = AUTH_SCOPE_READ | AUTH_SCOPE_ADMIN,
};

#define AUTH_ADMIN_SCOPES "read admin"
#define AUTH_ADMIN_AUDIENCE "qhcp-admin"

struct auth_key;  /* one private key, for minting */
struct auth_keys; /* a set of keys that are accepted */

/* A new ES256 key pair with a fresh random kid, for issuer `iss` and these scopes.  QHCP_E_ARG: an
 * issuer that is empty, over LIMIT_ID, not UTF-8 or has control characters; no scope or an unknown
 * one. */
int auth_key_generate(const char *iss, unsigned scopes, struct auth_key **ret);

/* A private JWK from JSON text; ES256 only, and `d` must belong to `x` and `y`.  QHCP_E_PARSE with
 * words that name the member and never quote it (words may be NULL with words_cap 0, here and
 * below). */
int auth_key_parse(struct slice json, struct auth_key **ret, char *words, size_t words_cap);

/* Private keys from one JWK, or from a set of them ({"keys":[...]}): at most `cap`, more are
 * QHCP_E_PARSE, as is one that auth_key_parse would refuse. */
int auth_key_parse_all(struct slice json, struct auth_key **ret, size_t cap, size_t *ret_n,
                       char *words, size_t words_cap);

/* The key as JSON, private or public part; free() the result (auth_token_free wipes it first). NULL
 * where memory is short.  The public part has what a server needs (`aud`, `nbf` and `exp` too) and
 * nothing else. */
char *auth_key_json(const struct auth_key *key, bool with_private);

const char *auth_key_kid(const struct auth_key *key);
const char *auth_key_issuer(const struct auth_key *key);
/* AUTH_SCOPE_*: a token of this key grants no others. */
unsigned auth_key_scopes(const struct auth_key *key);
void auth_key_free(struct auth_key *key);

/* A set from a JWK Set's JSON text ({"keys":[...]}, at most LIMIT_KEYS; none is possible).  Private
 * members (`d`) in an ES256/RS256 key are refused: a server holds public keys only.  RSA from 2,048
 * bits, secrets from 256.  A kid is there once.  QHCP_E_PARSE with words that say which key and
 * what:  `keys[2] (kid "a"): member "iss" is missing`. */
int auth_keys_parse(struct slice json, struct auth_keys **ret, char *words, size_t words_cap);
size_t auth_keys_count(const struct auth_keys *keys);
/* A key of that kid is in the set. */
bool auth_keys_know(const struct auth_keys *keys, const char *kid);
/* The key with that kid is no longer accepted: auth_keys_know is false for it, and its tokens are
 * QHCP_E_TOKEN_KEY with words that say so.  No effect if the set has no such key. */
void auth_keys_revoke(struct auth_keys *keys, const char *kid);
bool auth_keys_revoked(const struct auth_keys *keys, const char *kid);
/* The set holds a shared secret (HS256): its file must be private. */
bool auth_keys_secret(const struct auth_keys *keys);
/* Who else holds the set calls auth_keys_free too: the last one frees it. */
struct auth_keys *auth_keys_ref(struct auth_keys *keys);
void auth_keys_free(struct auth_keys *keys);

struct auth_claims {
    const char *audience;   /* the name dialled, without port */
    const char *subject;    /* whom it is for, at most LIMIT_ID bytes; NULL: nobody is named */
    unsigned scopes;        /* AUTH_SCOPE_*; cut to what the key allows */
    int64_t now;            /* unix seconds */
    int64_t lifetime;       /* seconds */
    const uint8_t *binding; /* AUTH_BINDING bytes of this session's exporter, or NULL */
};

/* Mints a token: *ret is a NUL-terminated string, free() it (auth_token_free wipes it first).
 * QHCP_E_ARG: no audience, no lifetime, or no scope that the key has too. */
int auth_mint(const struct auth_key *key, const struct auth_claims *claims, char **ret);
void auth_token_free(char *token);

/* What a token claims to grant (AUTH_SCOPE_*), without verification: for its sender. 0 if it cannot
 * be read. */
unsigned auth_token_scopes(struct slice token);

/* What a verified token grants. */
struct auth_grant {
    unsigned scopes;
    int64_t expires; /* unix seconds: from then on this very token is refused (leeway included) */
    char issuer[LIMIT_ID + 1];
    char kid[LIMIT_ID + 1];
    char subject[LIMIT_ID + 1]; /* whom it is for, as its issuer says; "": nobody is named */
};

/* What the verifier demands. */
struct auth_demand {
    unsigned scopes;        /* those that count here; 0: AUTH_SCOPE_ALL */
    int64_t now;            /* unix seconds */
    int64_t leeway;         /* seconds of clock difference allowed at nbf and exp; 0 to 60 */
    int64_t lifetime_max;   /* exp - now over this + leeway: QHCP_E_TOKEN_CLAIM; 0: no limit */
    const uint8_t *binding; /* AUTH_BINDING bytes: this session's exporter */
    /* Is this name (aud) one of ours?  The server's certificate decides. */
    bool (*audience_ok)(const char *aud, void *ctx);
    void *ctx;
};

/* Verifies a token.  0 and *ret, or QHCP_E_TOKEN_*: `words` says what a user at the other end may
 * know ("expired 12 s ago"), `log_words` what only the server's own log should say (known kids).
 * Order: shape, crit, kid, algorithm, signature, then claims: the key's own period
 * (QHCP_E_TOKEN_KEY), iss, aud, exp, nbf, iat, cnf, scope.  A token that grants nothing is
 * QHCP_E_TOKEN_SCOPE.  Words are untouched on success. */
int auth_verify(const struct auth_keys *keys, struct slice token, const struct auth_demand *demand,
                struct auth_grant *ret, char *words, size_t words_cap, char *log_words,
                size_t log_words_cap);

#endif
