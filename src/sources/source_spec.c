#include "sources/source_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/split.h"
#include "base/utf8.h"
#include "base/value.h"
#include "sources/listed.h"
#include "sources/source_kind.h"

#define EVERY_MIN NSEC_PER_SEC
#define EVERY_MAX (24 * 3600 * NSEC_PER_SEC)
#define TIMEOUT_MIN (10 * NSEC_PER_MSEC)
#define TIMEOUT_MAX (600 * NSEC_PER_SEC)
#define WORDS_MAX (SOURCE_ARGUMENTS + 16)

struct reader {
    char *word[WORDS_MAX];
    bool bare[WORDS_MAX]; /* no quote in it */
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
    struct split_word word[WORDS_MAX];
    int e;

    if (strlen(text) >= SOURCE_TEXT - WORDS_MAX)
        return refuse(r, text, "is longer than 4000 bytes");
    e = split_words(text, to, word, WORDS_MAX, &r->n);
    if (e == QHCP_E_FULL)
        return refuse(r, text, "has more than 80 words");
    if (e < 0)
        return refuse(r, word[r->n].at, "has a quote that does not end");
    for (size_t i = 0; i < r->n; i++) {
        r->word[i] = word[i].at;
        r->bare[i] = !word[i].quoted;
    }
    return 0;
}

static bool is_set(const char *word, const char *key)
{
    size_t n = strlen(key);

    return strncmp(word, key, n) == 0 && word[n] == '=';
}

static int set_duration(struct reader *r, const char *word, qhcp_nsec min, qhcp_nsec max,
                        qhcp_nsec *ret)
{
    char why[300];
    int e = value_duration(strchr(word, '=') + 1, min, max, ret, why, sizeof why);

    if (e < 0)
        snprintf(r->words, r->words_cap, "%.*s: %s", (int)strcspn(word, "="), word, why);
    return e;
}

/* What listed.h has of servers: each of them gets it. */
static int set_each(struct reader *r, struct source_spec *s, const char *word)
{
    char entry[sizeof s->each_text + 16], why[300];
    size_t n = strlen(s->each_text);
    struct listed ignored;
    int e;

    if (n + strlen(word) + 2 > sizeof s->each_text)
        return refuse(r, word, "is too long");
    snprintf(s->each_text + n, sizeof s->each_text - n, " %s", word);
    snprintf(entry, sizeof entry, "a.invalid:1%s", s->each_text);
    e = listed_parse(entry, &ignored, why, sizeof why);
    if (e < 0)
        snprintf(r->words, r->words_cap, "%s", why);
    return e;
}

/* 1: the word is a setting; 0: it is none; or QHCP_E_*. */
static int set(struct reader *r, struct source_spec *s, char *word)
{
    unsigned has = s->kind->settings;
    int e;

    if (strcmp(word, "allow-empty") == 0) {
        s->allow_empty = true;
        return 1;
    }
    if (has & SOURCE_SET_EVERY && is_set(word, "every"))
        e = set_duration(r, word, EVERY_MIN, EVERY_MAX, &s->every);
    else if (has & SOURCE_SET_TIMEOUT && is_set(word, "timeout"))
        e = set_duration(r, word, TIMEOUT_MIN, TIMEOUT_MAX, &s->timeout);
    else if (has & SOURCE_SET_RESOLVER && is_set(word, "resolver"))
        s->resolver = strchr(word, '=') + 1, e = 0;
    else if (is_set(word, "weight") || is_set(word, "priority") || is_set(word, "service") ||
             is_set(word, "tags"))
        e = set_each(r, s, word);
    else
        return 0;
    return e < 0 ? e : 1;
}

static int read_settings(struct reader *r, struct source_spec *s)
{
    size_t first = r->n;
    int e = 1;

    for (size_t i = r->n; i > 1 && e == 1; i--) { /* they come last */
        struct source_spec ignored = *s;

        ignored.each_text[0] = '\0'; /* each for itself here, all together below */
        e = r->bare[i - 1] ? set(r, &ignored, r->word[i - 1]) : 0;
        if (e == 1)
            first = i - 1;
    }
    for (size_t i = first; i < r->n && e >= 0; i++)
        e = set(r, s, r->word[i]);
    r->n = first;
    return e < 0 ? e : 0;
}

static int read_kind(struct reader *r, struct source_spec *s)
{
    char names[100], what[160];

    s->kind = r->n > 0 ? source_kind_find(r->word[0]) : NULL;
    if (s->kind) {
        s->every = s->kind->every;
        s->timeout = s->kind->timeout;
        return 0;
    }
    source_kind_names(names, sizeof names);
    snprintf(what, sizeof what, "is not a kind of source: use %s", names);
    return refuse(r, r->n > 0 ? r->word[0] : "", what);
}

static int read_arguments(struct reader *r, struct source_spec *s)
{
    char what[160];

    if (r->n < 2 || r->n - 1 > s->kind->arguments) {
        snprintf(what, sizeof what, "%s: use %s", r->n < 2 ? "needs more" : "has a word too many",
                 s->kind->usage);
        return refuse(r, r->n < 2 ? r->word[0] : r->word[s->kind->arguments + 1], what);
    }
    for (size_t i = 1; i < r->n; i++)
        s->argv[s->argc++] = r->word[i];
    snprintf(s->name, sizeof s->name, "%s %s", s->kind->name, s->argv[0]);
    utf8_clean(slice_str(s->name), s->name, sizeof s->name);
    return s->kind->check(s, r->words, r->words_cap);
}

int source_spec_parse(const char *text, struct source_spec *ret, char *words, size_t words_cap)
{
    struct reader r = {.words = words, .words_cap = words_cap};
    int e;

    *ret = (struct source_spec){.each = ret->each_text};
    e = split(&r, text, ret->text);
    if (e == 0)
        e = read_kind(&r, ret);
    if (e == 0)
        e = read_settings(&r, ret);
    if (e == 0)
        e = read_arguments(&r, ret);
    if (e < 0) /* they quote what was written, by whomever */
        utf8_clean(slice_str(words), words, words_cap);
    return e;
}

int source_spec_check(const char *text, char *words, size_t words_cap)
{
    struct source_spec *s = malloc(sizeof *s);
    int e;

    if (!s) {
        snprintf(words, words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    e = source_spec_parse(text, s, words, words_cap);
    free(s);
    return e;
}
