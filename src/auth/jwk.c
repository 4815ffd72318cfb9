#include "auth/jwk.h"

#include <stdio.h>

#include "auth/auth.h"
#include "auth/jwk_member.h"
#include "auth/scope.h"
#include <qhcp/error.h>

struct alg_row {
    const char *name, *kty;
};

static const struct alg_row algs[] = {
    [JWK_ES256] = {"ES256", "EC"},
    [JWK_RS256] = {"RS256", "RSA"},
    [JWK_HS256] = {"HS256", "oct"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *jwk_alg_name(enum jwk_alg alg)
{
    return algs[alg].name;
}

int jwk_json(struct slice text, json_t **ret, char *words, size_t words_cap)
{
    json_error_t error;
    json_t *v = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &error);

    if (v == NULL) {
        const char *what = json_error_code(&error) == json_error_duplicate_key
                               ? "a member is there twice"
                               : "not JSON";

        snprintf(words, words_cap, "line %d, column %d: %s", error.line, error.column, what);
        return QHCP_E_PARSE;
    }
    if (!json_is_object(v)) {
        json_decref(v);
        snprintf(words, words_cap, "not a JSON object");
        return QHCP_E_PARSE;
    }
    *ret = v;
    return 0;
}

void jwk_wipe(json_t *object, const char *member)
{
    json_t *v = json_object_get(object, member);

    if (json_is_string(v))
        explicit_bzero((char *)json_string_value(v), json_string_length(v));
}

static int read_audience(const json_t *object, json_t **ret, char *words, size_t cap)
{
    json_t *v = json_object_get(object, "aud");
    bool good = v == NULL || json_is_string(v);

    if (json_is_array(v)) {
        good = json_array_size(v) > 0 && json_array_size(v) <= LIMIT_KEY_AUDIENCES;
        for (size_t i = 0; good && i < json_array_size(v); i++)
            good = json_is_string(json_array_get(v, i));
    }
    if (!good) {
        snprintf(words, cap, "member \"aud\" is not a string or a list of 1 to %d strings",
                 LIMIT_KEY_AUDIENCES);
        return QHCP_E_PARSE;
    }
    *ret = json_incref(v);
    return 0;
}

/* `use` and `key_ops` (RFC 7517, 4.2 and 4.3) may be absent; if present they must allow us. */
static bool use_allowed(const json_t *object, enum jwk_use use)
{
    const json_t *v = json_object_get(object, "use"), *ops = json_object_get(object, "key_ops");
    const char *op = use == JWK_SIGN ? "sign" : "verify";

    if (v != NULL && (!json_is_string(v) || strcmp(json_string_value(v), "sig") != 0))
        return false;
    if (ops == NULL)
        return true;
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const char *s = json_string_value(json_array_get(ops, i));

        if (s != NULL && strcmp(s, op) == 0)
            return true;
    }
    return false;
}

static int read_algorithm(const json_t *object, enum jwk_use use, enum jwk_alg *ret, char *words,
                          size_t cap)
{
    const char *kty, *alg;
    size_t i;
    int error = jwk_member_text(object, "kty", &kty, words, cap);

    if (error == 0)
        error = jwk_member_text(object, "alg", &alg, words, cap);
    if (error != 0)
        return error;
    for (i = 0; i < COUNT(algs); i++)
        if (strcmp(algs[i].name, alg) == 0)
            break;
    if (i == COUNT(algs)) {
        snprintf(words, cap, "member \"alg\" is not ES256, RS256 or HS256");
        return QHCP_E_PARSE;
    }
    if (strcmp(algs[i].kty, kty) != 0) {
        snprintf(words, cap, "member \"kty\" is not \"%s\", which \"alg\" %s needs", algs[i].kty,
                 algs[i].name);
        return QHCP_E_PARSE;
    }
    if (use == JWK_SIGN && i != JWK_ES256) {
        snprintf(words, cap, "member \"alg\" is %s: only ES256 can sign tokens here", algs[i].name);
        return QHCP_E_PARSE;
    }
    *ret = (enum jwk_alg)i;
    return 0;
}

static int read_policy(const json_t *object, struct jwk *key, char *words, size_t cap)
{
    const json_t *unbound = json_object_get(object, "unbound");
    const char *scope;
    bool strange;
    int error = jwk_member_id(object, "iss", key->iss, words, cap);

    if (error == 0)
        error = jwk_member_text(object, "scope", &scope, words, cap);
    if (error == 0)
        error = jwk_member_time(object, "nbf", &key->nbf, words, cap);
    if (error == 0)
        error = jwk_member_time(object, "exp", &key->exp, words, cap);
    if (error != 0)
        return error;
    key->scopes = scope_parse(scope, &strange);
    if (strange || key->scopes == 0) {
        snprintf(words, cap,
                 "member \"scope\" is not a list of: " AUTH_SCOPES " " AUTH_ADMIN_SCOPES);
        return QHCP_E_PARSE;
    }
    if (unbound != NULL && !json_is_boolean(unbound)) {
        snprintf(words, cap, "member \"unbound\" is not true or false");
        return QHCP_E_PARSE;
    }
    key->unbound = json_is_true(unbound);
    return 0;
}

int jwk_read(const json_t *object, enum jwk_use use, struct jwk *ret, char *words, size_t words_cap)
{
    struct jwk key = {.exp = INT64_MAX};
    int error;

    if (!json_is_object(object)) {
        snprintf(words, words_cap, "not a JSON object");
        return QHCP_E_PARSE;
    }
    error = jwk_member_id(object, "kid", key.kid, words, words_cap);
    if (error == 0)
        error = read_algorithm(object, use, &key.alg, words, words_cap);
    if (error == 0 && !use_allowed(object, use)) {
        snprintf(words, words_cap, "\"use\" or \"key_ops\" does not allow %s",
                 use == JWK_SIGN ? "signing" : "verifying");
        error = QHCP_E_PARSE;
    }
    if (error == 0)
        error = read_policy(object, &key, words, words_cap);
    if (error == 0)
        error = read_audience(object, &key.aud, words, words_cap);
    if (error == 0)
        error = jwk_material(object, use, &key, words, words_cap);
    if (error != 0) {
        if (error == QHCP_E_NOMEM)
            snprintf(words, words_cap, "%s", qhcp_strerror(error));
        jwk_deinit(&key);
        return error;
    }
    *ret = key;
    return 0;
}

void jwk_deinit(struct jwk *key)
{
    json_decref(key->aud);
    if (key->material != NULL)
        cjose_jwk_release(key->material);
    *key = (struct jwk){0};
}
