#include "conf/options_copy.h"

#include <string.h>

static size_t index_of(const struct options *o, const struct options_row *row)
{
    return (size_t)(row - o->table->rows);
}

int options_copy_list(struct options *o, const struct options *old, const struct options_row *row)
{
    const struct list *l = options_value(old, row);
    int r = 0;

    for (size_t i = 0; i < l->n && r == 0; i++) {
        struct place at = list_place(l, i, NULL);

        r = list_add(options_list(o, row), l->at[i], strlen(l->at[i]), &at);
    }
    o->set[index_of(o, row)] = true;
    return r;
}

static bool on_heap(const struct options *o, const struct options_row *row)
{
    return (row->kind == OPTIONS_FILE || row->kind == OPTIONS_CONFIG ||
            row->kind == OPTIONS_TEXT) &&
           o->set[index_of(o, row)];
}

static int copy_value(struct options *to, const struct options *from, const struct options_row *row)
{
    const void *v = options_value(from, row);
    char *text;

    if (row->fields)
        return 0;
    if (options_repeatable(row))
        return options_copy_list(to, from, row);
    if (!on_heap(from, row)) {
        memcpy((char *)to + row->offset, v, options_size(row->kind));
        return 0;
    }
    text = strdup(*(char *const *)v);
    if (!text)
        return QHCP_E_NOMEM;
    memcpy((char *)to + row->offset, &text, sizeof text);
    return 0;
}

int options_copy(struct options *to, const struct options *from)
{
    int r = 0;

    options_init(to, from->table);
    to->no_files = from->no_files;
    memcpy(to->from, from->from, sizeof to->from);
    to->file = from->file ? strdup(from->file) : NULL;
    if (from->file && !to->file)
        return QHCP_E_NOMEM;
    for (size_t i = 0; i < from->table->n && r == 0; i++) {
        r = copy_value(to, from, &from->table->rows[i]);
        to->set[i] = r == 0 && from->set[i];
    }
    return r;
}
