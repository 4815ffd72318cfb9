/* Export: see keys.h. */
#include "state/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/os/file.h"
#include "state/bundle.h"
#include "state/issued.h"
#include "state/jwks.h"
#include "state/keys_own.h"
#include "state/lock.h"
#include "state/names.h"
#include "state/out.h"
#include "state/owner.h"
#include "state/pki.h"
#include "state/revoked.h"

/* What all bundles of one export come from. */
struct source {
    const struct state *s;
    const struct words *w;
    int64_t now;
    struct stored_pair ca;
    json_t *public; /* the load balancers' keys */
    json_t *issued;
    struct revoked revoked;
};

/* One server's bundle. */
struct made {
    struct names names; /* as asked for, without those of the own machine */
    json_t *doc;
    int64_t expires;
    json_t *rows, *docs; /* of all servers */
};

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

static int make_leaf(const struct stored_pair *ca, const struct names *names, int64_t now,
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
static json_t *issued_row(const struct source *from, const char *cert, const json_t *check,
                          struct made *m)
{
    const struct words silent = {NULL, 0};
    char fingerprint[PKI_FINGERPRINT];
    json_t *list = json_array(), *kids = json_array(), *jwk;
    gnutls_x509_crt_t crt;
    size_t k;

    if (pki_cert_load(slice_str(cert), "", true, &crt, &silent) != 0) {
        json_decref(list);
        json_decref(kids);
        return NULL;
    }
    for (size_t i = 0; i < m->names.n; i++)
        json_array_append_new(list, json_string(m->names.at[i]));
    json_array_foreach(json_object_get(from->public, "keys"), k, jwk)
    {
        json_array_append(kids, json_object_get(jwk, "kid"));
    }
    pki_fingerprint(crt, fingerprint);
    m->expires = gnutls_x509_crt_get_expiration_time(crt);
    gnutls_x509_crt_deinit(crt);
    return json_pack("{s:s, s:o, s:s, s:I, s:I, s:o, s:O}", "type", "server", "names", list,
                     "fingerprint", fingerprint, "at", (json_int_t)from->now, "expires",
                     (json_int_t)m->expires, "kids", kids, "check_kid",
                     json_object_get(check, "kid"));
}

static void source_deinit(struct source *from)
{
    revoked_deinit(&from->revoked);
    json_decref(from->issued);
    json_decref(from->public);
    stored_pair_deinit(&from->ca);
}

static int source_init(struct source *from)
{
    json_t *trust = NULL;
    int error = keys_own_ca(from->s, "export", &from->ca, from->w);

    if (!error)
        error = keys_own_trust(from->s, &trust, from->w);
    if (!error)
        error = issued_load(from->s->dir, &from->issued, from->w);
    if (!error)
        error = revoked_load(from->s->dir, &from->revoked, from->w);
    if (!error) {
        jwks_prune(trust, from->now);
        from->public = jwks_public(trust);
    }
    json_decref(trust);
    if (error)
        source_deinit(from);
    return error;
}

/* The bundle of the server m->names, and its row in the list. */
static int make_bundle(struct source *from, struct made *m)
{
    struct names *all = malloc(sizeof *all);
    struct leaf leaf = {0};
    json_t *check = NULL;
    int error = all ? 0 : words_fail(from->w, QHCP_E_NOMEM, "out of memory");

    if (!error) {
        *all = m->names;
        names_add_local(all);
        error = make_leaf(&from->ca, all, from->now, &leaf, from->w);
    }
    if (!error)
        error = check_key(all, &check, from->w);
    if (!error)
        error = issued_add(from->issued, issued_row(from, leaf.cert, check, m), from->now, from->w);
    if (!error) {
        m->doc = json_pack("{s:i, s:s, s:I, s:s, s:s, s:s, s:O, s:O}", "qhcp_bundle",
                           BUNDLE_VERSION, "type", "server", "created", (json_int_t)from->now, "ca",
                           from->ca.pem, "certificate", leaf.cert, "key", leaf.key, "keys",
                           from->public, "check_key", check);
        error = m->doc ? keys_own_add_list(m->doc, &from->revoked, from->w)
                       : words_fail(from->w, QHCP_E_NOMEM, "out of memory");
    }
    if (m->doc)
        json_decref(check); /* the document holds it */
    else
        bundle_free_doc(check);
    leaf_deinit(&leaf);
    free(all);
    return error;
}

/* Names that an earlier bundle had mean its server: the new one has all of them too. */
static void repeat_names(const struct source *from, struct names *names)
{
    const json_t *row = issued_find(from->issued, names, from->now);
    struct names *before = row ? malloc(sizeof *before) : NULL;

    if (before && issued_names(row, before))
        *names = *before;
    free(before);
}

static void report_one(const struct source *from, const struct made *m, const char *out)
{
    char date[16], list[400];

    pki_date(m->expires, date);
    names_list(&m->names, list, sizeof list);
    words_fail(from->w, 0,
               "%s: a bundle for %s, valid until %s. It holds private keys: copy it there in a "
               "safe way, run `qhcp keys import %s` there, and delete this copy.",
               out, list, date, strcmp(out, "-") == 0 ? "F" : out);
}

static int export_one(struct source *from, struct made *m, const char *out)
{
    struct transaction c;
    char *text;
    int error;

    repeat_names(from, &m->names);
    error = make_bundle(from, m);
    if (error)
        return error;
    text = bundle_text(m->doc);
    transaction_begin(&c, from->s->dir, from->w);
    keys_own_put(&c, STATE_ISSUED, from->issued);
    if (!text)
        c.error = words_fail(from->w, QHCP_E_NOMEM, "out of memory");
    error = out_publish(&c, out, slice_str(text), from->w);
    file_wipe(text, text ? strlen(text) : 0);
    if (!error)
        report_one(from, m, out);
    return error;
}

/* "DIR/web1.example.bundle"; an IPv6 address keeps its colons. */
static int path_of(const struct source *from, const char *dir, const json_t *row,
                   char ret[STATE_PATH])
{
    const char *name = json_string_value(json_array_get(json_object_get(row, "names"), 0));

    return snprintf(ret, STATE_PATH, "%s/%s.bundle", dir, name) < STATE_PATH
               ? 0
               : words_fail(from->w, QHCP_E_ARG, "the path of %s is too long", dir);
}

/* The rows to make bundles for: a copy, since each bundle changes the list.  Two servers with the
 * same first name would be one file. */
static int choose_all(const struct source *from, const struct keys_export *what, json_t **ret)
{
    json_t *rows = json_array(), *seen = json_object(), *row;
    char path[STATE_PATH];
    int error = 0;
    size_t i;

    json_array_foreach(from->issued, i, row)
    {
        if (error || !issued_in_force(row, from->now))
            continue;
        error = path_of(from, what->out, row, path);
        if (!error)
            error = out_check(path, true, what->force, from->w);
        if (!error && json_object_get(seen, path))
            error = words_fail(
                from->w, QHCP_E_EXISTS,
                "two bundles would have the name %s: export one of these servers by its other "
                "names (see `qhcp keys show`), or revoke the bundle that is no longer needed",
                path);
        json_object_set_new(seen, path, json_true());
        json_array_append(rows, row);
    }
    if (!error && json_array_size(rows) == 0)
        error = words_fail(from->w, QHCP_E_NOT_FOUND,
                           "no server has a bundle yet: run `qhcp keys export --server NAME --out "
                           "F` for the first one");
    json_decref(seen);
    if (error)
        json_decref(rows);
    else
        *ret = rows;
    return error;
}

/* The bundles of all these rows, in their order. */
static int make_all_of(struct source *from, const json_t *rows, struct made *m, json_t *docs)
{
    int error = 0;
    json_t *row;
    size_t i;

    json_array_foreach((json_t *)rows, i, row)
    {
        if (!error && !issued_names(row, &m->names))
            error = words_fail(from->w, QHCP_E_PARSE,
                               "a server in " STATE_ISSUED " has too many names");
        if (!error)
            error = make_bundle(from, m);
        if (!error)
            json_array_append_new(docs, m->doc);
        m->doc = NULL;
    }
    return error;
}

static int write_all(const struct source *from, const char *dir, const json_t *rows,
                     const json_t *docs)
{
    char path[STATE_PATH];
    int error = 0;
    json_t *row;
    size_t i;

    owner_outside();
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        error = words_errno(from->w, errno, "make", dir);
    owner_inside();
    json_array_foreach((json_t *)rows, i, row)
    {
        char *text = error ? NULL : bundle_text(json_array_get(docs, i));

        if (!error)
            error = path_of(from, dir, row, path);
        if (!error)
            error = text ? out_write(path, slice_str(text), 0600, from->w)
                         : words_fail(from->w, QHCP_E_NOMEM, "out of memory");
        file_wipe(text, text ? strlen(text) : 0);
    }
    return error;
}

/* The list first: a bundle that is on the disk must be in it, or it could not be revoked. */
static int export_all(struct source *from, const struct keys_export *what, struct made *m)
{
    struct transaction c;
    int error = choose_all(from, what, &m->rows);

    m->docs = json_array();
    if (!error)
        error = make_all_of(from, m->rows, m, m->docs);
    if (error)
        return error;
    transaction_begin(&c, from->s->dir, from->w);
    keys_own_put(&c, STATE_ISSUED, from->issued);
    return transaction_commit(&c);
}

/* Without the lock: a thousand files take seconds, for which servers of this machine must not wait.
 */
static int publish_all(const struct source *from, const struct keys_export *what,
                       const struct made *m)
{
    size_t n = json_array_size(m->rows);
    int error = write_all(from, what->out, m->rows, m->docs);

    if (!error)
        words_fail(
            from->w, 0,
            "%s: bundles for %zu server%s, one file each. They hold private keys: copy each to its "
            "machine in a safe way, run `qhcp keys import` there, and delete this directory.",
            what->out, n, n == 1 ? "" : "s");
    return error;
}

static void made_free(struct made *m)
{
    json_t *doc;
    size_t i;

    if (!m)
        return;
    json_array_foreach(m->docs, i, doc)
    {
        bundle_free_doc(json_incref(doc));
    }
    json_decref(m->docs);
    json_decref(m->rows);
    bundle_free_doc(m->doc);
    free(m);
}

static int export_locked(const struct state *s, const struct keys_export *what, struct made *m,
                         int64_t now, const struct words *w)
{
    struct source from = {.s = s, .w = w, .now = now};
    int error = source_init(&from);

    if (error)
        return error;
    error = what->names ? export_one(&from, m, what->out) : export_all(&from, what, m);
    source_deinit(&from);
    return error;
}

int keys_export(const struct state *s, const struct keys_export *what, int64_t now, char *words,
                size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct made *m = calloc(1, sizeof *m);
    int fd, error = m ? 0 : QHCP_E_NOMEM;

    if (!error && what->names)
        error = names_parse(what->names, &m->names, &w);
    if (!error && m->names.n > KEYS_NAMES)
        error = words_fail(&w, QHCP_E_PARSE, "%zu names are too many for one server (at most %d)",
                           m->names.n, KEYS_NAMES);
    if (!error && what->names)
        error = out_check(what->out, true, what->force, &w);
    if (!error)
        error = lock_take(s->dir, &fd, &w);
    if (!error) {
        error = export_locked(s, what, m, now, &w);
        lock_drop(fd);
    }
    if (!error && !what->names)
        error = publish_all(&(struct source){.w = &w}, what, m);
    made_free(m);
    return error;
}
