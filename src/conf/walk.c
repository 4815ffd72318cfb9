#include "conf/walk.h"

#include <string.h>

#define CONFIG_SCALAR_MAX 4096 /* bytes of one value: a path (PATH_MAX) */

struct place walk_key(const struct walk *r, const struct tree *t)
{
    return (struct place){.file = r->name, .line = t->key_line, .column = t->key_column};
}

struct place walk_value(const struct walk *r, const struct tree *t, const char *option)
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

void walk_set(struct walk *r, const struct options_row *row, const struct tree *t)
{
    char choices[OPTIONS_CHOICES];
    const struct place at = walk_value(r, t, options_key(row));

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
