/* Export and rotation: see keys.h. */
#include "state/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "auth/auth.h"
#include "state/bundle.h"
#include "state/file.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/names.h"
#include "state/out.h"
#include "state/pki.h"

/* A token key for that one server: `aud` has its names, the scope is health. */
static int check_key(const struct names *names, json_t **ret, const struct words *w)
{
    struct auth_key *key = NULL;
    char iss[LIMIT_ID + 1], *text = NULL;
    json_t *jwk = NULL, *aud = json_array();
    int error;

    snprintf(iss, sizeof iss, "check:%.100s", names->at[0]);
    error = auth_key_generate(iss, AUTH_SCOPE_HEALTH, &key);
    if (!error) {
        text = auth_key_json(key, true);
        jwk = text ? json_loads(text, 0, NULL) : NULL;
        file_wipe(text, text ? strlen(text) : 0);
    }
    for (size_t i = 0; i < names->n; i++)
        json_array_append_new(aud, json_string(names->at[i]));
    auth_key_free(key);
    if (!jwk || json_object_set(jwk, "aud", aud) != 0) {
        bundle_free_doc(jwk);
        json_decref(aud);
        return words_fail(w, error ? error : QHCP_E_NOMEM, "cannot make a token key");
    }
    json_decref(aud);
    *ret = jwk;
    return 0;
}

struct leaf {
    char *cert, *key; /* PEM */
};

static void leaf_deinit(struct leaf *leaf)
{
    file_wipe(leaf->key, leaf->key ? strlen(leaf->key) : 0);
    free(leaf->cert);
}

static int make_leaf(const struct load_pair *ca, const struct names *names, int64_t now,
                     struct leaf *ret, const struct words *w)
{
    struct pki_issue issue = {.ca = ca->crt,
                              .ca_key = ca->key,
                              .names = names,
                              .now = now,
                              .lifetime = PKI_EXPORT_LIFETIME};
    struct leaf leaf = {0};
    int error = pki_key_new(&issue.key, w);

    if (error)
        return error;
    error = pki_server_new(&issue, &leaf.cert, w);
    if (!error)
        error = pki_key_pem(issue.key, &leaf.key, w);
    gnutls_x509_privkey_deinit(issue.key);
    if (error)
        leaf_deinit(&leaf);
    else
        *ret = leaf;
    return error;
}

/* The row of ca/issued.json. */
static json_t *issued_row(const char *cert, const struct names *names, int64_t now,
                          int64_t *ret_expires)
{
    const struct words silent = {NULL, 0};
    char fingerprint[PKI_FINGERPRINT];
    json_t *list = json_array();
    gnutls_x509_crt_t crt;

    if (pki_cert_load(slice_str(cert), "", true, &crt, &silent) != 0) {
        json_decref(list);
        return NULL;
    }
    for (size_t i = 0; i < names->n; i++)
        json_array_append_new(list, json_string(names->at[i]));
    pki_fingerprint(crt, fingerprint);
    *ret_expires = gnutls_x509_crt_get_expiration_time(crt);
    gnutls_x509_crt_deinit(crt);
    return json_pack("{s:s, s:o, s:s, s:I, s:I}", "type", "server", "names", list, "fingerprint",
                     fingerprint, "at", (json_int_t)now, "expires", (json_int_t)*ret_expires);
}

/* The document, and the list of what was issued with its row. */
static int make_bundle(const struct state *s, const struct names *names, int64_t now,
                       json_t **ret_doc, json_t **ret_issued, int64_t *ret_expires,
                       const struct words *w)
{
    struct load_pair ca = {0};
    struct leaf leaf = {0};
    json_t *trust = NULL, *public = NULL, *check = NULL, *issued = NULL, *doc = NULL;
    int error = keys_own_ca(s, "export", &ca, w);

    if (!error)
        error = keys_own_trust(s, &trust, w);
    if (!error)
        error = make_leaf(&ca, names, now, &leaf, w);
    if (!error)
        error = check_key(names, &check, w);
    if (!error)
        error = issued_load(s->dir, &issued, w);
    if (!error)
        error = issued_add(issued, issued_row(leaf.cert, names, now, ret_expires), now, w);
    if (!error) {
        jwks_prune(trust, now);
        public = jwks_public(trust);
        doc = json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:O, s:O}", "qhcp_bundle", BUNDLE_VERSION,
                        "type", "server", "created", (json_int_t)now, "ca", ca.pem, "certificate",
                        leaf.cert, "key", leaf.key, "keys", public, "check_key", check);
        if (!doc)
            error = words_fail(w, QHCP_E_NOMEM, "out of memory");
    }
    if (!error) {
        *ret_doc = doc;
        *ret_issued = json_incref(issued);
    }
    json_decref(issued);
    bundle_free_doc(check && !doc ? check : NULL);
    if (doc)
        json_decref(check); /* the document holds it */
    json_decref(public);
    json_decref(trust);
    leaf_deinit(&leaf);
    load_pair_deinit(&ca);
    return error;
}

