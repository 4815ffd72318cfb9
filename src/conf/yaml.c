#include "conf/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/file.h"
#include "base/value.h"
#include "conf/nearest.h"
#include "conf/tree.h"

#define CONFIG_FILE_MAX (32u << 20) /* bytes: LIST_MAX servers with the longest names */
#define CONFIG_SCALAR_MAX 4096      /* bytes of one value: a path (PATH_MAX) */

struct reader {
    const char *name; /* of the file */
    struct options *options;
    struct faults *faults;
};

static struct place key_place(const struct reader *r, const struct tree *t)
{
    return (struct place){.file = r->name, .line = t->key_line, .column = t->key_column};
}

static struct place value_place(const struct reader *r, const struct tree *t, const char *option)
{
    return (struct place){.file = r->name, .line = t->line, .column = t->column, .option = option};
}

/* What somebody is to write. */
static const char *example(const struct options_row *row, char choices[OPTIONS_CHOICES])
{
    static const char *const examples[] = {
        [OPTIONS_DURATION] = "a duration, as in 500ms or 5s",
        [OPTIONS_NUMBER] = "a number",
        [OPTIONS_PORT] = "a port, 1 to 65535",
        [OPTIONS_FILE] = "the path of a file",
        [OPTIONS_CONFIG] = "the path of a file",
        [OPTIONS_TEXT] = "a text",
        [OPTIONS_LIST] = "a list, one \"- entry\" a line",
        [OPTIONS_ITEM] = "a list, one \"- entry\" a line",
        [OPTIONS_SWITCH] = "true or false",
    };

    if (row->kind != OPTIONS_CHOICE)
        return examples[row->kind];
    options_choices(row->arg, choices);
    return choices;
}

/* A scalar that sets an option, or adds to it. */
static void set(struct reader *r, const struct options_row *row, const struct tree *t)
{
    char choices[OPTIONS_CHOICES];
    const struct place at = value_place(r, t, row->name);

    if (t->kind != TREE_SCALAR)
        faults_add(r->faults, &at, QHCP_E_PARSE, "expected %s, not %s",
                   options_repeatable(row) ? "a single value in the list" : example(row, choices),
                   tree_kind_name(t));
    else if (tree_is_null(t))
        faults_add(r->faults, &at, QHCP_E_PARSE,
                   "no value: expected %s, or leave the key out for the default",
                   example(row, choices));
    else if (strlen(t->text) > CONFIG_SCALAR_MAX)
        faults_add(r->faults, &at, QHCP_E_FULL, "longer than %d bytes", CONFIG_SCALAR_MAX);
    else
        (void)options_set(r->options, row, t->text,
                          options_repeatable(row) ? LIST_FILES : LIST_TEXT_ONLY, &at, r->faults);
}

static void set_list(struct reader *r, const struct options_row *row, const struct tree *t)
{
    if (t->kind == TREE_MAPPING) {
        const struct place at = value_place(r, t, row->name);

        faults_add(r->faults, &at, QHCP_E_PARSE, "expected a list, one \"- entry\" a line, not %s",
                   tree_kind_name(t));
        return;
    }
    if (t->kind == TREE_SCALAR) {
        set(r, row, t);
        return;
    }
    for (const struct tree *entry = t->first; entry; entry = entry->next)
        set(r, row, entry);
}

static void refuse_key(struct reader *r, const struct tree *t)
{
    struct nearest nearest = {.word = t->key};
    char quote[VALUE_QUOTE + 8], words[NEAREST_WORDS];
    const struct place at = key_place(r, t);
    const struct options_table *table = r->options->table;

    for (size_t i = 0; i < table->n; i++)
        if (table->rows[i].kind != OPTIONS_CONFIG)
            nearest_offer(&nearest, table->rows[i].name);
    faults_add(r->faults, &at, QHCP_E_PARSE, "there is no option %s%s", value_quote(t->key, quote),
               nearest_words(&nearest, words));
}

static void read_key(struct reader *r, const struct tree *t)
{
    const struct options_row *row = options_find(r->options->table, t->key);
    size_t before = r->faults->n;

    if (t->again)
        return;
    if (!row || row->kind == OPTIONS_CONFIG) {
        refuse_key(r, t);
        return;
    }
    if (options_repeatable(row))
        set_list(r, row, t);
    else
        set(r, row, t);
    if (r->faults->n > before)
        options_refuse(r->options, row);
}

int yaml_parse(const char *name, const char *text, size_t n, struct options *ret, struct faults *f)
{
    struct reader r = {.name = name, .options = ret, .faults = f};
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
        for (const struct tree *t = root->first; t; t = t->next)
            read_key(&r, t);
    } else if (root) {
        const struct place top = value_place(&r, root, NULL);
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
