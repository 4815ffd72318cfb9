#include "quic/used.h"

#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#define SIZE (USED_SLOTS * sizeof(uint64_t))

void used_init(struct used *u, qhcp_nsec lifetime)
{
    *u = (struct used){.lifetime = lifetime};
}

void used_deinit(struct used *u)
{
    free(u->newer);
    free(u->older);
    *u = (struct used){0};
}

/* The newer table becomes the older one; after two lifetimes without a word both are empty. */
static void turn(struct used *u, qhcp_nsec now)
{
    uint64_t *fresh = u->older;

    if (u->newer == NULL || now - u->since < u->lifetime)
        return;
    memset(fresh, 0, SIZE);
    if (now - u->since >= 2 * u->lifetime)
        memset(u->newer, 0, SIZE);
    u->older = u->newer;
    u->newer = fresh;
    u->n = 0;
    u->since = now;
}

/* Where it is, or the free slot where it would be.  0 marks a free one. */
static size_t find(const uint64_t *table, uint64_t hash)
{
    size_t at = hash & (USED_SLOTS - 1);

    while (table[at] != 0 && table[at] != hash)
        at = (at + 1) & (USED_SLOTS - 1);
    return at;
}

bool used_has(struct used *u, qhcp_nsec now, uint64_t hash)
{
    hash |= hash == 0;
    turn(u, now);
    return u->newer != NULL &&
           (u->newer[find(u->newer, hash)] != 0 || u->older[find(u->older, hash)] != 0);
}

int used_add(struct used *u, qhcp_nsec now, uint64_t hash)
{
    size_t at;

    hash |= hash == 0;
    if (u->newer == NULL) {
        uint64_t *newer = calloc(1, SIZE), *older = calloc(1, SIZE);

        if (newer == NULL || older == NULL) {
            free(newer);
            free(older);
            return QHCP_E_NOMEM;
        }
        u->newer = newer;
        u->older = older;
        u->since = now;
    }
    turn(u, now);
    at = find(u->newer, hash);
    if (u->newer[at] == hash)
        return 0;
    if (u->n >= USED_MAX)
        return QHCP_E_FULL;
    u->newer[at] = hash;
    u->n++;
    return 0;
}
