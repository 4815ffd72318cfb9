#include "auth/auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/auth_key.h"
#include "auth/b64url.h"
#include "auth/jws.h"
#include "auth/scope.h"
#include <qhcp/error.h>

/* What the public part shows.  A list of what may leave, not of what may not: `d`, and any member
 * that someone else put into the file, stays.  So does `unbound`, the verifier's own policy. */
static const char *const public_members[] = {"kty", "crv",   "x",   "y",   "kid", "alg",
                                             "iss", "scope", "nbf", "exp", "aud"};

static void members_free(json_t *members)
{
    jwk_wipe(members, "d");
    json_decref(members);
}

/* What of the members leaves the machine; NULL where memory is short. */
static json_t *public_part(json_t *members)
{
    json_t *public = json_object();

    for (size_t i = 0; i < sizeof public_members / sizeof public_members[0]; i++) {
        json_t *v = json_object_get(members, public_members[i]);

        if (v != NULL && json_object_set(public, public_members[i], v) != 0) {
            json_decref(public);
            return NULL;
        }
    }
    return public;
}

/* A private key's `d` must belong to its `x` and `y`: else servers would be handed a public key
 * that verifies nothing.  One signature, verified with the public part alone, tells. */
static bool pair_matches(const struct jwk *key, json_t *members)
{
    json_t *public = public_part(members);
    json_t *header = json_pack("{s:s}", "alg", jwk_alg_name(key->alg));
    struct jwk verifier = {0};
    uint8_t *payload = NULL;
    char *token = NULL;
    size_t n;
    bool matches = public != NULL && header != NULL &&
                   jwk_read(public, JWK_VERIFY, &verifier, NULL, 0) == 0 &&
                   jws_sign(key, header, "{}", &token) == 0 &&
                   jws_verify(&verifier, slice_str(token), &payload, &n) == 0;

    jwk_deinit(&verifier);
    free(payload);
    free(token);
    json_decref(header);
    json_decref(public);
    return matches;
}

/* Takes the members over, on failure too. */
static int key_adopt(json_t *members, struct auth_key **ret, char *words, size_t words_cap)
{
    struct auth_key *key = calloc(1, sizeof *key);
    int error = key == NULL ? QHCP_E_NOMEM : 0;

    if (error == 0)
        error = jwk_read(members, JWK_SIGN, &key->jwk, words, words_cap);
    if (error == 0 && !pair_matches(&key->jwk, members)) {
        snprintf(words, words_cap, "member \"d\" does not belong to \"x\" and \"y\"");
        jwk_deinit(&key->jwk);
        error = QHCP_E_PARSE;
    }
    if (error != 0) {
        free(key);
        members_free(members);
        return error;
    }
    key->members = members;
    *ret = key;
    return 0;
}

/* A fresh P-256 key's members kty, crv, x, y and d. */
static json_t *fresh_material(void)
{
    cjose_jwk_t *fresh = cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, NULL);
    char *text = fresh != NULL ? cjose_jwk_to_json(fresh, true, NULL) : NULL;
    json_t *members = text != NULL ? json_loads(text, 0, NULL) : NULL;

    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
    if (fresh != NULL)
        cjose_jwk_release(fresh);
    return members;
}

int auth_key_generate(const char *iss, unsigned scopes, struct auth_key **ret)
{
    char kid[B64URL_RANDOM], scope[SCOPE_TEXT];
    json_t *members, *policy;

    scope_text(scopes, scope);
    if (b64url_random(kid) != 0)
        return QHCP_E_INTERNAL;
    policy = json_pack("{s:s, s:s, s:s, s:s}", "kid", kid, "alg", jwk_alg_name(JWK_ES256), "iss",
                       iss, "scope", scope);
    if (policy == NULL || scopes == 0 ||
        (scopes & ~(unsigned)(AUTH_SCOPE_ALL | AUTH_SCOPE_ADMIN_ALL)) != 0) {
        json_decref(policy);
        return QHCP_E_ARG;
    }
    members = fresh_material();
    if (members == NULL || json_object_update(members, policy) != 0) {
        json_decref(policy);
        members_free(members);
        return QHCP_E_NOMEM;
    }
    json_decref(policy);
    return key_adopt(members, ret, NULL, 0) == 0 ? 0 : QHCP_E_ARG;
}

int auth_key_parse(struct slice json, struct auth_key **ret, char *words, size_t words_cap)
{
    json_t *members;
    int error = jwk_json(json, &members, words, words_cap);

    return error != 0 ? error : key_adopt(members, ret, words, words_cap);
}

static int adopt_all(json_t *list, struct auth_key **ret, size_t cap, size_t *ret_n, char *words,
                     size_t words_cap)
{
    size_t n = json_array_size(list), done = 0;
    int error = 0;

    if (n > cap) {
        snprintf(words, words_cap, "%zu keys, at most %zu are allowed", n, cap);
        return QHCP_E_PARSE;
    }
    while (done < n && error == 0) {
        error = key_adopt(json_incref(json_array_get(list, done)), &ret[done], words, words_cap);
        done += error == 0;
    }
    for (size_t i = 0; error != 0 && i < done; i++)
        auth_key_free(ret[i]);
    if (error == 0)
        *ret_n = n;
    return error;
}

int auth_key_parse_all(struct slice json, struct auth_key **ret, size_t cap, size_t *ret_n,
                       char *words, size_t words_cap)
{
    json_t *top, *list;
    int error = jwk_json(json, &top, words, words_cap);

    if (error != 0)
        return error;
    list = json_object_get(top, "keys");
    list = json_is_array(list) ? json_incref(list) : json_pack("[O]", top);
    error = adopt_all(list, ret, cap, ret_n, words, words_cap);
    for (size_t i = 0; error != 0 && i < json_array_size(list); i++)
        jwk_wipe(json_array_get(list, i), "d");
    json_decref(list);
    json_decref(top);
    return error;
}

/* json_dumps would leave copies of a secret behind as its buffer grows. */
static char *dump(const json_t *v)
{
    size_t flags = JSON_INDENT(2) | JSON_ENSURE_ASCII, n = json_dumpb(v, NULL, 0, flags);
    char *text = n > 0 ? malloc(n + 2) : NULL;

    if (text == NULL || json_dumpb(v, text, n, flags) != n) {
        free(text);
        return NULL;
    }
    memcpy(text + n, "\n", 2);
    return text;
}

char *auth_key_json(const struct auth_key *key, bool with_private)
{
    json_t *public;
    char *text;

    if (with_private)
        return dump(key->members);
    public = public_part(key->members);
    text = public != NULL ? dump(public) : NULL;
    json_decref(public);
    return text;
}

unsigned auth_key_scopes(const struct auth_key *key)
{
    return key->jwk.scopes;
}

const char *auth_key_kid(const struct auth_key *key)
{
    return key->jwk.kid;
}

const char *auth_key_issuer(const struct auth_key *key)
{
    return key->jwk.iss;
}

void auth_key_free(struct auth_key *key)
{
    if (key == NULL)
        return;
    jwk_deinit(&key->jwk);
    members_free(key->members);
    free(key);
}
