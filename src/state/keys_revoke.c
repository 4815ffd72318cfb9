/* Revocation: the end of the trust in what was lost, stolen or given away.
 *
 * Only the CA's key can do it.  The list that it signs (revoked.h) works on this machine at once,
 * load balancers bring it to the servers that they watch, and every bundle has it. */
#include "state/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/value.h"
#include "state/bundle.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/old_keys.h"
#include "state/out.h"
#include "state/pki.h"
#include "state/revoked.h"

struct revocation {
    const struct state *s;
    const struct words *w;
    const char *what;
    bool force;
    int64_t now;
    struct stored_pair ca;
    struct auth_key *own;
    json_t *trust, *issued, *old;
    struct revoked list;
    char name[NAMES_TEXT]; /* `what` as a server's name; "" when it can be none */
    size_t certs, keys;    /* found */
    bool changed;          /* something was not in the list before */
    bool own_before;       /* our own key was in it already */
    size_t old_before;     /* old keys that load balancers kept */
};

/* "sha256:" and 64 hex digits. */
static bool print_of(const char *text, uint8_t ret[REVOKED_CERT])
{
    if (strncmp(text, "sha256:", 7) != 0 || strlen(text) != 7 + 2 * REVOKED_CERT ||
        strspn(text + 7, "0123456789abcdef") != 2 * REVOKED_CERT)
        return false;
    for (size_t i = 0; i < REVOKED_CERT; i++) {
        char byte[3] = {text[7 + 2 * i], text[8 + 2 * i], '\0'};

        ret[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return true;
}

static void take_cert(struct revocation *r, const char *fingerprint)
{
    uint8_t print[REVOKED_CERT];

    if (!print_of(fingerprint, print))
        return;
    r->certs++;
    r->changed = revoked_add_cert(&r->list, print) || r->changed;
}

static void take_key(struct revocation *r, const char *kid)
{
    if (!kid[0])
        return;
    r->keys++;
    r->changed = revoked_add_key(&r->list, kid) || r->changed;
    jwks_remove(r->trust, kid);
    old_keys_remove(r->old, kid);
}

/* One bundle of a server, present or earlier: all of it, its certificate, or its check key. */
static void look_at_bundle(struct revocation *r, json_t *row, bool all)
{
    bool cert = all || strcmp(issued_text(row, "fingerprint"), r->what) == 0;
    bool check = all || strcmp(issued_text(row, "check_kid"), r->what) == 0;

    if (cert)
        take_cert(r, issued_text(row, "fingerprint"));
    if (cert && !json_object_get(row, "revoked"))
        json_object_set_new(row, "revoked", json_integer(r->now));
    if (check)
        take_key(r, issued_text(row, "check_kid"));
}

static void look_at_row(struct revocation *r, json_t *row)
{
    json_t *earlier = json_object_get(row, "earlier"), *one;
    bool all = r->name[0] && issued_has_name(row, r->name);
    size_t i;

    if (json_object_get(row, "id")) {
        if (strcmp(issued_text(row, "id"), r->what) != 0 &&
            strcmp(issued_text(row, "kid"), r->what) != 0)
            return;
        take_key(r, issued_text(row, "kid"));
        json_object_set_new(row, "revoked", json_integer(r->now));
        return;
    }
    look_at_bundle(r, row, all);
    json_array_foreach(earlier, i, one)
    {
        look_at_bundle(r, one, all);
    }
}

/* The load balancers' keys, by kid or by issuer; backwards, since a key that is found goes. */
static void look_at_trust(struct revocation *r)
{
    json_t *keys = json_object_get(r->trust, "keys");

    for (size_t i = json_array_size(keys); i-- > 0;) {
        const json_t *jwk = json_array_get(keys, i);
        char kid[LIMIT_ID + 1];

        snprintf(kid, sizeof kid, "%s", issued_text(jwk, "kid"));
        if (strcmp(kid, r->what) == 0 || strcmp(issued_text(jwk, "iss"), r->what) == 0)
            take_key(r, kid);
    }
}

/* A key of ours that servers still accept though it is in no set here any more. */
static void look_at_old(struct revocation *r)
{
    json_t *row, *kid;
    size_t i, k;

    if (r->keys > 0)
        return;
    json_array_foreach(r->issued, i, row)
    {
        json_array_foreach(json_object_get(row, "kids"), k, kid)
        {
            if (r->keys == 0 && strcmp(json_string_value(kid), r->what) == 0)
                take_key(r, r->what);
        }
    }
}

static int find(struct revocation *r)
{
    const struct words silent = {NULL, 0};
    char quote[VALUE_QUOTE + 8];
    json_t *row;
    size_t i;

    if (names_normal(r->what, r->name, &silent) != 0)
        r->name[0] = '\0';
    json_array_foreach(r->issued, i, row)
    {
        look_at_row(r, row);
    }
    look_at_trust(r);
    look_at_old(r);
    if (r->certs + r->keys == 0 && r->force) {
        take_cert(r, r->what);
        if (r->certs == 0 && strlen(r->what) <= LIMIT_ID)
            take_key(r, r->what);
    }
    if (r->certs + r->keys > 0)
        return 0;
    return words_fail(r->w, QHCP_E_NOT_FOUND,
                      "nothing that was exported or accepted here has the name, the kid or the "
                      "fingerprint %s: see `qhcp keys show`; --force revokes a kid or a "
                      "fingerprint that is not listed",
                      value_quote(r->what, quote));
}

static bool knows_another(const struct revocation *r, const json_t *row)
{
    json_t *kids = json_object_get(row, "kids"), *kid;
    size_t i;

    if (!kids)
        return true; /* a row of 0.1.0 does not say */
    json_array_foreach(kids, i, kid)
    {
        const char *text = json_string_value(kid);
        size_t k;
        json_t *old;

        if (strcmp(text, auth_key_kid(r->own)) == 0)
            return true;
        json_array_foreach(r->old, k, old)
        {
            if (strcmp(issued_text(old, "kid"), text) == 0)
                return true;
        }
    }
    return false;
}

/* Our own key: which servers would our load balancers lose by it? */
static int check_own(const struct revocation *r)
{
    char list[400] = "";
    json_t *row;
    size_t i, n = 0;

    if (r->force)
        return 0;
    if (!r->own_before && revoked_has_key(&r->list, auth_key_kid(r->own)))
        return words_fail(r->w, QHCP_E_EXISTS,
                          "load balancers of this machine sign with that key, and would lose every "
                          "server: first run `qhcp keys rotate`, `qhcp keys export --all --dir D` "
                          "and the imports; --force revokes it at once");
    if (json_array_size(r->old) == r->old_before)
        return 0;
    json_array_foreach(r->issued, i, row)
    {
        if (issued_in_force(row, r->now) && !knows_another(r, row))
            issued_list(row, n++, list, sizeof list);
    }
    if (n == 0)
        return 0;
    return words_fail(
        r->w, QHCP_E_EXISTS,
        "%s would no longer know a token key of this machine's load balancers: first run `qhcp "
        "keys export --all --dir D` here and `qhcp keys import` there; --force revokes it at once",
        list);
}

static int commit(struct revocation *r)
{
    struct transaction c;
    int error = revoked_sign(&r->list, r->ca.key, r->now, r->w);

    if (error)
        return error;
    transaction_begin(&c, r->s->dir, r->w);
    revoked_put(&c, &r->list);
    keys_own_put(&c, STATE_TRUST, r->trust);
    keys_own_put(&c, STATE_ISSUED, r->issued);
    old_keys_put(&c, r->old);
    return transaction_commit(&c);
}

static void report(const struct revocation *r)
{
    char found[80];

    if (!r->changed) {
        words_fail(r->w, 0, "%s is already revoked; nothing was changed", r->what);
        return;
    }
    snprintf(found, sizeof found, "%zu certificate%s, %zu key%s", r->certs,
             r->certs == 1 ? "" : "s", r->keys, r->keys == 1 ? "" : "s");
    words_fail(r->w, 0,
               "revoked: %s (%s). Processes of this machine know it within 10 s, and its load "
               "balancers tell each server that they watch; their status has a notice for each "
               "server that does not know it yet. Every bundle has the list from now on. For "
               "servers that no load balancer of this machine watches, and for other load "
               "balancers, run `qhcp keys export --revoked --out F` and `qhcp keys import F`.%s",
               r->what, found,
               r->certs > 0 ? " If the server continues, it needs a new bundle." : "");
}

static int load_all(struct revocation *r)
{
    int error = keys_own_ca(r->s, "revoke", &r->ca, r->w);

    if (!error)
        error = stored_token_key(r->s->dir, STATE_TOKEN_KEY, &r->own, r->w);
    if (!error)
        error = keys_own_trust(r->s, &r->trust, r->w);
    if (!error)
        error = issued_load(r->s->dir, &r->issued, r->w);
    if (!error)
        error = old_keys_load(r->s->dir, &r->old, r->w);
    if (!error)
        error = revoked_load(r->s->dir, &r->list, r->w);
    if (error)
        return error;
    r->old_before = json_array_size(r->old);
    r->own_before = revoked_has_key(&r->list, auth_key_kid(r->own));
    return 0;
}

static int revoke_locked(struct revocation *r)
{
    int error = load_all(r);

    if (!error)
        error = find(r);
    if (!error)
        error = check_own(r);
    if (!error && r->changed)
        error = commit(r);
    if (!error)
        report(r);
    revoked_deinit(&r->list);
    old_keys_free(r->old);
    json_decref(r->issued);
    json_decref(r->trust);
    auth_key_free(r->own);
    stored_pair_deinit(&r->ca);
    return error;
}

int keys_revoke(const struct state *s, const char *what, bool force, int64_t now, char *words,
                size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct revocation r = {.s = s, .w = &w, .what = what, .force = force, .now = now};
    int fd, error = lock_take(s->dir, &fd, &w);

    if (error)
        return error;
    error = revoke_locked(&r);
    lock_drop(fd);
    return error;
}

static int export_locked(const struct state *s, const char *out, int64_t now, const struct words *w)
{
    struct stored_pair ca = {0};
    struct revoked list = {NULL};
    json_t *doc = NULL;
    char *text = NULL;
    int error = stored_ca(s->dir, &ca, w);

    if (!error)
        error = revoked_load(s->dir, &list, w);
    if (!error && !revoked_list(&list))
        error = words_fail(w, QHCP_E_NOT_FOUND, "nothing was revoked yet");
    if (!error) {
        doc =
            json_pack("{s:i, s:s, s:I, s:s, s:s}", "qhcp_bundle", BUNDLE_VERSION, "type", "revoked",
                      "created", (json_int_t)now, "ca", ca.pem, "revoked", revoked_list(&list));
        text = doc ? jwks_text(doc) : NULL;
        error = text ? out_write(out, slice_str(text), 0600, w)
                     : words_fail(w, QHCP_E_NOMEM, "out of memory");
    }
    if (!error)
        words_fail(w, 0,
                   "%s: the list of revocations. Nothing in it is secret. Run `qhcp keys import` "
                   "with it on each machine that needs it.",
                   out);
    free(text);
    json_decref(doc);
    revoked_deinit(&list);
    stored_pair_deinit(&ca);
    return error;
}

int keys_export_revoked(const struct state *s, const char *out, bool force, int64_t now,
                        char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    int fd, error = out_check(out, false, force, &w);

    if (!error)
        error = lock_take(s->dir, &fd, &w);
    if (error)
        return error;
    error = export_locked(s, out, now, &w);
    lock_drop(fd);
    return error;
}
