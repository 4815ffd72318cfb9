/* Tokens and key sets for the tests of src/auth, honest and forged.  Nothing here goes through the
 * minting side of src/auth: claims are patched JSON, signatures cjose's or GnuTLS's. */
#ifndef QHCP_TEST_FORGE_H
#define QHCP_TEST_FORGE_H

#include <cjose/cjose.h>
#include <jansson.h>

#include "auth/auth.h"

#define FORGE_NOW INT64_C(1700000000)
#define FORGE_AUD "a.example"

/* The keys of every test.  In the set: "es" (bound), "out" (ES256, unbound), "rs" (RS256, bound),
 * "hs" (HS256), "old" (ES256, exp FORGE_NOW + 100), "new" (ES256, nbf FORGE_NOW - 100), "one"
 * (ES256, scope health, aud a.example only).  "server" is in no set. */
enum forge_key { ES, OUT, RS, HS, OLD, NEW, ONE, SERVER, FORGE_KEYS };

struct forge {
    cjose_jwk_t *key[FORGE_KEYS];
    struct auth_keys *keys; /* the set, as auth_keys_parse made it */
    json_t *set;            /* its JSON */
    uint8_t binding[AUTH_BINDING];
};

struct forge *forge_new(void);
void forge_free(struct forge *f);

/* The kid a key has in the set. */
const char *forge_kid(enum forge_key key);

/* A JSON object from text with ' for ". */
json_t *forge_json(const char *text);

/* base + patch: members of patch replace base's; the value "@absent" removes, "@null" is null.
 * Steals base. */
json_t *forge_patch(json_t *base, const char *patch);

/* The honest header and claims of a key, patched (NULL: as they are). */
json_t *forge_header(const struct forge *f, enum forge_key key, const char *patch);
json_t *forge_claims(const struct forge *f, enum forge_key key, const char *patch);

/* The token of these claims; free() it. */
char *forge_token(const struct forge *f, enum forge_key key, const char *header_patch,
                  const char *claims_patch);

/* A token signed by another key than its header says. */
char *forge_signed(const struct forge *f, enum forge_key key, const char *header_patch,
                   const char *claims_patch, cjose_jwk_t *signer);

/* header.payload.signature of exactly these texts, signed with HMAC-SHA-256. */
char *forge_hmac(const char *header, const char *payload, const void *secret, size_t n);

/* header.payload.signature; the last as it is. */
char *forge_raw(const char *header, const char *payload, const char *signature);

extern const uint8_t forge_secret[32]; /* of "hs" */

/* The public key of ES or RS as PEM and as JWK text; free() it. */
char *forge_pem(const struct forge *f, enum forge_key key);
char *forge_jwk(const struct forge *f, enum forge_key key);

/* auth_verify of a NUL-terminated token with the set, as FORGE_AUD at FORGE_NOW, leeway 5, lifetime
 * at most 3600.  Checks that the words hold nothing of the token. */
int forge_verify(const struct forge *f, const char *token, struct auth_grant *ret);
int forge_verify_at(const struct forge *f, const char *token, int64_t now, struct auth_grant *ret);

/* Asserts the outcome, and that the words contain `words` (NULL: anything). */
void forge_refused(const struct forge *f, const char *token, int error, const char *words);
void forge_accepted(const struct forge *f, const char *token);

extern char forge_words[256], forge_log[600];

#endif
