/* The token that we show a server, and which of our keys it is made with.
 *
 * After a rotation, servers on other machines know only an older key until their next import. A
 * server that refuses the newest key gets tokens of the older keys, one after the other. */
#ifndef QHCP_LB_TOKEN_H
#define QHCP_LB_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kept.h"
#include "base/limits.h"
#include "base/time.h"

struct backend;
struct qhcp_lb;

#define TOKEN_LIFETIME 3600              /* seconds, unless the configuration says otherwise */
#define TOKEN_RETRY (300 * NSEC_PER_SEC) /* a server that lives on an old key: is it still so? */

/* Embedded in struct backend; only token.c changes it. */
struct token {
    unsigned scopes;   /* what the newest says that it grants: AUTH_SCOPE_* */
    size_t key_at;     /* the key in use: 0 the newest, else one of the old_keys */
    size_t tries;      /* keys that the server has refused, one after the other */
    struct kept asked; /* the key of the newest token that was sent ... */
    struct kept kid;   /* ... and of the one in force */
    bool settled;      /* the next renewal is with key_at: a newer key was refused */
    bool refused;      /* in this session: the server knows no other key than this */
    size_t told;       /* key_at of which the log has told */
};

/* A token for this backend's present connection: auth_token_free it. *ret_renew: when to renew it.
 */
int token_make(struct backend *b, qhcp_nsec now, char **ret, qhcp_nsec *ret_renew);
/* A renewal is due: with the newest key, which the server may know by now. */
void token_renewing(struct backend *b);
/* The server does not know our token key: true when another one may be tried now. */
bool token_fall_back(struct backend *b, uint64_t code);
/* The same, in answer to a renewal in a session. */
bool token_fall_back_in_session(struct backend *b, uint64_t code);
/* A session's token key was refused, or taken out of the set: are the keys other ones by now? */
bool token_key_changed(const struct backend *b, uint64_t code);
/* The keys were read again: sessions whose token is of an older one get a token of the newest. */
void token_renew_all(struct qhcp_lb *lb, qhcp_nsec now);
/* The server has accepted a token: an old key is told of, once. */
void token_accepted(struct backend *b);
/* A session begins with it. */
void token_established(struct backend *b);
/* Words for the operator if the server knows only an old key; false if there is nothing to say. */
bool token_notice(const struct backend *b, char *ret, size_t cap);
void token_deinit(struct token *t);

#endif
