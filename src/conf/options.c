#include "conf/options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "base/value.h"

#define WORDS 700 /* of what is wrong with one value */

static void *value_of(const struct options *o, const struct options_row *row)
{
    return (char *)(uintptr_t)o + row->offset;
}

static bool *set_of(const struct options *o, const struct options_row *row)
{
    return (bool *)(uintptr_t)&o->set[row - o->table->rows];
}

static size_t index_of(const struct options *o, const struct options_row *row)
{
    return (size_t)(row - o->table->rows);
}

static bool is_text(const struct options_row *row)
{
    return row->kind == OPTIONS_FILE || row->kind == OPTIONS_CONFIG || row->kind == OPTIONS_TEXT;
}

size_t options_size(enum options_kind kind)
{
    switch (kind) {
    case OPTIONS_DURATION:
    case OPTIONS_NUMBER:
        return sizeof(uint64_t);
    case OPTIONS_PORT:
        return sizeof(uint16_t);
    case OPTIONS_FILE:
    case OPTIONS_CONFIG:
    case OPTIONS_TEXT:
        return sizeof(char *);
    case OPTIONS_LIST:
    case OPTIONS_ITEM:
        return sizeof(struct list);
    case OPTIONS_CHOICE:
        return sizeof(unsigned);
    case OPTIONS_SWITCH:
        return sizeof(bool);
    }
    return 0;
}

const char *options_arg(const struct options_row *row)
{
    static const char *const usual[] = {
        [OPTIONS_DURATION] = "DURATION", [OPTIONS_NUMBER] = "COUNT", [OPTIONS_FILE] = "FILE",
        [OPTIONS_PORT] = "PORT",         [OPTIONS_CONFIG] = "FILE",  [OPTIONS_TEXT] = "TEXT",
        [OPTIONS_LIST] = "LIST",         [OPTIONS_ITEM] = "ENTRY",   [OPTIONS_CHOICE] = "WORD",
        [OPTIONS_SWITCH] = NULL,
    };

    return row->arg ? row->arg : usual[row->kind];
}

bool options_in_file(const struct options_row *row)
{
    return row->kind != OPTIONS_CONFIG && row->ends == OPTIONS_GOES_ON;
}

enum options_ends options_ends(const struct options *o)
{
    for (size_t i = 0; i < o->table->n; i++)
        if (o->set[i] && o->table->rows[i].ends != OPTIONS_GOES_ON)
            return o->table->rows[i].ends;
    return OPTIONS_GOES_ON;
}

const void *options_value(const struct options *o, const struct options_row *row)
{
    return value_of(o, row);
}

bool options_has(const struct options *o, const struct options_row *row)
{
    return row->def || row->kind == OPTIONS_SWITCH || options_given(o, value_of(o, row));
}

bool options_asked(const struct options *o, const struct options_row *row)
{
    return o->from[index_of(o, row)].asked;
}

bool options_repeatable(const struct options_row *row)
{
    return row->kind == OPTIONS_LIST || row->kind == OPTIONS_ITEM;
}

const char *options_key(const struct options_row *row)
{
    return row->key ? row->key : row->name;
}

const struct options_row *options_find(const struct options_table *table, const char *name)
{
    for (size_t i = 0; i < table->n; i++) {
        const struct options_row *row = &table->rows[i];

        if (strcmp(row->name, name) == 0 || strcmp(options_key(row), name) == 0 ||
            (row->alias && strcmp(row->alias, name) == 0))
            return row;
    }
    return NULL;
}

/* The row whose value is there. */
static const struct options_row *row_at(const struct options *o, const void *value)
{
    const struct options_row *row = o->table->rows;

    while (value_of(o, row) != value)
        row++;
    return row;
}

static int set_port(const char *text, uint16_t *ret, char *words, size_t words_cap)
{
    uint64_t port = 0;
    int r = value_count(text, "port", 1, 65535, &port, words, words_cap);

    if (r == 0)
        *ret = (uint16_t)port;
    return r;
}

static int set_number(const struct options_row *row, const char *text, uint64_t *ret, char *words,
                      size_t words_cap)
{
    char number[24];
    size_t n = strcspn(text, "%");

    if (row->arg && strcmp(row->arg, "PERCENT") == 0 && strcmp(text + n, "%") == 0 &&
        n < sizeof number) {
        snprintf(number, sizeof number, "%.*s", (int)n, text);
        text = number;
    }
    return value_count(text, "number", row->min, row->max, ret, words, words_cap);
}

static int set_file(const char *text, bool no_files, char **ret, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    struct stat st;

    if (text[0] == '\0') {
        snprintf(words, words_cap, "the file name is empty; leave the option out for the default");
        return QHCP_E_ARG;
    }
    if (!no_files) {
        if (stat(text, &st) < 0 || access(text, R_OK) < 0) {
            snprintf(words, words_cap, "%s: %s", value_quote(text, quote), strerror(errno));
            return QHCP_E_IO;
        }
        if (!S_ISREG(st.st_mode)) {
            snprintf(words, words_cap, "%s is not a regular file", value_quote(text, quote));
            return QHCP_E_IO;
        }
    }
    *ret = strdup(text);
    return *ret ? 0 : QHCP_E_NOMEM;
}

