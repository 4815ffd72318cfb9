/* lb/token-key-old.json: the token keys that `qhcp keys rotate` has replaced and that load
 * balancers keep for servers that know no newer one; a JWK Set of private keys, the newest first,
 * each with `exp`, the time until which it was promised.  A single JWK, as 0.1.0 wrote, is read
 * too. */
#ifndef QHCP_STATE_OLD_KEYS_H
#define QHCP_STATE_OLD_KEYS_H

#include <stdint.h>

#include <jansson.h>

#include "auth/auth.h"
#include "base/words.h"
#include "state/state.h"
#include "state/transaction.h"

/* The list of JWKs, empty where there is no file: old_keys_free it.  QHCP_E_PARSE and the like. */
int old_keys_load(const char *dir, json_t **ret, const struct words *w);
/* Puts `key`, promised until `exp` (unix seconds), before the others. */
int old_keys_add(json_t *list, const struct auth_key *key, int64_t exp, const struct words *w);
/* Takes out one; the caller names the kid. */
bool old_keys_remove(json_t *list, const char *kid);
/* The file becomes this list; an empty one removes it. */
void old_keys_put(struct transaction *c, const json_t *list);
void old_keys_free(json_t *list); /* wipes */

#endif
