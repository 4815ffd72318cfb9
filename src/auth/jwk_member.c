#include "auth/jwk_member.h"

#include <stdio.h>

#include "auth/b64url.h"
#include "base/utf8.h"
#include <qhcp/error.h>

/* Text that may be shown in a log: 1 to LIMIT_ID bytes without control characters. */
static bool presentable(struct slice s)
{
    return s.n > 0 && s.n <= LIMIT_ID && utf8_printable(s);
}

int jwk_member_text(const json_t *object, const char *member, const char **ret, char *words,
                    size_t cap)
{
    const json_t *v = json_object_get(object, member);

    if (v == NULL) {
        snprintf(words, cap, "member \"%s\" is missing", member);
        return QHCP_E_PARSE;
    }
    if (!json_is_string(v)) {
        snprintf(words, cap, "member \"%s\" is not a string", member);
        return QHCP_E_PARSE;
    }
    *ret = json_string_value(v);
    return 0;
}

int jwk_member_id(const json_t *object, const char *member, char ret[LIMIT_ID + 1], char *words,
                  size_t cap)
{
    const char *text;
    int error = jwk_member_text(object, member, &text, words, cap);

    if (error != 0)
        return error;
    if (!presentable(slice_str(text))) {
        snprintf(words, cap, "member \"%s\" is empty, over %d bytes or has control characters",
                 member, LIMIT_ID);
        return QHCP_E_PARSE;
    }
    memcpy(ret, text, strlen(text) + 1);
    return 0;
}

int jwk_member_time(const json_t *object, const char *member, int64_t *ret, char *words, size_t cap)
{
    const json_t *v = json_object_get(object, member);

    if (v == NULL)
        return 0;
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) > LIMIT_UNIX_SECONDS) {
        snprintf(words, cap, "member \"%s\" is not a time in unix seconds", member);
        return QHCP_E_PARSE;
    }
    *ret = json_integer_value(v);
    return 0;
}

int jwk_member_bytes(const json_t *object, const char *member, uint8_t *ret, size_t cap,
                     size_t *ret_n, char *words, size_t words_cap)
{
    const char *text;
    int error = jwk_member_text(object, member, &text, words, words_cap);

    if (error != 0)
        return error;
    if (b64url_decode(slice_str(text), ret, cap, ret_n) != 0 || *ret_n == 0) {
        snprintf(words, words_cap, "member \"%s\" is not base64url of 1 to %zu bytes", member, cap);
        return QHCP_E_PARSE;
    }
    return 0;
}

int jwk_member_exact(const json_t *object, const char *member, uint8_t *ret, size_t want,
                     char *words, size_t words_cap)
{
    size_t n;
    int error = jwk_member_bytes(object, member, ret, want, &n, words, words_cap);

    if (error == 0 && n != want) {
        snprintf(words, words_cap, "member \"%s\" is not %zu bytes", member, want);
        error = QHCP_E_PARSE;
    }
    return error;
}
