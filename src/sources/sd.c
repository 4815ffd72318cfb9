#include "sources/sd.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/value.h"
#include "sources/listed.h"
#include "sources/union.h"

#define ENTRY 1200
#define PLACE "%s: group %zu: "

/* What is being read. */
struct reader {
    const char *name;
    size_t group; /* from 1 */
    struct united *servers;
    char *words;
    size_t words_cap;
};

static int fail(const struct reader *r, const char *what, const char *which)
{
    char quote[VALUE_QUOTE + 8];

    snprintf(r->words, r->words_cap, PLACE "%s %s", r->name, r->group, value_quote(which, quote),
             what);
    return QHCP_E_PARSE;
}

/* All other labels as tags, "env=prod"; one that is no tag (a blank in it, too long) is left out,
 * as Prometheus' own ("__address__") are. */
static size_t add_tags(json_t *labels, char *ret, size_t cap)
{
    size_t n = 0, before;
    const char *name;
    json_t *value;

    json_object_foreach(labels, name, value)
    {
        char tag[LISTED_NAME + 1];
        int len = json_is_string(value)
                      ? snprintf(tag, sizeof tag, "%s=%s", name, json_string_value(value))
                      : -1;

        if (len < 0 || len >= (int)sizeof tag || strncmp(name, "__", 2) == 0 ||
            strncmp(name, "qhcp_", 5) == 0)
            continue;
        before = n;
        n += (size_t)snprintf(ret + n, cap - n, "%s%s", n > 0 ? "|" : " tags=", tag);
        if (n >= cap || n > LISTED_TAGS ||
            listed_check_setting("tags", ret + strlen(" tags="), (char[200]){0}, 200) < 0)
            ret[n = before] = '\0';
    }
    return n;
}

/* Our own labels, as settings behind each address. */
static int read_labels(const struct reader *r, json_t *labels, char *ret, size_t cap)
{
    static const char *const ours[] = {"weight", "priority", "service"};
    char label[24];
    size_t n;

    ret[0] = '\0';
    if (labels && !json_is_object(labels))
        return fail(r, "is no object of labels", "labels");
    n = add_tags(labels, ret, cap);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        json_t *value;

        snprintf(label, sizeof label, "qhcp_%s", ours[i]);
        value = json_object_get(labels, label);
        if (!value)
            continue;
        if (!json_is_string(value) || strpbrk(json_string_value(value), " \t#\n\r,"))
            return fail(r, "is no label with a string without blanks", label);
        n += (size_t)snprintf(ret + n, cap - n, " %s=%s", ours[i], json_string_value(value));
        if (n >= cap)
            return fail(r, "is too long", label);
    }
    return 0;
}

static int add(const struct reader *r, const char *target, const char *settings)
{
    char entry[ENTRY], *at[1] = {entry};
    struct list one = {.at = at, .n = 1};
    size_t before = united_count(r->servers);

    if (target[0] == '\0' || strpbrk(target, " \t#\n\r,") ||
        snprintf(entry, sizeof entry, "%s%s", target, settings) >= ENTRY)
        return fail(r, "is not a target: use HOST:PORT", target);
    if (united_add(r->servers, "", &one) < 0) {
        snprintf(r->words, r->words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    if (united_count(r->servers) == before && r->servers->twice.n == 0)
        return fail(r, "is not a target: use HOST:PORT", target);
    r->servers->twice.n = 0;
    return 0;
}

static int read_group(const struct reader *r, json_t *group)
{
    json_t *targets = json_object_get(group, "targets"), *target;
    char settings[ENTRY / 2];
    size_t i;
    int e;

    if (!json_is_array(targets))
        return fail(r, "is no array of \"HOST:PORT\"", "targets");
    e = read_labels(r, json_object_get(group, "labels"), settings, sizeof settings);
    json_array_foreach(targets, i, target)
    {
        if (e == 0 && !json_is_string(target))
            e = fail(r, "has something that is no string", "targets");
        else if (e == 0)
            e = add(r, json_string_value(target), settings);
    }
    return e;
}

static int read_groups(struct reader *r, json_t *groups)
{
    json_t *group;
    size_t i;
    int e = 0;

    if (!json_is_array(groups)) {
        snprintf(r->words, r->words_cap, "%s: expected [{\"targets\": [\"HOST:PORT\", ...]}, ...]",
                 r->name);
        return QHCP_E_PARSE;
    }
    json_array_foreach(groups, i, group)
    {
        r->group = i + 1;
        if (e == 0)
            e = read_group(r, group);
    }
    return e;
}

int sd_parse(const char *name, const char *content, size_t n, struct list *ret, char *words,
             size_t words_cap)
{
    struct united servers, none;
    struct reader r = {.name = name, .servers = &servers, .words = words, .words_cap = words_cap};
    struct list ignored = {0};
    json_error_t error;
    json_t *groups = json_loadb(content, n, JSON_REJECT_DUPLICATES, &error);
    int e;

    if (!groups) {
        snprintf(words, words_cap, "%s: line %d, column %d: %s", name, error.line, error.column,
                 error.text);
        return QHCP_E_PARSE;
    }
    united_init(&servers);
    united_init(&none);
    e = read_groups(&r, groups);
    if (e == 0 && united_difference(&none, &servers, ret, &ignored, &ignored) < 0) {
        snprintf(words, words_cap, "%s: out of memory, or more than %u servers", name, LIST_MAX);
        e = QHCP_E_NOMEM;
    }
    united_deinit(&servers);
    json_decref(groups);
    return e;
}

bool sd_is(const char *content)
{
    size_t at = strspn(content, " \t\r\n");

    if (content[at] != '[')
        return false;
    at++;
    at += strspn(content + at, " \t\r\n");
    return content[at] == '{' || content[at] == ']';
}
