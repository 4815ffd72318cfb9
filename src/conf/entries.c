#include "conf/entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "conf/nearest.h"

#define WORDS 700
#define VALUE 1024 /* bytes of a setting */

const struct options_row *entries_row(const struct options_table *table)
{
    for (size_t i = 0; i < table->n; i++)
        if (table->rows[i].fields)
            return &table->rows[i];
    return NULL;
}

static bool is_field(const struct options_row *row, const char *key)
{
    for (const char *const *field = row->fields; *field; field++)
        if (strcmp(*field, key) == 0)
            return true;
    return false;
}

/* The value of a setting as text: of a list the entries with | between.  False: a fault. */
static bool value_text(struct walk *r, const struct tree *t, char ret[VALUE])
{
    const struct place at = walk_value(r, t, t->key);
    const struct tree *one = t->kind == TREE_SEQUENCE ? t->first : t;
    size_t n = 0;

    ret[0] = '\0';
    for (; one && n < VALUE; one = t->kind == TREE_SEQUENCE ? one->next : NULL) {
        if (one->kind != TREE_SCALAR || tree_is_null(one)) {
            faults_add(r->faults, &at, QHCP_E_PARSE, "expected a value, or a list of values");
            return false;
        }
        n += (size_t)snprintf(ret + n, VALUE - n, "%s%s", n > 0 ? "|" : "", one->text);
    }
    if (n >= VALUE)
        faults_add(r->faults, &at, QHCP_E_FULL, "longer than %d bytes", VALUE - 1);
    return n < VALUE;
}

/* Is this setting right?  Its text is in ret then. */
static bool check_value(struct walk *r, const struct options_row *row, const struct tree *t,
                        char ret[VALUE])
{
    const struct place at = walk_value(r, t, t->key);
    char words[WORDS];
    int e;

    if (!value_text(r, t, ret))
        return false;
    e = row->check_field(t->key, ret, words, sizeof words);
    if (e < 0)
        faults_add(r->faults, &at, e, "%s", words);
    return e == 0;
}

static void refuse_key(struct walk *r, const struct options_row *row, const struct tree *t,
                       const char *more)
{
    struct nearest nearest = {.word = t->key};
    char quote[VALUE_QUOTE + 8], words[NEAREST_WORDS];
    const struct place at = walk_key(r, t);

    for (const char *const *field = row->fields; *field; field++)
        nearest_offer(&nearest, *field);
    if (more)
        nearest_offer(&nearest, more);
    faults_add(r->faults, &at, QHCP_E_PARSE, "%s is not a setting%s", value_quote(t->key, quote),
               nearest_words(&nearest, words));
}

/* Checks the keys and values of a mapping of settings; `more` is a key that it may have besides.
 * False: there is a fault. */
static bool check_settings(struct walk *r, const struct options_row *row, const struct tree *t,
                           const char *more)
{
    size_t before = r->faults->n;
    char ignored[VALUE];

    for (const struct tree *s = t->first; s; s = s->next) {
        if (s->again || (more && strcmp(s->key, more) == 0))
            continue;
        if (is_field(row, s->key))
            (void)check_value(r, row, s, ignored);
        else
            refuse_key(r, row, s, more);
    }
    return r->faults->n == before;
}

static bool is_mapping(struct walk *r, const struct tree *t)
{
    const struct place at = walk_value(r, t, t->key);

    if (t->kind != TREE_MAPPING)
        faults_add(r->faults, &at, QHCP_E_PARSE, "expected a mapping (key: value), not %s",
                   tree_kind_name(t));
    return t->kind == TREE_MAPPING;
}

void entries_defaults(struct walk *r, const struct options_row *row, const struct tree *t)
{
    if (!t->again && is_mapping(r, t) && check_settings(r, row, t, NULL))
        r->defaults = t;
}

/* NULL: it is not there, or this is no mapping. */
static const struct tree *find(const struct tree *mapping, const char *key)
{
    const struct tree *t = mapping && mapping->kind == TREE_MAPPING ? mapping->first : NULL;

    while (t && strcmp(t->key, key) != 0)
        t = t->next;
    return t;
}

/* The value of KEY= in an entry; NULL: it has none.  *ret_n: its length. */
static const char *setting_in(const char *entry, const char *key, size_t *ret_n)
{
    size_t n = strlen(key);

    for (const char *p = entry; (p = strpbrk(p, " \t")); p++) {
        if (strncmp(p + 1, key, n) != 0 || p[1 + n] != '=')
            continue;
        *ret_n = strcspn(p + n + 2, " \t");
        return p + n + 2;
    }
    return NULL;
}

/* Adds one setting of the group and of the defaults to an entry, which has it or not. */
static void add_setting(struct walk *r, const struct options_row *row, const char *key,
                        const struct tree *group, const char *entry, struct text *t)
{
    const struct tree *from[] = {find(group, key), find(r->defaults, key)};
    bool adds = row->adds && strcmp(key, row->adds) == 0;
    char value[VALUE], between = ' ';
    size_t n = 0;
    const char *own = setting_in(entry, key, &n);

    if (own && !adds)
        return;
    if (own || (adds && group)) {
        text_printf(t, " %s=%.*s%s%s", key, (int)n, own ? own : "", own && group ? "|" : "",
                    group ? group->key : "");
        between = '|';
    }
    for (size_t i = 0; i < 2; i++) {
        if (!from[i] || (between != ' ' && !adds) || !value_text(r, from[i], value))
            continue;
        if (between == ' ')
            text_printf(t, " %s=%s", key, value);
        else
            text_printf(t, "|%s", value);
        between = '|';
    }
}

