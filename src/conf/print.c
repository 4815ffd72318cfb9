#include "conf/print.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"

#define WIDTH 40 /* column of the comments */

/* The comment behind what begins at `line`. */
static void add_comment(struct text *t, size_t line, const char *words)
{
    size_t width = t->n - line;

    text_printf(t, "%*s# %s\n", (int)(width < WIDTH ? WIDTH - width : 1), "", words);
}

static void place_words(const struct place *at, bool given, char *ret, size_t cap)
{
    if (!given)
        snprintf(ret, cap, "default");
    else if (!at->file)
        snprintf(ret, cap, "--%s", at->option);
    else
        snprintf(ret, cap, "%s:%u:%u", at->file, at->line, at->column);
}

/* The word of a choice. */
static void add_choice(struct text *t, const char *choices, unsigned index)
{
    while (index-- > 0)
        choices += strcspn(choices, "|") + 1;
    text_bytes(t, choices, strcspn(choices, "|"));
}

static void add_entries(struct text *t, const struct list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        text_add(t, i > 0 ? ", " : "[");
        text_json(t, l->at[i]);
    }
    text_add(t, l->n > 0 ? "]" : "[]");
}

void print_value(struct text *t, const struct options *o, const struct options_row *row)
{
    const void *v = options_value(o, row);
    char words[40];

    if (!options_has(o, row)) {
        text_add(t, "none");
        return;
    }

    switch (row->kind) {
    case OPTIONS_DURATION:
        value_duration_text(*(const qhcp_nsec *)v, words, sizeof words);
        text_add(t, words);
        break;
    case OPTIONS_NUMBER:
        text_printf(t, "%llu", (unsigned long long)*(const uint64_t *)v);
        break;
    case OPTIONS_PORT:
        text_printf(t, "%u", *(const uint16_t *)v);
        break;
    case OPTIONS_CHOICE:
        add_choice(t, row->arg, *(const unsigned *)v);
        break;
    case OPTIONS_SWITCH:
        text_add(t, *(const bool *)v ? "true" : "false");
        break;
    case OPTIONS_TEXT:
    case OPTIONS_FILE:
    case OPTIONS_CONFIG:
        text_json(t, *(char *const *)v);
        break;
    case OPTIONS_LIST:
    case OPTIONS_ITEM:
        add_entries(t, v);
        break;
    }
}

static void add_list(struct text *t, const struct options_row *row, const struct list *l)
{
    char words[300];

    text_printf(t, "%s:\n", options_key(row));
    for (size_t i = 0; i < l->n; i++) {
        const struct place at = list_place(l, i, row->name);
        size_t line = t->n;

        text_add(t, "  - ");
        text_json(t, l->at[i]);
        if (t->failed)
            return;
        place_words(&at, true, words, sizeof words);
        add_comment(t, line, words);
    }
}

void print_from(const struct options *o, const struct options_row *row, char ret[PRINT_FROM])
{
    const void *v = options_value(o, row);
    const struct place at = options_place(o, v);

    if (options_asked(o, row))
        snprintf(ret, PRINT_FROM, "admin interface");
    else
        place_words(&at, options_given(o, v), ret, PRINT_FROM);
}

static void add_option(struct text *t, const struct options *o, const struct options_row *row)
{
    size_t line = t->n;
    char words[PRINT_FROM];

    if (!options_has(o, row)) {
        text_printf(t, "# %s: not given\n", options_key(row));
        return;
    }
    if (options_repeatable(row)) {
        add_list(t, row, options_value(o, row));
        return;
    }
    text_printf(t, "%s: ", options_key(row));
    print_value(t, o, row);
    if (t->failed)
        return;
    print_from(o, row, words);
    add_comment(t, line, words);
}

void print_options(const struct options *o, struct text *t)
{
    for (size_t i = 0; i < o->table->n; i++)
        if (options_in_file(&o->table->rows[i]))
            add_option(t, o, &o->table->rows[i]);
}
