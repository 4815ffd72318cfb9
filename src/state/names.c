#include "state/names.h"

#include "base/value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <qhcp/error.h>

bool names_have(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->n; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

bool names_add(struct names *names, const char *name)
{
    if (strlen(name) >= NAMES_TEXT || names->n == NAMES_MAX || names_have(names, name))
        return false;
    slice_to_cstr(slice_str(name), names->at[names->n++], NAMES_TEXT);
    return true;
}

static const char *const local[] = {"localhost", "127.0.0.1", "::1"};

void names_add_local(struct names *names)
{
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        names_add(names, local[i]);
}

static bool is_local(const char *name)
{
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        if (strcmp(name, local[i]) == 0)
            return true;
    return false;
}

void names_drop_local(struct names *names)
{
    size_t kept = 0;

    for (size_t i = 0; i < names->n; i++)
        if (!is_local(names->at[i]))
            memmove(names->at[kept++], names->at[i], NAMES_TEXT);
    if (kept > 0)
        names->n = kept;
}

bool names_equal(const struct names *a, const struct names *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!names_have(b, a->at[i]))
            return false;
    return true;
}

/* An address literal in its normal form? */
static bool address_of(const char *text, char ret[NAMES_TEXT])
{
    char bare[NAMES_TEXT];
    size_t n = strlen(text);
    uint8_t a[16];

    if (n >= 2 && n < NAMES_TEXT && text[0] == '[' && text[n - 1] == ']')
        slice_to_cstr(slice_of(text + 1, n - 2), bare, sizeof bare);
    else
        slice_to_cstr(slice_str(text), bare, sizeof bare);
    if (text[0] != '[' && inet_pton(AF_INET, bare, a) == 1)
        return inet_ntop(AF_INET, a, ret, NAMES_TEXT);
    return inet_pton(AF_INET6, bare, a) == 1 && inet_ntop(AF_INET6, a, ret, NAMES_TEXT);
}

/* One label of a DNS name, up to the dot or the end: its length, 0 if it is not one. */
static size_t label_of(const char *p)
{
    size_t n = strcspn(p, ".");

    if (n == 0 || n > 63 || p[0] == '-' || p[n - 1] == '-')
        return 0;
    for (size_t i = 0; i < n; i++)
        if (!isascii((unsigned char)p[i]) ||
            (!isalnum((unsigned char)p[i]) && p[i] != '-' && p[i] != '_'))
            return 0; /* underscores: no host name has one by the book, every second container does
                       */
    return n;
}

static bool dns_of(const char *text, char ret[NAMES_TEXT])
{
    size_t n = strlen(text), last = 0;

    if (n == 0 || n >= NAMES_TEXT)
        return false;
    for (size_t at = 0;;) {
        size_t label = label_of(text + at);

        if (label == 0)
            return false;
        last = at;
        at += label;
        if (text[at] == '\0')
            break;
        at++;
    }
    /* a last label of digits alone is a mistyped address (RFC 1123, 2.1) */
    if (strspn(text + last, "0123456789") == n - last)
        return false;
    for (size_t i = 0; i <= n; i++)
        ret[i] = (char)tolower((unsigned char)text[i]);
    return true;
}

int names_normal(const char *text, char ret[NAMES_TEXT], const struct words *w)
{
    const char *why = "not a DNS name or an address", *colon = strrchr(text, ':');
    char normal[NAMES_TEXT], quote[VALUE_QUOTE + 8];

    if (address_of(text, normal) || dns_of(text, normal)) {
        memcpy(ret, normal, NAMES_TEXT);
        return 0;
    }
    if (!text[0])
        why = "an empty name";
    else if (strchr(text, '*'))
        why = "a wildcard: write the name of each server";
    else if (strchr(text, '%'))
        why = "an address with a zone, which is valid on one machine only";
    else if (colon && colon[1] && strspn(colon + 1, "0123456789") == strlen(colon + 1))
        why = "a name with a port: leave the port out";
    else if (strlen(text) >= NAMES_TEXT)
        why = "longer than a DNS name can be (253 bytes)";
    else if (text[strlen(text) - 1] == '.')
        why = "a name that ends with a dot: leave the dot out";
    return words_fail(w, QHCP_E_PARSE, "%s is %s", value_quote(text, quote), why);
}

