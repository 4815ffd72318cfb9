#include "admin/admin_body.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "admin/admin_http.h"
#include "base/utf8.h"
#include "base/value.h"

#define WORDS 300
#define YEAR (366 * 86400 * NSEC_PER_SEC)

static bool is_json(const struct admin_request *q)
{
    const char *type = admin_http_header(q, "Content-Type");
    static const char json[] = "application/json";

    return !type || (strncasecmp(type, json, sizeof json - 1) == 0 &&
                     (type[sizeof json - 1] == '\0' || strchr("; ", type[sizeof json - 1])));
}

json_t *admin_body_object(struct admin_request *q)
{
    json_error_t error;
    json_t *body;

    if (q->body.n == 0)
        return json_object();
    if (!is_json(q)) {
        admin_http_error(q, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "not_json",
                         "the body's Content-Type is not application/json");
        return NULL;
    }
    body = json_loadb(q->body.at, q->body.n, JSON_REJECT_DUPLICATES, &error);
    if (!body)
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_json",
                         "the body is not JSON at line %d, column %d: %s", error.line, error.column,
                         error.text);
    else if (!json_is_object(body)) {
        json_decref(body);
        body = NULL;
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_json", "the body is not a JSON object");
    }
    return body;
}

json_t *admin_body_read(struct admin_request *q, const char *names)
{
    json_t *body = admin_body_object(q), *value;
    char quote[VALUE_QUOTE + 8];
    const char *key;

    if (!body)
        return NULL;
    json_object_foreach(body, key, value)
    {
        if (admin_http_names(names, key))
            continue;
        admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_member",
                         "%s is not a member that is known here: use %s", value_quote(key, quote),
                         names);
        json_decref(body);
        return NULL;
    }
    return body;
}

bool admin_body_text(struct admin_request *q, const json_t *body, const char *name, char *ret,
                     size_t cap)
{
    const json_t *value = json_object_get(body, name);
    const char *text = json_is_string(value) ? json_string_value(value) : NULL;

    if (!value) {
        ret[0] = '\0';
        return true;
    }
    if (text && strlen(text) == json_string_length(value) && strlen(text) < cap &&
        utf8_printable((struct slice){(const uint8_t *)text, strlen(text)})) {
        memcpy(ret, text, strlen(text) + 1);
        return true;
    }
    admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_member",
                     "%s: expected a string of at most %zu bytes without control characters", name,
                     cap - 1);
    return false;
}

bool admin_body_duration(struct admin_request *q, const json_t *body, const char *name,
                         qhcp_nsec *ret)
{
    const json_t *value = json_object_get(body, name);
    char words[WORDS] = "expected a string, as \"30m\"";

    *ret = 0;
    if (!value || (json_is_string(value) && value_duration(json_string_value(value), NSEC_PER_SEC,
                                                           YEAR, ret, words, sizeof words) == 0))
        return true;
    admin_http_error(q, MHD_HTTP_BAD_REQUEST, "bad_member", "%s: %s", name, words);
    return false;
}
