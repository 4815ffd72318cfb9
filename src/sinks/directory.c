#include "sinks/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY_NAME 300

void directory_deinit(struct directory *d)
{
    free(d->rows);
    *d = (struct directory){.rows = NULL};
}

void directory_see(struct directory *d, const struct sink_view *view)
{
    if (view->all || view->n_changed > 0)
        d->stale = true;
}

static void put(struct directory *d, const char *name, uint32_t slot)
{
    uint64_t hash = fleet_key(name);
    size_t at = hash & (d->cap - 1);

    while (d->rows[at].slot != FLEET_NOBODY)
        at = (at + 1) & (d->cap - 1);
    d->rows[at] = (struct directory_row){.hash = hash, .slot = slot};
}

/* Labels first: the one that an operator gave counts before somebody's address. */
static bool make(struct directory *d, const struct sink_view *view)
{
    const struct fleet_snapshot *s = view->snapshot;
    const struct fleet_entry *e;
    size_t cap = 16;

    while (cap < 4 * (size_t)s->slots)
        cap *= 2;
    if (cap != d->cap) {
        struct directory_row *rows = realloc(d->rows, cap * sizeof *rows);

        if (!rows)
            return false;
        d->rows = rows;
        d->cap = cap;
    }
    for (size_t i = 0; i < cap; i++)
        d->rows[i].slot = FLEET_NOBODY;
    for (uint32_t at = 0; (e = snapshot_next(s, &at)); at++)
        put(d, fleet_text(e, FLEET_LABEL), at);
    for (uint32_t at = 0; (e = snapshot_next(s, &at)); at++)
        if (strcmp(fleet_text(e, FLEET_LABEL), fleet_text(e, FLEET_NAME)) != 0)
            put(d, fleet_text(e, FLEET_NAME), at);
    d->stale = false;
    return true;
}

uint32_t directory_find(struct directory *d, const struct sink_view *view, const char *name)
{
    uint64_t hash = fleet_key(name);

    if ((d->stale || !d->rows) && !make(d, view))
        return FLEET_NOBODY;
    for (size_t at = hash & (d->cap - 1); d->rows[at].slot != FLEET_NOBODY;
         at = (at + 1) & (d->cap - 1)) {
        const struct directory_row *row = &d->rows[at];
        const struct fleet_entry *e =
            row->hash == hash ? snapshot_at(view->snapshot, row->slot) : NULL;

        if (e && (strcmp(fleet_text(e, FLEET_LABEL), name) == 0 ||
                  strcmp(fleet_text(e, FLEET_NAME), name) == 0))
            return row->slot;
    }
    return FLEET_NOBODY;
}

uint32_t directory_of(struct directory *d, const struct sink_view *view, const char *backend,
                      const char *name)
{
    char full[2 * DIRECTORY_NAME];
    uint32_t slot;

    snprintf(full, sizeof full, "%s/%s", backend, name);
    slot = directory_find(d, view, full);
    if (slot == FLEET_NOBODY) {
        snprintf(full, sizeof full, "%s.%s", backend, name);
        slot = directory_find(d, view, full);
    }
    return slot != FLEET_NOBODY ? slot : directory_find(d, view, name);
}
