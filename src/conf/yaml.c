#include "conf/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "base/value.h"
#include "conf/entries.h"
#include "conf/nearest.h"
#include "conf/walk.h"

#define CONFIG_FILE_MAX (32u << 20) /* bytes: LIST_MAX servers with the longest names */

static void set_list(struct walk *r, const struct options_row *row, const struct tree *t)
{
    const struct place at = walk_value(r, t, options_key(row));

    if (t->kind == TREE_MAPPING)
        faults_add(r->faults, &at, QHCP_E_PARSE, "expected a list, one \"- entry\" a line, not %s",
                   tree_kind_name(t));
    else if (t->kind == TREE_SCALAR)
        walk_set(r, row, t);
    else
        for (const struct tree *entry = t->first; entry; entry = entry->next)
            walk_set(r, row, entry);
}

static void refuse_key(struct walk *r, const struct tree *t)
{
    struct nearest nearest = {.word = t->key};
    char quote[VALUE_QUOTE + 8], words[NEAREST_WORDS];
    const struct place at = walk_key(r, t);
    const struct options_table *table = r->options->table;

    for (size_t i = 0; i < table->n; i++)
        if (options_in_file(&table->rows[i]))
            nearest_offer(&nearest, options_key(&table->rows[i]));
    if (entries_row(table)) {
        nearest_offer(&nearest, ENTRIES_DEFAULTS);
        nearest_offer(&nearest, ENTRIES_GROUPS);
    }
    faults_add(r->faults, &at, QHCP_E_PARSE, "there is no option %s%s", value_quote(t->key, quote),
               nearest_words(&nearest, words));
}

static void read_option(struct walk *r, const struct options_row *row, const struct tree *t)
{
    size_t before = r->faults->n;

    if (row->fields)
        entries_read(r, row, t, NULL);
    else if (options_repeatable(row))
        set_list(r, row, t);
    else
        walk_set(r, row, t);
    if (r->faults->n > before)
        options_refuse(r->options, row);
}

static void read_key(struct walk *r, const struct tree *t)
{
    const struct options_row *row = options_find(r->options->table, t->key);
    const struct options_row *fielded = entries_row(r->options->table);

    if (t->again || (fielded && strcmp(t->key, ENTRIES_DEFAULTS) == 0))
        return; /* the second is read already */
    if (fielded && strcmp(t->key, ENTRIES_GROUPS) == 0)
        entries_groups(r, fielded, t);
    else if (!row || !options_in_file(row))
        refuse_key(r, t);
    else
        read_option(r, row, t);
}

static void read_top(struct walk *r, const struct tree *root)
{
    const struct options_row *fielded = entries_row(r->options->table);

    for (const struct tree *t = root->first; t && fielded; t = t->next)
        if (strcmp(t->key, ENTRIES_DEFAULTS) == 0)
            entries_defaults(r, fielded, t);
    for (const struct tree *t = root->first; t; t = t->next)
        read_key(r, t);
}

int yaml_parse(const char *name, const char *text, size_t n, struct options *ret, struct faults *f)
{
    struct walk r = {.name = name, .options = ret, .faults = f};
    const struct place at = {.file = name};
    size_t before = f->n;
    struct tree *root;

    if (tree_parse(name, text, n, &root, f) < 0 && !root)
        return f->error;
    if (!root || root->kind == TREE_MAPPING)
        ret->file = strdup(name);
    if (root && root->kind == TREE_MAPPING) {
        if (!ret->file)
            faults_add(f, &at, QHCP_E_NOMEM, "out of memory");
        read_top(&r, root);
    } else if (root) {
        const struct place top = walk_value(&r, root, NULL);
        faults_add(f, &top, QHCP_E_PARSE, "expected lines of the form \"option: value\", not %s",
                   tree_kind_name(root));
    }
    tree_free(root);
    return f->n > before ? f->error : 0;
}

int yaml_load(const char *path, struct options *ret, struct faults *f)
{
    char *text, why[500] = "";
    size_t n;
    int r = file_read(path, true, CONFIG_FILE_MAX, &text, &n, &(struct words){why, sizeof why});

    if (r < 0)
        return faults_add(f, &(struct place){.file = ""}, r, "%s", why);
    r = yaml_parse(path, text, n, ret, f);
    free(text);
    return r;
}
