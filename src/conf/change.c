#include "conf/change.h"

/* Is row i the first of those that differ to name its function? */
static bool is_due(const struct options *a, const struct options *b, size_t i)
{
    const struct options_row *rows = a->table->rows;

    if (!rows[i].live)
        return false;
    for (size_t k = 0; k <= i; k++)
        if (rows[k].live == rows[i].live &&
            (rows[k].kind == OPTIONS_FILE || options_differ(a, b, &rows[k])))
            return k == i;
    return false;
}

static void exchange(struct options *a, struct options *b)
{
    for (size_t i = 0; i < a->table->n; i++)
        if (a->table->rows[i].live)
            options_exchange(a, b, &a->table->rows[i]);
}

int change_apply(void *ctx, struct options *in_force, struct options *fresh, char *words,
                 size_t words_cap)
{
    const struct options_row *rows = in_force->table->rows;
    char ignored[8];
    size_t i;
    int r = 0;

    exchange(in_force, fresh);
    for (i = 0; i < in_force->table->n && r == 0; i++)
        if (is_due(in_force, fresh, i))
            r = rows[i].live(ctx, fresh, words, words_cap);
    if (r == 0)
        return 0;
    exchange(in_force, fresh);
    for (i--; i-- > 0;) /* not the one that failed: it has changed nothing */
        if (is_due(in_force, fresh, i))
            (void)rows[i].live(ctx, fresh, ignored, sizeof ignored);
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