static int export_locked(const struct state *s, const struct names *names, const char *out,
                         int64_t now, const struct words *w)
{
    json_t *doc = NULL, *issued = NULL;
    struct change c;
    char *text, date[16];
    int64_t expires = 0;
    int error = make_bundle(s, names, now, &doc, &issued, &expires, w);

    if (error)
        return error;
    text = bundle_text(doc);
    bundle_free_doc(doc);
    change_begin(&c, s->dir, w);
    keys_own_put(&c, STATE_ISSUED, issued);
    json_decref(issued);
    if (!text)
        c.error = words_fail(w, QHCP_E_NOMEM, "out of memory");
    error = out_publish(&c, out, slice_str(text), w);
    file_wipe(text, text ? strlen(text) : 0);
    pki_date(expires, date);
    return error
               ? error
               : words_fail(w, 0,
                            "%s: a bundle for %s%s, valid until %s. Copy it there by a safe way "
                            "(it holds private keys), run `qhcp keys import %s` there, and delete "
                            "this copy.",
                            out, names->at[0], names->n > 1 ? " (and its other names)" : "", date,
                            strcmp(out, "-") == 0 ? "F" : out);
}

int keys_export(const struct state *s, const char *list, const char *out, int64_t now, char *words,
                size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct names *names = calloc(1, sizeof *names);
    int fd, error = names ? names_parse(list, names, &w) : QHCP_E_NOMEM;

    if (!error && names->n > LIMIT_KEY_AUDIENCES)
        error = words_fail(&w, QHCP_E_PARSE, "%zu names are too many for one server (at most %d)",
                           names->n, LIMIT_KEY_AUDIENCES);
    if (!error)
        error = out_check(out, true, &w);
    if (!error)
        error = lock_take(s->dir, &fd, &w);
    if (!error) {
        error = export_locked(s, names, out, now, &w);
        lock_drop(fd);
    }
    free(names);
    return error;
}

/* The private key with the time until which it is accepted, for servers that do not know its
 * successor yet. */
static void put_old_key(struct change *c, const struct auth_key *key, int64_t exp)
{
    char *text = auth_key_json(key, true);
    json_t *jwk = text ? json_loads(text, 0, NULL) : NULL;

    file_wipe(text, text ? strlen(text) : 0);
    text = jwk && json_object_set_new(jwk, "exp", json_integer(exp)) == 0 ? bundle_text(jwk) : NULL;
    bundle_free_doc(jwk);
    if (text)
        change_put(c, STATE_TOKEN_KEY_OLD, slice_str(text), 0600);
    else if (!c->error)
        c->error = words_fail(c->w, QHCP_E_NOMEM, "out of memory");
    file_wipe(text, text ? strlen(text) : 0);
}

/* trust before the key itself: whoever reads in between knows the new key before it is used. */
static int commit_rotation(const struct state *s, const struct auth_key *old,
                           const struct auth_key *new, json_t *trust, int64_t exp, int64_t now,
                           const struct words *w)
{
    char *text = auth_key_json(new, true);
    struct change c;
    int error = 0;

    change_begin(&c, s->dir, w);
    if (jwks_find(trust, auth_key_kid(old))) {
        error = jwks_add_key(trust, new, w);
        jwks_retire(trust, auth_key_issuer(old), auth_key_kid(new), exp);
        jwks_prune(trust, now);
        keys_own_put(&c, STATE_TRUST, trust);
    }
    if (!text)
        error = words_fail(w, QHCP_E_NOMEM, "out of memory");
    if (exp > now)
        put_old_key(&c, old, exp);
    else
        change_remove(&c, STATE_TOKEN_KEY_OLD);
    if (!error) {
        change_put(&c, STATE_TOKEN_KEY, slice_str(text), 0600);
        error = change_commit(&c);
    } else {
        change_abort(&c);
    }
    file_wipe(text, text ? strlen(text) : 0);
    return error;
}

static int rotate_locked(const struct state *s, int64_t grace, int64_t now, const struct words *w)
{
    struct auth_key *old = NULL, *new = NULL;
    json_t *trust = NULL;
    char date[16];
    int error = load_token_key(s->dir, STATE_TOKEN_KEY, &old, w);

    if (!error)
        error = keys_own_trust(s, &trust, w);
    if (!error && auth_key_generate(auth_key_issuer(old), AUTH_SCOPE_ALL, &new) != 0)
        error = words_fail(w, QHCP_E_TLS, "cannot make a token key");
    if (!error)
        error = commit_rotation(s, old, new, trust, now + grace, now, w);
    if (!error) {
        pki_date(now + grace, date);
        words_fail(w, 0,
                   "%s: the new token key is %s; the old one, %s, is accepted until %s (%lld s). "
                   "Until then, give the new one to servers on other machines: %s",
                   auth_key_issuer(new), auth_key_kid(new), auth_key_kid(old), date,
                   (long long)grace,
                   s->imported ? "`qhcp keys request --lb --out R` here, `qhcp keys accept R` and "
                                 "new exports on the machine with the CA."
                               : "`qhcp keys export` here and `qhcp keys import` there.");
    }
    json_decref(trust);
    auth_key_free(new);
    auth_key_free(old);
    return error;
}

int keys_rotate(const struct state *s, int64_t grace, int64_t now, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    int fd, error;

    if (grace < 0 || grace > KEYS_GRACE_MAX)
        return words_fail(&w, QHCP_E_ARG, "a grace of %lld s is not between 0 and %d (a year)",
                          (long long)grace, KEYS_GRACE_MAX);
    error = lock_take(s->dir, &fd, &w);
    if (error)
        return error;
    error = rotate_locked(s, grace, now, &w);
    lock_drop(fd);
    return error;
}
