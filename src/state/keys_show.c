/* What is in the state directory, as JSON: names, fingerprints, ends; never a secret. */
#include "state/keys.h"

#include <stdio.h>
#include <stdlib.h>

#include <qhcp/error.h>

#include "auth/auth.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/names.h"
#include "state/old_keys.h"
#include "state/pki.h"
#include "state/revoked.h"

struct show {
    const struct state *s;
    json_t *doc, *problems;
    struct revoked revoked;
    json_t *public; /* the load balancers' keys that are accepted now; NULL: cannot be read */
    int64_t now;
    const struct words *w;
};

/* One piece that cannot be read does not hide the others. */
static void problem(const struct show *v)
{
    json_array_append_new(v->problems, json_string(v->w->p));
}

static void set_end(json_t *row, int64_t expires, int64_t now)
{
    json_object_set_new(row, "expires", json_integer(expires));
    json_object_set_new(row, "days", json_integer((expires - now) / PKI_DAY));
}

static json_t *cert_row(gnutls_x509_crt_t crt, int64_t now)
{
    struct names *names = calloc(1, sizeof *names);
    json_t *row = json_object(), *list = json_array();
    char text[256];

    pki_subject(crt, text, sizeof text);
    json_object_set_new(row, "subject", json_string(text));
    pki_fingerprint(crt, text);
    json_object_set_new(row, "fingerprint", json_string(text));
    if (names)
        pki_names(crt, names);
    for (size_t i = 0; names && i < names->n; i++)
        json_array_append_new(list, json_string(names->at[i]));
    json_object_set_new(row, "names", list);
    set_end(row, gnutls_x509_crt_get_expiration_time(crt), now);
    free(names);
    return row;
}

static void show_ca(const struct show *v)
{
    struct stored_pair ca;
    json_t *row;

    if (stored_ca(v->s->dir, &ca, v->w) != 0) {
        problem(v);
        return;
    }
    row = cert_row(ca.crt, v->now);
    json_object_del(row, "names");
    json_object_set_new(row, "origin", json_string(v->s->imported ? "imported" : "automatic"));
    json_object_set_new(v->doc, "ca", row);
    stored_pair_deinit(&ca);
}

static void show_server(const struct show *v)
{
    struct stored_pair server;

    if (!stored_have(v->s->dir, STATE_CERT))
        return; /* a load balancer's machine that imported its CA has none */
    if (stored_pair(v->s->dir, STATE_CERT, STATE_KEY, &server, v->w) != 0) {
        problem(v);
        return;
    }
    json_object_set_new(v->doc, "server", cert_row(server.crt, v->now));
    stored_pair_deinit(&server);
}

/* The public members of a key that a person looks for. */
static json_t *key_row(const json_t *jwk, int64_t now)
{
    static const char *const shown[] = {"iss", "kid", "alg", "scope", "aud"};
    const json_t *exp = json_object_get(jwk, "exp");
    json_t *row = json_object();

    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (json_object_get(jwk, shown[i]))
            json_object_set(row, i == 0 ? "id" : shown[i], json_object_get(jwk, shown[i]));
    if (json_is_integer(exp))
        set_end(row, json_integer_value(exp), now);
    return row;
}

static void show_private_key(const struct show *v, const char *name, const char *as)
{
    struct auth_key *key;
    char *text;
    json_t *jwk;

    if (!stored_have(v->s->dir, name))
        return;
    if (stored_token_key(v->s->dir, name, &key, v->w) != 0) {
        problem(v);
        return;
    }
    text = auth_key_json(key, false);
    jwk = text ? json_loads(text, 0, NULL) : NULL;
    json_object_set_new(v->doc, as, key_row(jwk, v->now));
    json_decref(jwk);
    free(text);
    auth_key_free(key);
}

