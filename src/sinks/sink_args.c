#include "sinks/sink_args.h"

#include <stdio.h>
#include <string.h>

#include "base/split.h"
#include "base/value.h"
#include "sinks/sink.h"
#include "sinks/sink_kinds.h"

#define WORDS_MAX (1 + SINK_ARGS + SINK_SETTINGS)
#define WHY 300

struct reader {
    struct split_word word[WORDS_MAX];
    size_t n;
    char *words; /* for the user */
    size_t words_cap;
};

static int refuse(const struct reader *r, const char *word, const char *what)
{
    char quote[VALUE_QUOTE + 8];

    snprintf(r->words, r->words_cap, "%s %s", value_quote(word, quote), what);
    return QHCP_E_PARSE;
}

static int split(struct reader *r, const char *text, char *to)
{
    int e;

    if (strlen(text) >= SINK_TEXT)
        return refuse(r, text, "is longer than 4095 bytes");
    if (text[strcspn(text, "\n\r")] != '\0')
        return refuse(r, text, "has a line end in it");
    e = split_words(text, to, r->word, WORDS_MAX, &r->n);
    if (e == QHCP_E_FULL)
        return refuse(r, text, "has more than 57 words");
    return e < 0 ? refuse(r, r->word[r->n].at, "has a quote that does not end") : 0;
}

/* The bytes of KEY in KEY=VALUE; 0: it is an argument. */
static size_t key_of(const struct split_word *w)
{
    size_t n = strspn(w->at, "abcdefghijklmnopqrstuvwxyz0123456789-_");

    return w->at[n] == '=' && n < w->plain ? n : 0;
}

/* Is key one of the words in `settings`? */
static bool is_one_of(const char *key, const char *settings)
{
    size_t n = strlen(key);

    for (const char *p = settings; *p != '\0'; p += strspn(p, " ")) {
        size_t k = strcspn(p, " ");

        if (k == n && memcmp(p, key, n) == 0)
            return true;
        p += k;
    }
    return false;
}

static int set(struct reader *r, struct sink_args *a, const struct sink_kind *kind, char *word,
               size_t key)
{
    char what[WHY];

    word[key] = '\0';
    if (!is_one_of(word, kind->settings)) {
        snprintf(what, sizeof what, "is not a setting of %s: use %s", kind->name, kind->usage);
        return refuse(r, word, what);
    }
    if (sink_args_get(a, word))
        return refuse(r, word, "is given twice");
    if (a->n_settings == SINK_SETTINGS)
        return refuse(r, word, "is a setting too many");
    a->key[a->n_settings] = word;
    a->value[a->n_settings++] = word + key + 1;
    return 0;
}

static int read_kind(struct reader *r, const struct sink_kind **ret)
{
    char names[WHY], what[WHY + 40];

    *ret = r->n > 0 ? sink_kinds_find(r->word[0].at) : NULL;
    if (*ret)
        return 0;
    sink_kinds_names(names, sizeof names);
    snprintf(what, sizeof what, "is not a kind of sink: use %s", names);
    return refuse(r, r->n > 0 ? r->word[0].at : "", what);
}

static int read_words(struct reader *r, struct sink_args *a, const struct sink_kind *kind)
{
    char what[WHY];
    int e = 0;

    for (size_t i = 1; i < r->n && e == 0; i++) {
        size_t key = key_of(&r->word[i]);

        if (key > 0) {
            e = set(r, a, kind, r->word[i].at, key);
        } else if (a->argc == kind->most) {
            snprintf(what, sizeof what, "is a word too many: use %s", kind->usage);
            e = refuse(r, r->word[i].at, what);
        } else {
            a->argv[a->argc++] = r->word[i].at;
        }
    }
    if (e == 0 && a->argc < kind->least) {
        snprintf(what, sizeof what, "needs more: use %s", kind->usage);
        e = refuse(r, kind->name, what);
    }
    return e;
}

/* Where qhcp lb starts is not where its operator is: a path that depends on it is none. */
static int check_path(const struct reader *r, const char *path)
{
    return path[0] == '\0' || path[0] == '/'
               ? 0
               : refuse(r, path, "is a relative path: use an absolute one, which begins with /");
}

static int check_paths(const struct reader *r, const struct sink_args *a,
                       const struct sink_kind *kind)
{
    const char *first = a->argc > 0 ? a->argv[0] : "";
    int e = kind->path ? check_path(r, first) : first[0] == '@' ? check_path(r, first + 1) : 0;

    for (size_t i = 0; i < a->n_settings && e == 0; i++) {
        const char *suffix = strrchr(a->key[i], '-');

        if (suffix && strcmp(suffix, "-file") == 0)
            e = check_path(r, a->value[i]);
    }
    return e;
}

int sink_args_parse(const char *text, struct sink_args *ret, const struct sink_kind **ret_kind,
                    char *words, size_t words_cap)
{
    struct reader r = {.words = words, .words_cap = words_cap};
    int e;

    memset(ret, 0, sizeof *ret);
    e = split(&r, text, ret->text);
    if (e == 0)
        e = read_kind(&r, ret_kind);
    if (e == 0)
        e = read_words(&r, ret, *ret_kind);
    if (e == 0)
        e = check_paths(&r, ret, *ret_kind);
    if (e == 0)
        snprintf(ret->name, sizeof ret->name, "%s%s%s", (*ret_kind)->name, ret->argc > 0 ? " " : "",
                 ret->argc > 0 ? ret->argv[0] : "");
    return e;
}

const char *sink_args_get(const struct sink_args *a, const char *key)
{
    for (size_t i = 0; i < a->n_settings; i++)
        if (strcmp(a->key[i], key) == 0)
            return a->value[i];
    return NULL;
}

/* "key: why" */
static int named(int e, const char *key, const char *why, char *words, size_t words_cap)
{
    if (e < 0)
        snprintf(words, words_cap, "%s: %s", key, why);
    return e;
}

int sink_args_duration(const struct sink_args *a, const char *key, qhcp_nsec min, qhcp_nsec max,
                       qhcp_nsec *ret, char *words, size_t words_cap)
{
    const char *value = sink_args_get(a, key);
    char why[WHY];

    return value ? named(value_duration(value, min, max, ret, why, sizeof why), key, why, words,
                         words_cap)
                 : 0;
}

int sink_args_count(const struct sink_args *a, const char *key, uint64_t min, uint64_t max,
                    uint64_t *ret, char *words, size_t words_cap)
{
    const char *value = sink_args_get(a, key);

    return value ? value_count(value, key, min, max, ret, words, words_cap) : 0;
}

int sink_args_switch(const struct sink_args *a, const char *key, bool *ret, char *words,
                     size_t words_cap)
{
    const char *value = sink_args_get(a, key);
    char why[WHY];

    return value ? named(value_switch(value, ret, why, sizeof why), key, why, words, words_cap) : 0;
}
