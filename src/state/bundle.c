/* Bundles and requests, parsed strictly: they come from another machine, by whatever way. */
#include "state/bundle.h"

#include <stdio.h>
#include <stdlib.h>

#include <gnutls/gnutls.h>
#include <qhcp/error.h>

#include "auth/auth.h"
#include "base/value.h"
#include "state/jwks.h"
#include "state/pki.h"

struct member {
    const char *name;
    json_type type;
    bool optional;
};

static const struct member server_members[] = {
    {"qhcp_bundle", JSON_INTEGER},  {"type", JSON_STRING},
    {"created", JSON_INTEGER},      {"ca", JSON_STRING},
    {"certificate", JSON_STRING},   {"key", JSON_STRING},
    {"keys", JSON_OBJECT},          {"check_key", JSON_OBJECT},
    {"revoked", JSON_STRING, true}, {NULL, JSON_NULL}};
static const struct member lb_members[] = {{"qhcp_bundle", JSON_INTEGER},
                                           {"type", JSON_STRING},
                                           {"created", JSON_INTEGER},
                                           {"ca", JSON_STRING},
                                           {"kid", JSON_STRING},
                                           {"revoked", JSON_STRING, true},
                                           {NULL, JSON_NULL}};
static const struct member revoked_members[] = {
    {"qhcp_bundle", JSON_INTEGER}, {"type", JSON_STRING},    {"created", JSON_INTEGER},
    {"ca", JSON_STRING},           {"revoked", JSON_STRING}, {NULL, JSON_NULL}};
static const struct {
    const char *name;
    const struct member *members;
} bundle_types[] = {[BUNDLE_SERVER] = {"server", server_members},
                    [BUNDLE_LB] = {"lb", lb_members},
                    [BUNDLE_REVOKED] = {"revoked", revoked_members}};
static const struct member request_members[] = {
    {"qhcp_request", JSON_INTEGER}, {"type", JSON_STRING},  {"created", JSON_INTEGER},
    {"jwk", JSON_OBJECT},           {"proof", JSON_STRING}, {NULL, JSON_NULL}};
/* A load balancer's key brings what it is, never a policy of the server (`unbound`, `aud`, times).
 */
static const struct member jwk_members[] = {
    {"kty", JSON_STRING}, {"crv", JSON_STRING},   {"x", JSON_STRING},
    {"y", JSON_STRING},   {"kid", JSON_STRING},   {"alg", JSON_STRING},
    {"iss", JSON_STRING}, {"scope", JSON_STRING}, {NULL, JSON_NULL}};

static const char *const type_names[] = {
    [JSON_OBJECT] = "an object", [JSON_ARRAY] = "a list",  [JSON_STRING] = "a string",
    [JSON_INTEGER] = "a number", [JSON_REAL] = "a number", [JSON_TRUE] = "true",
    [JSON_FALSE] = "false",      [JSON_NULL] = "null"};

static const struct member *find_member(const struct member *m, const char *name)
{
    for (; m->name; m++)
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

/* Exactly the members of the table, each of its type. */
static int check_members(const json_t *doc, const struct member *table, const char *where,
                         const struct words *w)
{
    char quote[VALUE_QUOTE + 8];
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)doc, name, value)
    {
        const struct member *m = find_member(table, name);

        if (!m)
            return words_fail(w, QHCP_E_PARSE, "%s: unknown member %s", where,
                              value_quote(name, quote));
        if (json_typeof(value) != m->type)
            return words_fail(w, QHCP_E_PARSE, "%s: member \"%s\" is not %s", where, name,
                              type_names[m->type]);
    }
    for (const struct member *m = table; m->name; m++)
        if (!m->optional && !json_object_get(doc, m->name))
            return words_fail(w, QHCP_E_PARSE, "%s: member \"%s\" is missing", where, m->name);
    return 0;
}

static void wipe(json_t *value)
{
    const char *name;
    json_t *child;

    if (json_is_string(value))
        gnutls_memset((char *)json_string_value(value), 0, json_string_length(value));
    if (json_is_object(value))
        json_object_foreach(value, name, child)
        {
            wipe(child);
        }
}

void bundle_free_doc(json_t *doc)
{
    if (doc) {
        wipe(json_object_get(doc, "key"));
        wipe(json_object_get(doc, "check_key"));
        wipe(json_object_get(doc, "d"));
    }
    json_decref(doc);
}

