#include "conf/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "conf/nearest.h"
#include "conf/options_copy.h"
#include "conf/print.h"

/* The words of a fault alone. */
static const struct place nowhere = {.file = ""};

static size_t index_of(const struct patch *p, const struct options_row *row)
{
    return (size_t)(row - p->options->table->rows);
}

int patch_init(struct patch *p, const struct in_force_copy *from)
{
    const struct options_table *table = from->options->table;

    *p = (struct patch){
        .number = from->number, .options = calloc(1, table->size), .given = calloc(1, table->size)};
    if (!p->options || !p->given)
        return QHCP_E_NOMEM;
    options_init(p->given, table);
    p->given->no_files = true;
    return options_copy(p->options, from->options);
}

static void drop(struct options *o)
{
    if (o)
        options_deinit(o);
    free(o);
}

void patch_deinit(struct patch *p)
{
    drop(p->options);
    drop(p->given);
    *p = (struct patch){.options = NULL};
}

enum patch_way patch_way(const struct options_row *row)
{
    if (!row->live)
        return PATCH_RESTART;
    return row->fields || row->kind == OPTIONS_ITEM || row->kind == OPTIONS_FILE ? PATCH_RELOAD
                                                                                 : PATCH_NOW;
}

void patch_expected(const struct options_row *row, char ret[PATCH_EXPECTED])
{
    char least[40], most[40], choices[OPTIONS_CHOICES];

    switch (row->kind) {
    case OPTIONS_DURATION:
        value_duration_text(row->min, least, sizeof least);
        value_duration_text(row->max, most, sizeof most);
        snprintf(ret, PATCH_EXPECTED, "a duration from %s to %s, as 500ms or 5s", least, most);
        break;
    case OPTIONS_NUMBER:
        snprintf(ret, PATCH_EXPECTED, "a whole number from %llu to %llu",
                 (unsigned long long)row->min, (unsigned long long)row->max);
        break;
    case OPTIONS_PORT:
        snprintf(ret, PATCH_EXPECTED, "a port, 1 to 65535");
        break;
    case OPTIONS_FILE:
    case OPTIONS_CONFIG:
        snprintf(ret, PATCH_EXPECTED, "the path of a file");
        break;
    case OPTIONS_TEXT:
        snprintf(ret, PATCH_EXPECTED, "a text, %s", options_arg(row));
        break;
    case OPTIONS_LIST:
    case OPTIONS_ITEM:
        snprintf(ret, PATCH_EXPECTED, "a list of at most %llu texts", (unsigned long long)row->max);
        break;
    case OPTIONS_CHOICE:
        options_choices(row->arg, choices);
        snprintf(ret, PATCH_EXPECTED, "one of %s", choices);
        break;
    case OPTIONS_SWITCH:
        snprintf(ret, PATCH_EXPECTED, "true or false");
        break;
    }
}

static void refuse(const struct options_row *row, struct faults *f)
{
    if (patch_way(row) == PATCH_RELOAD)
        faults_add(f, &nowhere, QHCP_E_ARG,
                   "only the configuration file changes this: change it there, and reload it");
    else
        faults_add(f, &nowhere, QHCP_E_ARG,
                   "this cannot change while the process runs: change the configuration, and "
                   "restart it");
}

const struct options_row *patch_row(const struct patch *p, const char *name, struct faults *f)
{
    const struct options_table *table = p->options->table;
    const struct options_row *row = options_find(table, name);
    struct nearest nearest = {.word = name};
    char words[NEAREST_WORDS], quote[VALUE_QUOTE + 8];

    if (!row || !options_in_file(row)) {
        for (size_t i = 0; i < table->n; i++)
            if (options_in_file(&table->rows[i]))
                nearest_offer(&nearest, options_key(&table->rows[i]));
        faults_add(f, &nowhere, QHCP_E_NOT_FOUND, "there is no option %s%s",
                   value_quote(name, quote), nearest_words(&nearest, words));
        return NULL;
    }
    if (patch_way(row) != PATCH_NOW) {
        refuse(row, f);
        return NULL;
    }
    if (p->rows[index_of(p, row)]) {
        faults_add(f, &nowhere, QHCP_E_EXISTS, "is given twice, by another of its names");
        return NULL;
    }
    return row;
}

int patch_set(struct patch *p, const struct options_row *row, const char *text, struct faults *f)
{
    return options_set(p->given, row, text, LIST_ONE, &nowhere, f);
}

void patch_take(struct patch *p, const struct options_row *row)
{
    size_t i = index_of(p, row);

    if (p->rows[i])
        return;
    options_exchange(p->options, p->given, row);
    p->options->from[i] = (struct options_line){.asked = true};
    p->rows[i] = true;
    p->n++;
}

int patch_check(struct patch *p, struct faults *f)
{
    drop(p->given);
    p->given = NULL;
    return options_check(p->options, f);
}

void patch_words(const struct patch *p, const struct options *in_force, struct text *t)
{
    const struct options_table *table = in_force->table;

    for (size_t i = 0; i < table->n; i++) {
        const struct options_row *row = &table->rows[i];

        if (!p->rows[i])
            continue;
        text_printf(t, "%s%s ", t->n > 0 ? "; " : "", options_key(row));
        if (!options_differ(in_force, p->options, row)) {
            text_add(t, "stays ");
            print_value(t, in_force, row);
            continue;
        }
        text_add(t, "is ");
        print_value(t, in_force, row);
        text_add(t, ", was ");
        print_value(t, p->options, row);
    }
}
