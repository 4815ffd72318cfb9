/* Rotation: a new token key takes the old one's place, and no server is lost by it.
 *
 * A server of another machine knows the keys of its last bundle.  So load balancers keep the keys
 * of before (old_keys.h), and a rotation that would drop the last one that a server knows is
 * refused, with the servers' names. */
#include "state/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/os/file.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/old_keys.h"
#include "state/pki.h"
#include "state/revoked.h"

struct rotation {
    const struct state *s;
    const struct words *w;
    int64_t grace, now;
    bool force;
    struct auth_key *old, *new;
    json_t *trust, *issued;
    json_t *kept;                  /* old keys that load balancers keep */
    char oldest_kid[LIMIT_ID + 1]; /* before anything was dropped */
    bool own_revoked;              /* the key that goes was revoked: there is nothing to keep */
    bool dropped;                  /* some key is kept no more */
};

static const char *kid_of(const json_t *jwk)
{
    return json_string_value(json_object_get(jwk, "kid"));
}

static void drop(struct rotation *r, size_t i)
{
    char kid[LIMIT_ID + 1];

    snprintf(kid, sizeof kid, "%s", kid_of(json_array_get(r->kept, i)));
    old_keys_remove(r->kept, kid);
    r->dropped = true;
}

/* What is kept from now on: what was promised for longer, and the key that goes. */
static int choose_kept(struct rotation *r)
{
    size_t n = json_array_size(r->kept);
    int error = 0;

    snprintf(r->oldest_kid, sizeof r->oldest_kid, "%s",
             n > 0 ? kid_of(json_array_get(r->kept, n - 1)) : auth_key_kid(r->old));
    for (size_t i = n; i-- > 0;)
        if (json_integer_value(json_object_get(json_array_get(r->kept, i), "exp")) <= r->now)
            drop(r, i);
    if (r->own_revoked)
        return 0;
    if (r->grace > 0)
        error = old_keys_add(r->kept, r->old, r->now + r->grace, r->w);
    else
        r->dropped = true;
    while (!error && json_array_size(r->kept) > STATE_OLD_KEYS)
        drop(r, json_array_size(r->kept) - 1);
    return error;
}

static bool keeps(const struct rotation *r, const char *kid)
{
    size_t i;
    json_t *jwk;

    json_array_foreach(r->kept, i, jwk)
    {
        if (strcmp(kid_of(jwk), kid) == 0)
            return true;
    }
    return false;
}

/* Would this server know none of the keys that are left?  A row of 0.1.0 does not say which it
 * knows: the oldest one, to be safe. */
static bool lost(const struct rotation *r, const json_t *row)
{
    const json_t *kids = json_object_get(row, "kids");
    json_t *kid;
    size_t i;

    if (!issued_in_force(row, r->now))
        return false;
    if (!kids)
        return !keeps(r, r->oldest_kid);
    json_array_foreach((json_t *)kids, i, kid)
    {
        if (keeps(r, json_string_value(kid)))
            return false;
    }
    return true;
}

/* The servers that would be lost, named; 0 if there is none. */
static int check_lost(const struct rotation *r)
{
    char list[400] = "";
    size_t i, n = 0;
    json_t *row;

    if (!r->dropped || r->force)
        return 0;
    json_array_foreach(r->issued, i, row)
    {
        if (lost(r, row))
            issued_list(row, n++, list, sizeof list);
    }
    if (n == 0)
        return 0;
    return words_fail(
        r->w, QHCP_E_EXISTS,
        "%s would no longer know a token key of this machine's load balancers: first run `qhcp "
        "keys export --all --dir D` here and `qhcp keys import` there; --force rotates anyway",
        list);
}

/* trust before the key itself: a reader in between knows the new key before it is used. */
static int commit(const struct rotation *r)
{
    char *text = auth_key_json(r->new, true);
    struct transaction c;

    transaction_begin(&c, r->s->dir, r->w);
    if (r->own_revoked || jwks_find(r->trust, auth_key_kid(r->old))) {
        c.error = jwks_add_key(r->trust, r->new, r->w);
        jwks_end(r->trust, auth_key_kid(r->old), r->now + r->grace);
        jwks_prune(r->trust, r->now);
        keys_own_put(&c, STATE_TRUST, r->trust);
    }
    old_keys_put(&c, r->kept);
    if (!text && !c.error)
        c.error = words_fail(r->w, QHCP_E_NOMEM, "out of memory");
    transaction_put(&c, STATE_TOKEN_KEY, slice_str(text), 0600);
    file_wipe(text, text ? strlen(text) : 0);
    return transaction_commit(&c);
}