/* jansson's own words quote the text, which may be a secret: the place must do. */
static int parse(struct slice text, const char *where, json_t **ret, const struct words *w)
{
    json_error_t e;
    json_t *doc = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e);

    if (!doc)
        return words_fail(w, QHCP_E_PARSE,
                          "%s is not a bundle or request of QHCP: %s at line %d, column %d", where,
                          json_error_code(&e) == json_error_duplicate_key
                              ? "a member is there twice"
                              : "not JSON",
                          e.line, e.column);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return words_fail(w, QHCP_E_PARSE, "%s: not a JSON object", where);
    }
    *ret = doc;
    return 0;
}

/* Is `doc` a document of that kind and of our version? */
static int check_kind(const json_t *doc, const char *kind, const char *where, const struct words *w)
{
    const json_t *version = json_object_get(doc, kind);
    bool request = strcmp(kind, "qhcp_request") == 0;

    if (!version && json_object_get(doc, request ? "qhcp_bundle" : "qhcp_request"))
        return words_fail(
            w, QHCP_E_PARSE,
            request ? "%s is a bundle: use `qhcp keys import` for it; `qhcp keys request` makes a "
                      "request"
                    : "%s is a request: use `qhcp keys accept` for it on the machine with the CA",
            where);
    if (!version)
        return words_fail(w, QHCP_E_PARSE, "%s: not a QHCP %s (no \"%s\")", where,
                          request ? "request" : "bundle", kind);
    if (!json_is_integer(version) || json_integer_value(version) != BUNDLE_VERSION)
        return words_fail(w, QHCP_E_PARSE,
                          "%s: this qhcp cannot read the version of \"%s\" (it reads %d)", where,
                          kind, BUNDLE_VERSION);
    return 0;
}

static const char *text_of(const json_t *doc, const char *name)
{
    return json_string_value(json_object_get(doc, name));
}

static int read_bundle(const json_t *doc, const char *where, struct bundle *b,
                       const struct words *w)
{
    const char *type;
    size_t i = 0;
    int error = check_kind(doc, "qhcp_bundle", where, w);

    if (error)
        return error;
    type = text_of(doc, "type");
    while (i < 3 && (!type || strcmp(bundle_types[i].name, type) != 0))
        i++;
    if (i == 3)
        return words_fail(w, QHCP_E_PARSE,
                          "%s: member \"type\" is not \"server\", \"lb\" or \"revoked\"", where);
    b->type = (enum bundle_type)i;
    error = check_members(doc, bundle_types[i].members, where, w);
    b->created = json_integer_value(json_object_get(doc, "created"));
    b->ca = text_of(doc, "ca");
    b->cert = text_of(doc, "certificate");
    b->key = text_of(doc, "key");
    b->kid = text_of(doc, "kid");
    b->revoked = text_of(doc, "revoked");
    b->keys = json_object_get(doc, "keys");
    b->check_key = json_object_get(doc, "check_key");
    return error;
}

int bundle_parse(struct slice text, const char *where, struct bundle *ret, const struct words *w)
{
    struct bundle b = {0};
    int error = parse(text, where, &b.doc, w);

    if (!error)
        error = read_bundle(b.doc, where, &b, w);
    if (error) {
        bundle_free_doc(b.doc);
        return error;
    }
    *ret = b;
    return 0;
}

void bundle_deinit(struct bundle *b)
{
    bundle_free_doc(b->doc);
    *b = (struct bundle){0};
}

static int check_keys(const struct bundle *b, const char *where, const struct words *w)
{
    char at[300], why[256] = "", *text;
    struct auth_key *key;
    const json_t *jwk;
    size_t i;
    int error;

    snprintf(at, sizeof at, "%.200s: \"keys\"", where);
    error = jwks_check(b->keys, at, w);
    if (error)
        return error;
    json_array_foreach(json_object_get(b->keys, "keys"), i, jwk)
    {
        if (strcmp(text_of(jwk, "kty"), "oct") == 0)
            return words_fail(w, QHCP_E_PARSE, "%s: a bundle may not hold a shared secret", at);
    }
    text = bundle_text(b->check_key);
    if (!text)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    error = auth_key_parse(slice_str(text), &key, why, sizeof why);
    gnutls_memset(text, 0, strlen(text));
    free(text);
    if (error)
        return words_fail(w, error, "%.200s: \"check_key\": %s", where, why);
    auth_key_free(key);
    if (strcmp(text_of(b->check_key, "scope"), "health") != 0)
        return words_fail(w, QHCP_E_PARSE, "%.200s: \"check_key\" permits more than checks", where);
    return 0;
}

