#include "conf/change.h"

static bool has(const options_live_fn *at, size_t n, options_live_fn live)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] == live)
            return true;
    return false;
}

/* Is the row to change?  which: NULL: each that can. */
static bool concerns(const struct options *o, size_t i, const bool *which)
{
    return o->table->rows[i].live && (!which || which[i]);
}

/* The live functions of the rows that differ, or that are named, each once, in the order of the
 * table.  (What is named may have been changed another way, as the log's level by a signal.) */
static size_t find_due(const struct options *a, const struct options *b, const bool *which,
                       options_live_fn ret[OPTIONS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < a->table->n; i++) {
        const struct options_row *row = &a->table->rows[i];

        if (concerns(a, i, which) && !has(ret, n, row->live) &&
            (which || row->kind == OPTIONS_FILE || options_differ(a, b, row)))
            ret[n++] = row->live;
    }
    return n;
}

static void exchange(struct options *a, struct options *b, const bool *which)
{
    for (size_t i = 0; i < a->table->n; i++)
        if (concerns(a, i, which))
            options_exchange(a, b, &a->table->rows[i]);
}

int change_apply(void *ctx, struct options *in_force, struct options *fresh, const bool *which,
                 char *words, size_t words_cap)
{
    options_live_fn due[OPTIONS_MAX];
    size_t n = find_due(in_force, fresh, which, due), i;
    char ignored[8];
    int r = 0;

    exchange(in_force, fresh, which);
    for (i = 0; i < n && r == 0; i++)
        r = due[i](ctx, fresh, words, words_cap);
    if (r == 0)
        return 0;
    exchange(in_force, fresh, which);
    for (i--; i-- > 0;) /* not the one that failed: it has changed nothing */
        (void)due[i](ctx, fresh, ignored, sizeof ignored);
    return r;
}

int change_read_at_use(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    (void)ctx, (void)before, (void)words, (void)words_cap;
    return 0;
}

const char *change_frozen(const struct options *in_force, const struct options *fresh, size_t *i)
{
    while (*i < in_force->table->n) {
        const struct options_row *row = &in_force->table->rows[(*i)++];

        if (!row->live && options_differ(in_force, fresh, row))
            return row->name;
    }
    return NULL;
}