static int set_text(const struct options_row *row, const char *text, char **ret, char *words,
                    size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    size_t n = strlen(text);

    if (n < row->min || n > row->max) {
        snprintf(words, words_cap, "%s is %zu bytes long: %llu to %llu are allowed",
                 value_quote(text, quote), n, (unsigned long long)row->min,
                 (unsigned long long)row->max);
        return QHCP_E_ARG;
    }
    if (!utf8_printable(slice_of(text, n))) {
        snprintf(words, words_cap, "%s has a control character in it, or is not UTF-8",
                 value_quote(text, quote));
        return QHCP_E_ARG;
    }
    int r = row->check ? row->check(text, words, words_cap) : 0;
    if (r < 0)
        return r;
    *ret = strdup(text);
    return *ret ? 0 : QHCP_E_NOMEM;
}

void options_choices(const char *choices, char ret[OPTIONS_CHOICES])
{
    const char *last = strrchr(choices, '|');
    size_t n = 0;

    for (const char *p = choices; *p != '\0' && n + sizeof " or " < OPTIONS_CHOICES; p++) {
        ret[n++] = *p;
        if (*p == '|')
            n = (size_t)(stpcpy(&ret[n - 1], p == last ? " or " : ", ") - ret);
    }
    ret[n] = '\0';
}

static int choose(const char *choices, const char *text, unsigned *ret, char *words,
                  size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], names[OPTIONS_CHOICES];
    unsigned index = 0;
    size_t n = strlen(text);

    for (const char *p = choices;; index++) {
        size_t len = strcspn(p, "|");
        if (len == n && memcmp(p, text, n) == 0) {
            *ret = index;
            return 0;
        }
        if (p[len] == '\0')
            break;
        p += len + 1;
    }
    options_choices(choices, names);
    snprintf(words, words_cap, "%s is not a valid value: use %s", value_quote(text, quote), names);
    return QHCP_E_ARG;
}

/* Each entry that text adds to a list is judged by its user; what he refuses is dropped. */
static int judge_entries(const struct options_row *row, struct list *l, size_t from,
                         struct faults *f)
{
    char words[WORDS];
    int first = 0;

    for (size_t i = from; i < l->n && row->check;) {
        struct place at = list_place(l, i, row->name);
        int r = row->check(l->at[i], words, sizeof words);

        if (r == 0) {
            i++;
            continue;
        }
        faults_add(f, &at, r, "%s", words);
        first = first ? first : r;
        list_drop(l, i);
    }
    return first;
}

static int set_list(const struct options_row *row, const char *text, enum list_source files,
                    const struct place *at, struct list *l, struct faults *f)
{
    size_t before = l->n;
    bool whole = row->kind == OPTIONS_ITEM || files == LIST_ONE;
    int r, bad;

    if (!whole)
        r = list_parse(l, text, files, at, f);
    else if ((r = list_add(l, text, strlen(text), at)) < 0)
        faults_add(f, at, r, "out of memory");
    bad = judge_entries(row, l, before, f);
    r = r < 0 ? r : bad;
    if (l->n > row->max)
        r = faults_add(f, at, QHCP_E_FULL, "more than %llu entries", (unsigned long long)row->max);
    while (l->n > row->max)
        list_drop(l, l->n - 1);
    return r;
}

static int set_value(struct options *o, const struct options_row *row, const char *text,
                     char *words, size_t words_cap)
{
    void *v = value_of(o, row);

    switch (row->kind) {
    case OPTIONS_DURATION:
        return value_duration(text, row->min, row->max, v, words, words_cap);
    case OPTIONS_NUMBER:
        return set_number(row, text, v, words, words_cap);
    case OPTIONS_PORT:
        return set_port(text, v, words, words_cap);
    case OPTIONS_FILE:
    case OPTIONS_CONFIG:
        return set_file(text, o->no_files, v, words, words_cap);
    case OPTIONS_TEXT:
        return set_text(row, text, v, words, words_cap);
    case OPTIONS_CHOICE:
        return choose(row->arg, text, v, words, words_cap);
    case OPTIONS_SWITCH:
        return value_switch(text, v, words, words_cap);
    case OPTIONS_LIST:
    case OPTIONS_ITEM:
        break;
    }
    return QHCP_E_INTERNAL;
}

void options_init(struct options *o, const struct options_table *table)
{
    char ignored[8];

    assert(table->n <= OPTIONS_MAX);
    memset(o, 0, table->size);
    o->table = table;
    for (size_t i = 0; i < table->n; i++) {
        const struct options_row *row = &table->rows[i];

        if (row->def && is_text(row))
            *(char **)value_of(o, row) = (char *)(uintptr_t)row->def; /* not on the heap */
        else if (row->def)
            set_value(o, row, row->def, ignored, sizeof ignored);
    }
}

