#include "state/issued.h"

#include <stdlib.h>

#include <qhcp/error.h>

#include "state/load.h"
#include "state/state.h"

int issued_load(const char *dir, json_t **ret, const struct words *w)
{
    char *text;
    json_t *list;
    size_t n;
    int error;

    if (!load_have(dir, STATE_ISSUED)) {
        *ret = json_array();
        return 0;
    }
    error = load_file(dir, STATE_ISSUED, false, ISSUED_MAX, &text, &n, w);
    if (error)
        return error;
    list = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (!json_is_array(list)) {
        json_decref(list);
        return words_fail(w, QHCP_E_PARSE,
                          "%s/" STATE_ISSUED " is damaged: restore it, or remove it (it only lists "
                          "what was exported)",
                          dir);
    }
    *ret = list;
    return 0;
}

/* Do two rows tell of the same server or load balancer? */
static bool same(const json_t *a, const json_t *b)
{
    const char *key = json_object_get(b, "names") ? "names" : "id";

    return json_object_get(b, key) && json_equal(json_object_get(a, key), json_object_get(b, key));
}

int issued_add(json_t *list, json_t *row, int64_t now, const struct words *w)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        const json_t *old = json_array_get(list, i), *end = json_object_get(old, "expires");

        if (same(old, row) || (end && json_integer_value(end) + ISSUED_FORGET < now))
            json_array_remove(list, i);
    }
    if (json_array_append_new(list, row) != 0)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    return 0;
}
