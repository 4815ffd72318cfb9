/* What the operations of keys.h share: the pieces of this machine that several of them read. */
#ifndef QHCP_STATE_KEYS_OWN_H
#define QHCP_STATE_KEYS_OWN_H

#include <jansson.h>

#include "base/words.h"
#include "state/revoked.h"
#include "state/state.h"
#include "state/stored.h"
#include "state/transaction.h"

/* The CA with its key; QHCP_E_NOT_FOUND with words that name `what` when the key is elsewhere. */
int keys_own_ca(const struct state *s, const char *what, struct stored_pair *ret,
                const struct words *w);
/* trust/keys.json. */
int keys_own_trust(const struct state *s, json_t **ret, const struct words *w);
/* Puts a JSON document into a change, mode 0600. */
void keys_own_put(struct transaction *c, const char *name, const json_t *doc);
/* Adds "revoked" to a bundle, where anything is. */
int keys_own_add_list(json_t *bundle, const struct revoked *list, const struct words *w);
/* SHA-256 of a JWK in one spelling: binds a request's proof to what it asks for. */
void keys_own_digest(const json_t *jwk, uint8_t ret[32]);

#endif
