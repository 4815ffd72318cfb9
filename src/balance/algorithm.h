/* An algorithm, from the inside.  A new one is one file with a `struct balance_algorithm` and one
 * row in meson.build. */
#ifndef QHCP_BALANCE_ALGORITHM_H
#define QHCP_BALANCE_ALGORITHM_H

#include "balance/alias.h"
#include "balance/balance.h"
#include "base/prng.h"

/* The servers that get traffic, by their place in the plan, 0 to n-1. */
struct balance {
    const struct balance_algorithm *algorithm;
    const struct fleet *fleet;
    size_t n;
    uint32_t *at;        /* index in fleet->servers, ascending */
    float *weight;       /* of the traffic, 1 in all */
    struct alias *alias; /* for algorithms that sample; else NULL */
    void *table;         /* the algorithm's, table_size bytes; else NULL */
};

struct balance_worker {
    const struct balance *balance;
    const struct balance_algorithm *algorithm;
    struct prng random;
    void *own; /* the algorithm's, own_size bytes */
};

struct balance_algorithm {
    const char *name;
    const char *doc; /* one line for users */
    bool samples;    /* it draws by the plan's weights: balance->alias is made */

    /* NULL, or: changes the plan's weights (any sum but 0; none below 0). */
    void (*weigh)(struct balance *b);
    /* NULL, or: bytes of a table for n servers, and what is in it. */
    size_t (*table_size)(size_t n);
    void (*table_init)(const struct balance *b, void *table);
    /* NULL, or: bytes that a thread needs for itself, and what is in them at first.  before may be
     * NULL; when it is not, it is of the same algorithm, but its balance may be gone: only its
     * `own` counts. */
    size_t (*own_size)(const struct balance *b);
    void (*own_init)(struct balance_worker *w, const struct balance_worker *before);
    /* A place in the plan, which is not empty.  May ignore r->tried: then it is asked again. */
    uint32_t (*pick)(struct balance_worker *w, const struct balance_request *r);
};

static inline const struct fleet_server *balance_server(const struct balance *b, uint32_t place)
{
    return &b->fleet->servers[b->at[place]];
}

static inline bool balance_tried(const struct balance_request *r, uint32_t index)
{
    for (size_t i = 0; i < r->n_tried; i++)
        if (r->tried[i] == index)
            return true;
    return false;
}

/* One place by the plan's weights. */
static inline uint32_t balance_draw(struct balance_worker *w)
{
    return alias_draw(w->balance->alias, w->balance->n, prng_next(&w->random));
}

#endif