static int check_leaf(const struct bundle *b, gnutls_x509_crt_t ca, const char *where, int64_t now,
                      const struct words *w)
{
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    char at[300];
    int error;

    snprintf(at, sizeof at, "%.200s: \"certificate\"", where);
    error = pki_cert_load(slice_str(b->cert), at, true, &crt, w);
    if (error)
        return error;
    error = pki_check_time(crt, at, now, w);
    if (!error && !pki_is_server(crt))
        error = words_fail(w, QHCP_E_CERT, "%s is not a server certificate", at);
    if (!error && !pki_issued_by(crt, ca))
        error = words_fail(w, QHCP_E_CERT, "%s was not issued by the bundle's CA", at);
    if (!error) {
        snprintf(at, sizeof at, "%.200s: \"key\"", where);
        error = pki_key_load(slice_str(b->key), at, &key, w);
    }
    if (!error) {
        if (!pki_key_matches(crt, key))
            error = words_fail(w, QHCP_E_CERT, "%s does not belong to the certificate", at);
        gnutls_x509_privkey_deinit(key);
    }
    gnutls_x509_crt_deinit(crt);
    return error;
}

int bundle_check(const struct bundle *b, const char *where, int64_t now, const struct words *w)
{
    gnutls_x509_crt_t ca;
    char at[300];
    int error;

    snprintf(at, sizeof at, "%.200s: \"ca\"", where);
    error = pki_cert_load(slice_str(b->ca), at, true, &ca, w);
    if (error)
        return error;
    error = pki_check_time(ca, at, now, w);
    if (!error && (!pki_is_ca(ca) || !pki_issued_by(ca, ca)))
        error = words_fail(w, QHCP_E_CERT, "%s is not a CA certificate", at);
    if (!error && b->type == BUNDLE_SERVER)
        error = check_leaf(b, ca, where, now, w);
    if (!error && b->type == BUNDLE_SERVER)
        error = check_keys(b, where, w);
    gnutls_x509_crt_deinit(ca);
    return error;
}

static int check_request_key(const struct bundle_request *r, const char *where,
                             const struct words *w)
{
    json_t *set = jwks_new();
    char at[300];
    int error;

    snprintf(at, sizeof at, "%.200s: \"jwk\"", where);
    error = check_members(r->jwk, jwk_members, at, w);
    if (!error && strcmp(text_of(r->jwk, "alg"), "ES256") != 0)
        error = words_fail(w, QHCP_E_PARSE, "%s is not an ES256 key", at);
    if (!error)
        error = jwks_add(set, r->jwk, w);
    if (!error)
        error = jwks_check(set, at, w);
    json_decref(set);
    return error;
}

static int read_request_type(struct bundle_request *r, const char *where, const struct words *w)
{
    const char *type = text_of(r->doc, "type");

    r->check_only = strcmp(type, "check") == 0;
    return r->check_only || strcmp(type, "lb") == 0
               ? 0
               : words_fail(w, QHCP_E_PARSE, "%s: member \"type\" is not \"lb\" or \"check\"",
                            where);
}

int bundle_request_parse(struct slice text, const char *where, struct bundle_request *ret,
                         const struct words *w)
{
    struct bundle_request r = {0};
    int error = parse(text, where, &r.doc, w);

    if (!error)
        error = check_kind(r.doc, "qhcp_request", where, w);
    if (!error)
        error = check_members(r.doc, request_members, where, w);
    if (!error)
        error = read_request_type(&r, where, w);
    r.jwk = json_object_get(r.doc, "jwk");
    r.proof = text_of(r.doc, "proof");
    r.created = json_integer_value(json_object_get(r.doc, "created"));
    if (!error)
        error = check_request_key(&r, where, w);
    if (!error && r.check_only && strcmp(text_of(r.jwk, "scope"), "health") != 0)
        error = words_fail(w, QHCP_E_PARSE, "%s: \"jwk\" permits more than checks", where);
    if (error) {
        json_decref(r.doc);
        return error;
    }
    r.iss = text_of(r.jwk, "iss");
    r.kid = text_of(r.jwk, "kid");
    *ret = r;
    return 0;
}

void bundle_request_deinit(struct bundle_request *r)
{
    json_decref(r->doc);
    *r = (struct bundle_request){0};
}

char *bundle_text(const json_t *doc)
{
    size_t flags = JSON_INDENT(2), n = json_dumpb(doc, NULL, 0, flags);
    char *text = n > 0 ? malloc(n + 2) : NULL;

    if (!text || json_dumpb(doc, text, n, flags) != n) {
        free(text);
        return NULL;
    }
    memcpy(text + n, "\n", 2);
    return text;
}

bool bundle_is_one(struct slice text)
{
    json_t *doc = json_loadb((const char *)text.p, text.n, 0, NULL);
    bool one = json_object_get(doc, "qhcp_bundle") || json_object_get(doc, "qhcp_request");

    bundle_free_doc(doc);
    return one;
}
