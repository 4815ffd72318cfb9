#include "state/issued.h"

#include <stdio.h>
#include <stdlib.h>

#include <qhcp/error.h>

#include "state/state.h"
#include "state/stored.h"

/* A list of texts, or nothing at all. */
static bool texts(const json_t *list, bool needed)
{
    json_t *one;
    size_t i;

    if (!list)
        return !needed;
    json_array_foreach((json_t *)list, i, one)
    {
        if (!json_is_string(one))
            return false;
    }
    return json_array_size(list) > 0 || (json_is_array(list) && !needed);
}

static bool sound(const json_t *list)
{
    json_t *row;
    size_t i;

    json_array_foreach((json_t *)list, i, row)
    {
        if (!json_is_string(json_object_get(row, "id")) &&
            !texts(json_object_get(row, "names"), true))
            return false;
        if (!texts(json_object_get(row, "kids"), false))
            return false;
    }
    return json_is_array(list);
}

int issued_load(const char *dir, json_t **ret, const struct words *w)
{
    char *text;
    json_t *list;
    size_t n;
    int error;

    if (!stored_have(dir, STATE_ISSUED)) {
        *ret = json_array();
        return 0;
    }
    error = stored_file(dir, STATE_ISSUED, false, ISSUED_MAX, &text, &n, w);
    if (error)
        return error;
    list = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!sound(list)) {
        json_decref(list);
        return words_fail(w, QHCP_E_PARSE,
                          "%s/" STATE_ISSUED " is damaged: restore it, or remove it (it only lists "
                          "what was exported)",
                          dir);
    }
    *ret = list;
    return 0;
}

const char *issued_text(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text ? text : "";
}

bool issued_has_name(const json_t *row, const char *name)
{
    const json_t *names = json_object_get(row, "names");
    json_t *one;
    size_t i;

    json_array_foreach((json_t *)names, i, one)
    {
        if (strcmp(json_string_value(one), name) == 0)
            return true;
    }
    return false;
}

/* Is the row `old` of the same server or load balancer as `row`, and needed no more? */
static bool replaces(const json_t *row, const json_t *old)
{
    const json_t *names = json_object_get(old, "names");
    json_t *name;
    size_t i;

    if (!names)
        return json_object_get(row, "id") &&
               json_equal(json_object_get(row, "id"), json_object_get(old, "id"));
    json_array_foreach((json_t *)names, i, name)
    {
        if (!issued_has_name(row, json_string_value(name)))
            return false;
    }
    return true;
}

static void keep_earlier(json_t *earlier, const json_t *old, int64_t now)
{
    const json_t *check = json_object_get(old, "check_kid");
    int64_t expires = json_integer_value(json_object_get(old, "expires"));
    json_t *kept;

    if (expires <= now || json_array_size(earlier) >= ISSUED_EARLIER)
        return;
    kept = json_pack("{s:s, s:I}", "fingerprint", issued_text(old, "fingerprint"), "expires",
                     (json_int_t)expires);
    if (check)
        json_object_set(kept, "check_kid", (json_t *)check);
    if (json_object_get(old, "revoked"))
        json_object_set(kept, "revoked", json_object_get(old, "revoked"));
    json_array_append_new(earlier, kept);
}

/* The certificates that serve still though a newer bundle was made: the newest first. */
static void remember(json_t *row, const json_t *old, int64_t now)
{
    const json_t *before = json_object_get(old, "earlier");
    json_t *earlier = json_object_get(row, "earlier"), *one;
    size_t i;

    if (!json_object_get(old, "names"))
        return;
    if (!earlier) {
        earlier = json_array();
        json_object_set_new(row, "earlier", earlier);
    }
    keep_earlier(earlier, old, now);
    json_array_foreach((json_t *)before, i, one)
    {
        keep_earlier(earlier, one, now);
    }
}

int issued_add(json_t *list, json_t *row, int64_t now, const struct words *w)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *old = json_array_get(list, i), *end = json_object_get(old, "expires");
        bool over = end && json_integer_value(end) + ISSUED_FORGET < now;

        if (!over && !replaces(row, old))
            continue;
        if (!over)
            remember(row, old, now);
        json_array_remove(list, i);
    }
    if (json_array_append_new(list, row) != 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    return 0;
}

bool issued_in_force(const json_t *row, int64_t now)
{
    return json_object_get(row, "names") && !json_object_get(row, "revoked") &&
           json_integer_value(json_object_get(row, "expires")) > now;
}

static bool has_all(const json_t *row, const struct names *names)
{
    for (size_t i = 0; i < names->n; i++)
        if (!issued_has_name(row, names->at[i]))
            return false;
    return true;
}

const json_t *issued_find(const json_t *list, const struct names *names, int64_t now)
{
    const json_t *found = NULL;
    json_t *row;
    size_t i;

    json_array_foreach((json_t *)list, i, row)
    {
        if (!issued_in_force(row, now) || !has_all(row, names))
            continue;
        if (found)
            return NULL;
        found = row;
    }
    return found;
}

bool issued_names(const json_t *row, struct names *ret)
{
    const json_t *names = json_object_get(row, "names");
    json_t *one;
    size_t i;

    ret->n = 0;
    json_array_foreach((json_t *)names, i, one)
    {
        if (!names_add(ret, json_string_value(one)))
            return false;
    }
    return ret->n > 0;
}

void issued_list(const json_t *row, size_t n, char *list, size_t cap)
{
    const char *name = json_string_value(json_array_get(json_object_get(row, "names"), 0));
    size_t at = strlen(list);

    if (at + 8 > cap || strcmp(list + (at > 3 ? at - 3 : 0), "...") == 0)
        return;
    if (at + strlen(name ? name : "") + 10 > cap)
        snprintf(list + at, cap - at, ", ...");
    else
        snprintf(list + at, cap - at, "%s%s", n > 0 ? ", " : "", name ? name : "");
}