static void report(const struct rotation *r)
{
    char span[WORDS_SPAN], date[16], old[300];
    const char *next =
        "No bundle was exported from here, and servers of this machine know it already.";

    words_span(r->grace, span);
    pki_date(r->now + r->grace, date);
    if (r->grace > 0)
        snprintf(old, sizeof old, "the old one, %s, stays accepted for %s (until %s)",
                 auth_key_kid(r->old), span, date);
    else
        snprintf(old, sizeof old, "the old one, %s, is no longer accepted", auth_key_kid(r->old));
    if (r->s->imported)
        next = "Servers on other machines need the new one: run `qhcp keys request --lb --out R` "
               "here, `qhcp keys accept R --out F` and `qhcp keys export --all --dir D` on the "
               "machine with the CA, and `qhcp keys import` on each server's machine.";
    else if (json_array_size(r->issued) > 0)
        next = "Servers on other machines need the new one: run `qhcp keys export --all --dir D` "
               "here and `qhcp keys import` there. Until then load balancers use the newest key "
               "that a server knows.";
    words_fail(r->w, 0, "%s: the new token key is %s; %s. %s", auth_key_issuer(r->new),
               auth_key_kid(r->new), old, next);
}

/* The token key of a machine that has only servers is not used. */
static int check_use(const struct rotation *r)
{
    struct stored_origin origin;
    int error = stored_origin(r->s->dir, &origin, r->w);

    if (error || r->force || r->own_revoked || !origin.server || origin.lb ||
        jwks_find(r->trust, auth_key_kid(r->old)))
        return error;
    return words_fail(
        r->w, QHCP_E_ARG,
        "no server accepts this machine's token key, since it has imported a bundle for a server: "
        "rotate on the machine with the CA; --force rotates here anyway");
}

static int look_at_revoked(struct rotation *r)
{
    struct revoked list;
    int error = revoked_load(r->s->dir, &list, r->w);

    if (error)
        return error;
    r->own_revoked = revoked_has_key(&list, auth_key_kid(r->old));
    if (r->own_revoked)
        r->grace = 0;
    revoked_deinit(&list);
    return 0;
}

static int rotate_locked(struct rotation *r)
{
    int error = stored_token_key(r->s->dir, STATE_TOKEN_KEY, &r->old, r->w);

    if (!error)
        error = keys_own_trust(r->s, &r->trust, r->w);
    if (!error)
        error = old_keys_load(r->s->dir, &r->kept, r->w);
    if (!error)
        error = issued_load(r->s->dir, &r->issued, r->w);
    if (!error)
        error = look_at_revoked(r);
    if (!error)
        error = check_use(r);
    if (!error)
        error = choose_kept(r);
    if (!error)
        error = check_lost(r);
    if (!error && auth_key_generate(auth_key_issuer(r->old), AUTH_SCOPE_ALL, &r->new) != 0)
        error = words_fail(r->w, QHCP_E_TLS, "cannot make a token key");
    if (!error)
        error = commit(r);
    if (!error)
        report(r);
    old_keys_free(r->kept);
    json_decref(r->issued);
    json_decref(r->trust);
    auth_key_free(r->new);
    auth_key_free(r->old);
    return error;
}

int keys_rotate(const struct state *s, int64_t grace, bool force, int64_t now, char *words,
                size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct rotation r = {.s = s, .w = &w, .grace = grace, .now = now, .force = force};
    int fd, error;

    if (grace < 0 || grace > KEYS_GRACE_MAX)
        return words_fail(&w, QHCP_E_ARG,
                          "--grace: %lld s is out of range: 0 to %d (a year) are allowed",
                          (long long)grace, KEYS_GRACE_MAX);
    error = lock_take(s->dir, &fd, &w);
    if (error)
        return error;
    error = rotate_locked(&r);
    lock_drop(fd);
    return error;
}
