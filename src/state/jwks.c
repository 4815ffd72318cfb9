#include "state/jwks.h"

#include <stdio.h>
#include <stdlib.h>

#include <qhcp/error.h>

int jwks_load(struct slice text, const char *where, json_t **ret, const struct words *w)
{
    struct auth_keys *keys = NULL;
    json_error_t e;
    json_t *set;
    char why[256] = "";
    int error = auth_keys_parse(text, &keys, why, sizeof why);

    if (error)
        return words_fail(w, error, "%s is damaged: %s", where, why);
    auth_keys_free(keys);
    set = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e);
    if (!set)
        return words_fail(w, QHCP_E_PARSE, "%s is damaged: line %d, column %d", where, e.line,
                          e.column);
    *ret = set;
    return 0;
}

int jwks_check(const json_t *set, const char *where, const struct words *w)
{
    char *text = json_dumps(set, JSON_COMPACT);
    json_t *again = NULL;
    int error;

    if (!text)
        return words_fail(w, QHCP_E_PARSE, "%s is not a JWK Set", where);
    error = jwks_load(slice_str(text), where, &again, w);
    json_decref(again);
    free(text);
    return error;
}

json_t *jwks_new(void)
{
    return json_pack("{s:[]}", "keys");
}

static json_t *list_of(const json_t *set)
{
    return json_object_get(set, "keys");
}

static const char *member(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text ? text : "";
}

const json_t *jwks_find(const json_t *set, const char *kid)
{
    size_t i;
    json_t *jwk;

    json_array_foreach(list_of(set), i, jwk)
    {
        if (strcmp(member(jwk, "kid"), kid) == 0)
            return jwk;
    }
    return NULL;
}

int jwks_add(json_t *set, json_t *jwk, const struct words *w)
{
    json_t *list = list_of(set), *old;
    size_t i;

    json_array_foreach(list, i, old)
    {
        if (strcmp(member(old, "kid"), member(jwk, "kid")) == 0)
            return json_array_set(list, i, jwk) == 0 ? 0
                                                     : words_fail(w, QHCP_E_NOMEM, "out of memory");
    }
    if (json_array_size(list) >= LIMIT_KEYS)
        return words_fail(w, QHCP_E_FULL, "trust/keys.json is full (%d keys)", LIMIT_KEYS);
    return json_array_append(list, jwk) == 0 ? 0 : words_fail(w, QHCP_E_NOMEM, "out of memory");
}

int jwks_add_key(json_t *set, const struct auth_key *key, const struct words *w)
{
    char *text = auth_key_json(key, false);
    json_t *jwk = text ? json_loads(text, 0, NULL) : NULL;
    int error = jwk ? jwks_add(set, jwk, w) : words_fail(w, QHCP_E_NOMEM, "out of memory");

    json_decref(jwk);
    free(text);
    return error;
}

void jwks_remove(json_t *set, const char *kid)
{
    json_t *list = list_of(set);

    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(member(json_array_get(list, i), "kid"), kid) == 0)
            json_array_remove(list, i);
}

static void end_at(json_t *jwk, int64_t exp)
{
    const json_t *old = json_object_get(jwk, "exp");

    if (!json_is_integer(old) || json_integer_value(old) > exp)
        json_object_set_new(jwk, "exp", json_integer(exp));
}

void jwks_end(json_t *set, const char *kid, int64_t exp)
{
    json_t *jwk = (json_t *)jwks_find(set, kid);

    if (jwk)
        end_at(jwk, exp);
}

void jwks_retire(json_t *set, const char *iss, const char *kid, int64_t exp)
{
    size_t i;
    json_t *jwk;

    json_array_foreach(list_of(set), i, jwk)
    {
        if (strcmp(member(jwk, "iss"), iss) == 0 && strcmp(member(jwk, "kid"), kid) != 0)
            end_at(jwk, exp);
    }
}

size_t jwks_prune(json_t *set, int64_t now)
{
    json_t *list = list_of(set);
    size_t pruned = 0;

    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *exp = json_object_get(json_array_get(list, i), "exp");

        if (json_is_integer(exp) && json_integer_value(exp) <= now &&
            json_array_remove(list, i) == 0)
            pruned++;
    }
    return pruned;
}

json_t *jwks_public(const json_t *set)
{
    json_t *copy = jwks_new(), *jwk;
    size_t i;

    json_array_foreach(list_of(set), i, jwk)
    {
        if (strcmp(member(jwk, "kty"), "oct") != 0)
            json_array_append(list_of(copy), jwk);
    }
    return copy;
}

char *jwks_text(const json_t *doc)
{
    char *text = json_dumps(doc, JSON_INDENT(2));
    size_t n = text ? strlen(text) : 0;
    char *more = text ? realloc(text, n + 2) : NULL;

    if (!more) {
        free(text);
        return NULL;
    }
    memcpy(more + n, "\n", 2);
    return more;
}