/* An entry with what its group and the defaults say; its own settings of `adds` move to the end. */
static void complete(struct walk *r, const struct options_row *row, const struct tree *group,
                     const char *entry, struct text *ret)
{
    size_t n = 0;
    const char *own = row->adds ? setting_in(entry, row->adds, &n) : NULL;

    if (own) {
        text_bytes(ret, entry, (size_t)(own - entry) - strlen(row->adds) - 2);
        text_add(ret, own + n);
    } else {
        text_add(ret, entry);
    }
    for (const char *const *field = row->fields; *field; field++)
        add_setting(r, row, *field, group, entry, ret);
}

/* The same for all entries of the list from `from` on. */
static void complete_all(struct walk *r, const struct options_row *row, const struct tree *group,
                         size_t from)
{
    struct list *l = options_list(r->options, row);

    for (size_t i = from; i < l->n && (group || r->defaults);) {
        const struct place at = list_place(l, i, row->name);
        struct text text = {0};
        char words[WORDS] = "out of memory";
        int e = QHCP_E_NOMEM;

        complete(r, row, group, l->at[i], &text);
        if (!text.failed)
            e = row->check(text.at, words, sizeof words);
        if (e == 0) {
            free(l->at[i]);
            l->at[i++] = text.at;
            continue;
        }
        faults_add(r->faults, &at, e, "%s", words);
        text_deinit(&text);
        list_drop(l, i);
    }
}

/* Is it one address without settings, and right? */
static bool check_address(struct walk *r, const struct options_row *row, const struct tree *t)
{
    const struct place at = walk_value(r, t, ENTRIES_ADDRESS);
    char words[WORDS] = "expected one value without blanks and commas; settings have keys of their "
                        "own here";
    int e = QHCP_E_PARSE;

    if (t->kind == TREE_SCALAR && t->text[0] && !strpbrk(t->text, " \t,@") &&
        (e = row->check(t->text, words, sizeof words)) == 0)
        return true;
    faults_add(r->faults, &at, e, "%s", words);
    return false;
}

/* {address: ..., name: ...} */
static void read_mapping(struct walk *r, const struct options_row *row, const struct tree *t)
{
    const struct tree *address = find(t, ENTRIES_ADDRESS);
    const struct place at = walk_value(r, t, NULL);
    bool good = check_settings(r, row, t, ENTRIES_ADDRESS);
    struct text text = {0};
    char value[VALUE];

    if (!address && good)
        faults_add(r->faults, &at, QHCP_E_ARG, "\"" ENTRIES_ADDRESS "\" is missing");
    if (!address || !check_address(r, row, address) || !good)
        return;
    text_add(&text, address->text);
    for (const struct tree *s = t->first; s; s = s->next)
        if (s != address && !s->again && value_text(r, s, value))
            text_printf(&text, " %s=%s", s->key, value);
    if (text.failed)
        faults_add(r->faults, &at, QHCP_E_NOMEM, "out of memory");
    else
        (void)options_add(r->options, row, text.at, &at, r->faults);
    text_deinit(&text);
}

static void read_one(struct walk *r, const struct options_row *row, const struct tree *t,
                     const struct tree *group)
{
    size_t before = options_list(r->options, row)->n;

    if (t->kind == TREE_MAPPING)
        read_mapping(r, row, t);
    else
        walk_set(r, row, t);
    complete_all(r, row, group, before);
}

void entries_read(struct walk *r, const struct options_row *row, const struct tree *t,
                  const struct tree *group)
{
    if (t->kind != TREE_SEQUENCE)
        read_one(r, row, t, group);
    else
        for (const struct tree *entry = t->first; entry; entry = entry->next)
            read_one(r, row, entry, group);
}

static void read_group(struct walk *r, const struct options_row *row, const struct tree *t)
{
    const struct place at = walk_key(r, t);
    const struct tree *list = find(t, row->name);
    char words[WORDS];
    int e = row->adds ? row->check_field(row->adds, t->key, words, sizeof words) : 0;

    if (e < 0)
        faults_add(r->faults, &at, e, "%s", words);
    if (!is_mapping(r, t) || !check_settings(r, row, t, row->name) || e < 0)
        return;
    if (!list)
        faults_add(r->faults, &at, QHCP_E_ARG, "the group has no %s", row->name);
    else
        entries_read(r, row, list, t);
}

void entries_groups(struct walk *r, const struct options_row *row, const struct tree *t)
{
    size_t before = r->faults->n;

    if (is_mapping(r, t))
        for (const struct tree *group = t->first; group; group = group->next)
            if (!group->again)
                read_group(r, row, group);
    if (r->faults->n > before)
        options_refuse(r->options, row);
}
