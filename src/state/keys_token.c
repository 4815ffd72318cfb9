/* Tokens for people and programs that use the admin interface of a load balancer: see keys.h.
 *
 * They have a key of their own: the load balancers' token keys are known to every server's machine
 * and to other load balancers, none of which shall rule this one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "auth/scope.h"
#include "base/os/file.h"
#include "state/jwks.h"
#include "state/keys.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/revoked.h"
#include "state/stored.h"
#include "state/transaction.h"

#include <qhcp/error.h>

static int make_key(const struct state *s, struct auth_key **ret, const struct words *w)
{
    struct transaction c;
    char *text;
    int error = auth_key_generate("admin", AUTH_SCOPE_ADMIN_ALL, ret);

    if (error)
        return words_fail(w, error, "cannot make a token key");
    text = auth_key_json(*ret, true);
    transaction_begin(&c, s->dir, w);
    if (text)
        transaction_put(&c, STATE_ADMIN_KEY, slice_str(text), 0600);
    else
        c.error = words_fail(w, QHCP_E_NOMEM, "out of memory");
    error = transaction_commit(&c);
    auth_token_free(text);
    if (error)
        auth_key_free(*ret);
    return error;
}

static int have_key(const struct state *s, struct auth_key **ret, const struct words *w)
{
    int fd, error = lock_take(s->dir, &fd, w);

    if (error)
        return error;
    error = stored_token_key(s->dir, STATE_ADMIN_KEY, ret, w);
    if (error == QHCP_E_NOT_FOUND)
        error = make_key(s, ret, w);
    lock_drop(fd);
    return error;
}

int keys_token_make(const struct state *s, const struct keys_token *what, int64_t now, char **ret,
                    char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    const struct auth_claims claims = {.audience = AUTH_ADMIN_AUDIENCE,
                                       .subject = what->subject,
                                       .scopes = what->scopes,
                                       .now = now,
                                       .lifetime = what->lifetime};
    struct auth_key *key;
    int error = have_key(s, &key, &w);

    if (error)
        return error;
    error = auth_mint(key, &claims, ret);
    auth_key_free(key);
    return error ? words_fail(&w, error, "cannot make a token: %s", qhcp_strerror(error)) : 0;
}

/* The key of our own tokens, which are bound to no connection. */
static int add_own(const struct state *s, json_t *set, const struct words *w)
{
    struct auth_key *key;
    json_t *jwk = NULL;
    char *text;
    int error = stored_token_key(s->dir, STATE_ADMIN_KEY, &key, w);

    if (error)
        return error == QHCP_E_NOT_FOUND ? 0 : error;
    text = auth_key_json(key, false);
    if (text)
        jwk = json_loads(text, 0, NULL);
    free(text);
    auth_key_free(key);
    if (!jwk || json_object_set_new(jwk, "unbound", json_true()) != 0) {
        json_decref(jwk);
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    }
    error = jwks_add(set, jwk, w);
    json_decref(jwk);
    return error;
}

/* Keys that the owner of trust/keys.json has given one of the scopes: of an outside issuer. */
static int add_trusted(const struct state *s, json_t *set, const struct words *w)
{
    json_t *trust, *jwk;
    size_t i;
    int error = keys_own_trust(s, &trust, w);

    if (error)
        return error;
    json_array_foreach(json_object_get(trust, "keys"), i, jwk)
    {
        const char *scope = json_string_value(json_object_get(jwk, "scope"));

        if (!error && scope && (scope_parse(scope, NULL) & AUTH_SCOPE_ADMIN_ALL))
            error = jwks_add(set, jwk, w);
    }
    json_decref(trust);
    return error;
}

static int drop_revoked(const struct state *s, struct auth_keys *keys, const struct words *w)
{
    struct revoked list;
    int error = revoked_load(s->dir, &list, w);

    if (error)
        return error;
    for (size_t i = 0; revoked_key_at(&list, i); i++)
        auth_keys_revoke(keys, revoked_key_at(&list, i));
    revoked_deinit(&list);
    return 0;
}

int keys_token_accepted(const struct state *s, struct auth_keys **ret, char *words,
                        size_t words_cap)
{
    const struct words w = {words, words_cap};
    json_t *set = jwks_new();
    char *text = NULL;
    int error = set ? add_own(s, set, &w) : words_fail(&w, QHCP_E_NOMEM, "out of memory");

    if (!error)
        error = add_trusted(s, set, &w);
    if (!error && !(text = json_dumps(set, JSON_COMPACT)))
        error = words_fail(&w, QHCP_E_NOMEM, "out of memory");
    json_decref(set);
    if (!error)
        error = auth_keys_parse(slice_str(text), ret, words, words_cap);
    auth_token_free(text);
    if (!error && (error = drop_revoked(s, *ret, &w)) != 0)
        auth_keys_free(*ret);
    return error;
}
