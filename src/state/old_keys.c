#include "state/old_keys.h"

#include <stdlib.h>

#include <qhcp/error.h>

#include "base/os/file.h"
#include "state/bundle.h"
#include "state/stored.h"

#define OLD_KEYS_BYTES (STATE_OLD_KEYS * LIMIT_TOKEN)

static int parse(const char *text, size_t n, json_t **ret)
{
    json_t *doc = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL), *list;

    if (!doc)
        return QHCP_E_PARSE;
    list = json_object_get(doc, "keys");
    *ret = json_is_array(list) ? json_incref(list) : json_pack("[O]", doc);
    json_decref(doc);
    return *ret ? 0 : QHCP_E_NOMEM;
}

int old_keys_load(const char *dir, json_t **ret, const struct words *w)
{
    struct auth_key *keys[STATE_OLD_KEYS];
    char *text, why[256] = "";
    size_t n, count;
    int error;

    if (!stored_have(dir, STATE_TOKEN_KEY_OLD)) {
        *ret = json_array();
        return *ret ? 0 : words_fail(w, QHCP_E_NOMEM, "out of memory");
    }
    error = stored_file(dir, STATE_TOKEN_KEY_OLD, true, OLD_KEYS_BYTES, &text, &n, w);
    if (error)
        return error;
    error = auth_key_parse_all(slice_of(text, n), keys, STATE_OLD_KEYS, &count, why, sizeof why);
    for (size_t i = 0; !error && i < count; i++)
        auth_key_free(keys[i]);
    if (!error)
        error = parse(text, n, ret);
    file_wipe(text, n);
    return error ? words_fail(w, error, "%s/" STATE_TOKEN_KEY_OLD " is damaged: %s", dir, why) : 0;
}

int old_keys_add(json_t *list, const struct auth_key *key, int64_t exp, const struct words *w)
{
    char *text = auth_key_json(key, true);
    json_t *jwk = text ? json_loads(text, 0, NULL) : NULL;

    file_wipe(text, text ? strlen(text) : 0);
    if (jwk && json_object_set_new(jwk, "exp", json_integer(exp)) == 0 &&
        json_array_insert(list, 0, jwk) == 0) {
        json_decref(jwk);
        return 0;
    }
    bundle_free_doc(jwk);
    return words_fail(w, QHCP_E_NOMEM, "out of memory");
}

bool old_keys_remove(json_t *list, const char *kid)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *jwk = json_array_get(list, i);

        if (strcmp(json_string_value(json_object_get(jwk, "kid")), kid) != 0)
            continue;
        bundle_free_doc(json_incref(jwk));
        json_array_remove(list, i);
        return true;
    }
    return false;
}

void old_keys_put(struct transaction *c, const json_t *list)
{
    json_t *doc;
    char *text;

    if (json_array_size(list) == 0) {
        transaction_remove(c, STATE_TOKEN_KEY_OLD);
        return;
    }
    doc = json_pack("{s:O}", "keys", list);
    text = doc ? bundle_text(doc) : NULL;
    json_decref(doc);
    if (text)
        transaction_put(c, STATE_TOKEN_KEY_OLD, slice_str(text), 0600);
    else if (!c->error)
        c->error = words_fail(c->w, QHCP_E_NOMEM, "out of memory");
    file_wipe(text, text ? strlen(text) : 0);
}

void old_keys_free(json_t *list)
{
    json_t *jwk;
    size_t i;

    json_array_foreach(list, i, jwk)
    {
        bundle_free_doc(json_incref(jwk));
    }
    json_decref(list);
}
