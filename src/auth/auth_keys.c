#include "auth/auth.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/auth_keys.h"
#include "base/value.h"
#include <qhcp/error.h>

/* `keys[2] (kid "a"): words`, so that the owner of the file finds the place. */
static int refuse(size_t index, const json_t *object, const char *why, char *words,
                  size_t words_cap)
{
    const char *kid = json_string_value(json_object_get(object, "kid"));
    char quote[VALUE_QUOTE + 8];

    if (kid != NULL)
        snprintf(words, words_cap, "keys[%zu] (kid %s): %s", index, value_quote(kid, quote), why);
    else
        snprintf(words, words_cap, "keys[%zu]: %s", index, why);
    return QHCP_E_PARSE;
}

static int read_one(struct auth_keys *set, const json_t *object, char *words, size_t words_cap)
{
    char why[160];
    struct jwk *key = &set->at[set->count];
    int error = jwk_read(object, JWK_VERIFY, key, why, sizeof why);

    if (error != 0) {
        refuse(set->count, object, why, words, words_cap);
        return error;
    }
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->at[i].kid, key->kid) == 0) {
            snprintf(why, sizeof why, "keys[%zu] has the same kid", i);
            jwk_deinit(key);
            return refuse(set->count, object, why, words, words_cap);
        }
    set->count++;
    return 0;
}

static int read_all(const json_t *list, struct auth_keys **ret, char *words, size_t words_cap)
{
    size_t n = json_array_size(list);
    struct auth_keys *set = calloc(1, sizeof *set + n * sizeof set->at[0]);
    int error = 0;

    if (set == NULL) {
        snprintf(words, words_cap, "%s", qhcp_strerror(QHCP_E_NOMEM));
        return QHCP_E_NOMEM;
    }
    set->refs = 1;
    for (size_t i = 0; error == 0 && i < n; i++)
        error = read_one(set, json_array_get(list, i), words, words_cap);
    if (error != 0) {
        auth_keys_free(set);
        return error;
    }
    *ret = set;
    return 0;
}

/* Secrets of every entry, whatever it is. */
static void wipe_all(json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        jwk_wipe(json_array_get(list, i), "k");
        jwk_wipe(json_array_get(list, i), "d");
    }
}

int auth_keys_parse(struct slice json, struct auth_keys **ret, char *words, size_t words_cap)
{
    json_t *top, *list;
    int error = jwk_json(json, &top, words, words_cap);

    if (error != 0)
        return error;
    list = json_object_get(top, "keys");
    if (!json_is_array(list)) {
        snprintf(words, words_cap, "member \"keys\" is not a list: a JWK Set is {\"keys\": [...]}");
        error = QHCP_E_PARSE;
    } else if (json_array_size(list) > LIMIT_KEYS) {
        snprintf(words, words_cap, "%zu keys, at most %d are allowed", json_array_size(list),
                 LIMIT_KEYS);
        error = QHCP_E_PARSE;
    } else {
        error = read_all(list, ret, words, words_cap);
    }
    wipe_all(list);
    json_decref(top);
    return error;
}

size_t auth_keys_count(const struct auth_keys *keys)
{
    return keys->count;
}

bool auth_keys_know(const struct auth_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->at[i].kid, kid) == 0)
            return !keys->at[i].revoked;
    return false;
}

bool auth_keys_revoked(const struct auth_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->at[i].kid, kid) == 0)
            return keys->at[i].revoked;
    return false;
}

void auth_keys_revoke(struct auth_keys *keys, const char *kid)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->at[i].kid, kid) == 0)
            keys->at[i].revoked = true;
}

bool auth_keys_secret(const struct auth_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        if (keys->at[i].alg == JWK_HS256)
            return true;
    return false;
}

struct auth_keys *auth_keys_ref(struct auth_keys *keys)
{
    keys->refs++;
    return keys;
}

void auth_keys_free(struct auth_keys *keys)
{
    if (keys == NULL || --keys->refs > 0)
        return;
    for (size_t i = 0; i < keys->count; i++)
        jwk_deinit(&keys->at[i]);
    free(keys);
}