int names_parse(const char *list, struct names *ret, const struct words *w)
{
    struct names *names = calloc(1, sizeof *names);
    const char *p = list;
    int error = 0;

    if (!names)
        return words_fail(w, QHCP_E_NOMEM, "out of memory");
    for (;;) {
        size_t blanks = strspn(p, " "), n = strcspn(p + blanks, ","), end = n;
        char one[NAMES_TEXT + 2], normal[NAMES_TEXT] = "";

        p += blanks;
        while (end > 0 && p[end - 1] == ' ')
            end--;
        slice_to_cstr(slice_of(p, end), one, sizeof one);
        error = names_normal(one, normal, w);
        if (!error && names->n == NAMES_MAX)
            error = words_fail(w, QHCP_E_PARSE, "too many names (at most %d)", NAMES_MAX);
        if (!error && !names_add(names, normal))
            error = words_fail(w, QHCP_E_PARSE, "\"%s\" is in the list twice", normal);
        if (error || p[n] == '\0')
            break;
        p += n + 1;
    }
    if (!error)
        *ret = *names;
    free(names);
    return error;
}

void names_list(const struct names *names, char *ret, size_t cap)
{
    size_t at = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < names->n; i++) {
        const char *name = names->at[i];

        if (i > 0 && at + strlen(name) + 24 >= cap) {
            snprintf(ret + at, cap - at, " and %zu more", names->n - i);
            return;
        }
        at += (size_t)snprintf(ret + at, cap - at, "%s%s", i ? ", " : "", name);
        if (at >= cap)
            return;
    }
}

/* Takes from the old list what is young enough; tells whether the text must be written again. */
static bool recall(const json_t *old, json_t *seen, int64_t now, struct names *names)
{
    bool stale = false;
    const char *name;
    json_t *at;

    json_object_foreach((json_t *)old, name, at)
    {
        int64_t last = json_integer_value(at);
        char normal[NAMES_TEXT];
        const struct words silent = {NULL, 0};
        bool host = names_have(names, name);

        if (host && last <= now && now - last < 3600) /* fresh: not worth a write */
            json_object_set(seen, name, at);
        else if (host)
            stale = true;
        else if (last > now || now - last >= NAMES_MEMORY || names_normal(name, normal, &silent))
            stale = true;
        else if (names_add(names, normal))
            json_object_set(seen, name, at);
    }
    return stale;
}

static int parse_seen(struct slice text, json_t **ret, const struct words *w)
{
    json_error_t e;
    json_t *root, *names;

    if (text.n == 0) {
        *ret = json_object();
        return 0;
    }
    root = json_loadb((const char *)text.p, text.n, JSON_REJECT_DUPLICATES, &e);
    names = json_object_get(root, "names");
    if (!json_is_object(names)) {
        json_decref(root);
        return words_fail(w, QHCP_E_PARSE,
                          "server/names.json is damaged: remove it, and it is made again");
    }
    *ret = json_incref(names);
    json_decref(root);
    return 0;
}

int names_remember(struct slice text, const struct names *host, int64_t now, struct names *ret,
                   char **ret_seen, const struct words *w)
{
    json_t *old, *seen = json_object(), *root;
    struct names *names = malloc(sizeof *names);
    bool changed;
    int error = names ? parse_seen(text, &old, w) : QHCP_E_NOMEM;

    if (error) {
        json_decref(seen);
        free(names);
        return error;
    }
    *names = *host;
    changed = recall(old, seen, now, names);
    for (size_t i = 0; i < host->n; i++) {
        if (json_object_get(seen, host->at[i]))
            continue;
        json_object_set_new(seen, host->at[i], json_integer(now));
        changed = true;
    }
    root = json_pack("{s:O}", "names", seen);
    *ret_seen = changed && root ? json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
    *ret = *names;
    json_decref(root);
    json_decref(seen);
    json_decref(old);
    free(names);
    return 0;
}