/* The newest of them has a member of its own, which 0.1.0 had alone. */
static void show_old_keys(const struct show *v)
{
    json_t *list, *rows = json_array(), *jwk;
    size_t i;

    if (old_keys_load(v->s->dir, &list, v->w) == 0) {
        json_array_foreach(list, i, jwk)
        {
            json_array_append_new(rows, key_row(jwk, v->now));
        }
        old_keys_free(list);
    } else {
        problem(v);
    }
    if (json_array_size(rows) > 0)
        json_object_set(v->doc, "old_token_key", json_array_get(rows, 0));
    json_object_set_new(v->doc, "old_token_keys", rows);
}

static void show_trust(struct show *v)
{
    json_t *trust, *rows = json_array(), *jwk;
    size_t i;

    if (keys_own_trust(v->s, &trust, v->w) == 0) {
        jwks_prune(trust, v->now);
        v->public = jwks_public(trust);
        json_array_foreach(json_object_get(trust, "keys"), i, jwk)
        {
            json_t *row = key_row(jwk, v->now);

            if (revoked_has_key(&v->revoked, json_string_value(json_object_get(jwk, "kid"))))
                json_object_set_new(row, "revoked", json_true());
            json_array_append_new(rows, row);
        }
        json_decref(trust);
    } else {
        problem(v);
    }
    json_object_set_new(v->doc, "accepted_keys", rows);
}

/* Does the bundle lack a load balancer's key that was made after it? */
static bool lacks_key(const struct show *v, const json_t *row)
{
    json_t *kids = json_object_get(row, "kids"), *jwk, *kid;
    size_t i, k, known = 0;

    if (!kids || !issued_in_force(row, v->now))
        return false;
    json_array_foreach(json_object_get(v->public, "keys"), i, jwk)
    {
        json_array_foreach(kids, k, kid)
        {
            if (json_equal(kid, json_object_get(jwk, "kid")))
                break;
        }
        known += k < json_array_size(kids);
    }
    return known < json_array_size(json_object_get(v->public, "keys"));
}

static void show_issued(const struct show *v)
{
    json_t *issued, *row;
    size_t i;

    if (issued_load(v->s->dir, &issued, v->w) != 0) {
        problem(v);
        return;
    }
    json_array_foreach(issued, i, row)
    {
        if (!json_object_get(row, "expires"))
            continue;
        set_end(row, json_integer_value(json_object_get(row, "expires")), v->now);
        json_object_set_new(row, "lacks_keys", json_boolean(lacks_key(v, row)));
    }
    json_object_set_new(v->doc, "exported", issued);
}

static void show_revoked(const struct show *v)
{
    json_t *keys = json_array(), *certs = json_array();
    uint8_t print[REVOKED_CERT];
    char text[PKI_FINGERPRINT];

    for (size_t i = 0; revoked_key_at(&v->revoked, i); i++)
        json_array_append_new(keys, json_string(revoked_key_at(&v->revoked, i)));
    for (size_t i = 0; revoked_cert_at(&v->revoked, i, print); i++) {
        pki_fingerprint_text(print, text);
        json_array_append_new(certs, json_string(text));
    }
    json_object_set_new(v->doc, "revoked",
                        json_pack("{s:I, s:o, s:o}", "number",
                                  (json_int_t)revoked_number(&v->revoked), "keys", keys,
                                  "certificates", certs));
}

int keys_show(const struct state *s, int64_t now, json_t **ret, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    char buf[512] = "";
    const struct words each = {buf, sizeof buf};
    struct show v = {.s = s, .now = now, .w = &each};
    int fd, error = lock_take(s->dir, &fd, &w);

    if (error)
        return error;
    v.doc = json_pack("{s:s}", "directory", s->dir);
    v.problems = json_array();
    if (revoked_load(s->dir, &v.revoked, v.w) != 0)
        problem(&v); /* and no key is shown as revoked */
    show_ca(&v);
    show_server(&v);
    show_private_key(&v, STATE_TOKEN_KEY, "token_key");
    show_old_keys(&v);
    show_private_key(&v, STATE_CHECK_KEY, "check_key");
    show_trust(&v);
    show_issued(&v);
    show_revoked(&v);
    lock_drop(fd);
    revoked_deinit(&v.revoked);
    json_decref(v.public);
    json_object_set_new(v.doc, "problems", v.problems);
    *ret = v.doc;
    return 0;
}