static void drop_value(struct options *o, const struct options_row *row)
{
    if (is_text(row) && *set_of(o, row))
        free(*(char **)value_of(o, row));
    if (options_repeatable(row))
        list_deinit(value_of(o, row));
}

void options_deinit(struct options *o)
{
    if (!o->table)
        return;
    for (size_t i = 0; i < o->table->n; i++)
        drop_value(o, &o->table->rows[i]);
    free(o->file);
    memset(o, 0, o->table->size);
}

int options_add(struct options *o, const struct options_row *row, const char *entry,
                const struct place *at, struct faults *f)
{
    return options_set(o, row, entry, LIST_ONE, at, f);
}

struct list *options_list(struct options *o, const struct options_row *row)
{
    return value_of(o, row);
}

int options_set(struct options *o, const struct options_row *row, const char *text,
                enum list_source files, const struct place *at, struct faults *f)
{
    char words[WORDS] = "out of memory";
    size_t i = index_of(o, row);
    int r;

    if (options_repeatable(row))
        r = set_list(row, text, files != LIST_ONE && o->no_files ? LIST_TEXT_ONLY : files, at,
                     value_of(o, row), f);
    else if (o->set[i])
        r = faults_add(f, at, QHCP_E_EXISTS, "is given twice");
    else if ((r = set_value(o, row, text, words, sizeof words)) < 0)
        faults_add(f, at, r, "%s", words);
    *(r == 0 ? &o->set[i] : &o->refused[i]) = true;
    if (o->from[i].line == 0)
        o->from[i] = (struct options_line){at->line, at->column};
    return r;
}

void options_refuse(struct options *o, const struct options_row *row)
{
    o->refused[index_of(o, row)] = true;
}

void options_merge(struct options *o, struct options *from)
{
    char *file = o->file;

    for (size_t i = 0; i < o->table->n; i++)
        if (!o->set[i] && from->set[i])
            options_exchange(o, from, &o->table->rows[i]);
        else if (!o->set[i] && from->refused[i])
            o->refused[i] = true;
    o->file = from->file;
    from->file = file;
    options_deinit(from);
}

int options_check(const struct options *o, struct faults *f)
{
    size_t before = f->n;

    if (o->table->check)
        o->table->check(o, f);
    return f->n > before ? f->error : 0;
}

bool options_given(const struct options *o, const void *value)
{
    size_t i = index_of(o, row_at(o, value));

    return o->set[i] || o->refused[i];
}

struct place options_place(const struct options *o, const void *value)
{
    const struct options_row *row = row_at(o, value);
    const struct options_line *from = &o->from[index_of(o, row)];
    bool flag = options_given(o, value) && from->line == 0;

    return (struct place){.file = flag ? NULL : o->file,
                          .line = from->line,
                          .column = from->column,
                          .option = flag ? row->name : options_key(row)};
}

void options_check_pair(const struct options *o, const void *a, const void *b, struct faults *f)
{
    const void *given = options_given(o, a) ? a : b, *other = given == a ? b : a;
    struct place at = options_place(o, given);
    const char *dashes = at.file ? "" : "--";

    at.option = NULL;
    if (options_given(o, a) != options_given(o, b))
        faults_add(f, &at, QHCP_E_ARG, "%s%s goes with %s%s: give both or neither", dashes,
                   row_at(o, given)->name, dashes, row_at(o, other)->name);
}

const char *options_config(const struct options *o)
{
    for (size_t i = 0; i < o->table->n; i++)
        if (o->table->rows[i].kind == OPTIONS_CONFIG)
            return *(char **)value_of(o, &o->table->rows[i]);
    return NULL;
}

static bool lists_differ(const struct list *a, const struct list *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return true;
    return a->n != b->n;
}

bool options_differ(const struct options *a, const struct options *b, const struct options_row *row)
{
    const void *x = value_of(a, row), *y = value_of(b, row);

    if (options_repeatable(row))
        return lists_differ(x, y);
    if (is_text(row)) {
        const char *s = *(char *const *)x, *t = *(char *const *)y;
        return !s != !t || (s && strcmp(s, t) != 0);
    }
    return memcmp(x, y, options_size(row->kind)) != 0;
}

void options_exchange(struct options *a, struct options *b, const struct options_row *row)
{
    char saved[sizeof(struct list)];
    size_t n = options_size(row->kind);
    bool set = *set_of(a, row);
    struct options_line *x = &a->from[index_of(a, row)], *y = &b->from[index_of(b, row)], from = *x;

    memcpy(saved, value_of(a, row), n);
    memcpy(value_of(a, row), value_of(b, row), n);
    memcpy(value_of(b, row), saved, n);
    *set_of(a, row) = *set_of(b, row);
    *set_of(b, row) = set;
    *x = *y;
    *y = from;
}
