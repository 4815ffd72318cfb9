/* JWK Sets (RFC 7517, 5) as trust/keys.json holds them: added to, aged, cut down to what may leave
 * this machine.  What a key must look like is auth's to say (auth_keys_parse). */
#ifndef QHCP_STATE_JWKS_H
#define QHCP_STATE_JWKS_H

#include <stdint.h>

#include <jansson.h>

#include "auth/auth.h"
#include "base/words.h"

/* Largest trust/keys.json: LIMIT_KEYS keys of RSA size. */
#define JWKS_MAX 262144

/* Parses and checks a set as servers will; `where` begins the words.  QHCP_E_PARSE. */
int jwks_load(struct slice text, const char *where, json_t **ret, const struct words *w);
/* The same for a set that is part of a document. */
int jwks_check(const json_t *set, const char *where, const struct words *w);

json_t *jwks_new(void);
/* The public half of a key.  QHCP_E_NOMEM, QHCP_E_FULL. */
int jwks_add_key(json_t *set, const struct auth_key *key, const struct words *w);
/* A public JWK object; one of the same kid is replaced. */
int jwks_add(json_t *set, json_t *jwk, const struct words *w);
const json_t *jwks_find(const json_t *set, const char *kid);
/* Keys of that issuer, other than `kid`, end at `exp` (unix seconds) at the latest. */
void jwks_retire(json_t *set, const char *iss, const char *kid, int64_t exp);
void jwks_remove(json_t *set, const char *kid);
/* The key of that kid ends at `exp`, or earlier where it had an end. */
void jwks_end(json_t *set, const char *kid, int64_t exp);
/* Takes out what has ended; tells how many. */
size_t jwks_prune(json_t *set, int64_t now);
/* A copy without shared secrets (kty oct): those another server would accept too. */
json_t *jwks_public(const json_t *set);
/* Text of any document that has no secrets in it; free() it. */
char *jwks_text(const json_t *doc);

#endif
