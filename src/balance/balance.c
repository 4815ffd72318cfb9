#include "balance/balance.h"

#include <string.h>

#include "balance/algorithm.h"
#include "balance/algorithms.h"
#include "balance/plan.h"

#define TRIES 4 /* picks until one that was not tried yet is looked for in order */

#define DECLARE(name) extern const struct balance_algorithm name##_algorithm;
BALANCE_ALGORITHMS(DECLARE)
#define POINTER(name) &name##_algorithm,
static const struct balance_algorithm *const algorithms[] = {BALANCE_ALGORITHMS(POINTER) NULL};

const struct balance_algorithm *balance_at(size_t i)
{
    return i < sizeof algorithms / sizeof algorithms[0] ? algorithms[i] : NULL;
}

const struct balance_algorithm *balance_find(const char *name)
{
    for (size_t i = 0; algorithms[i]; i++)
        if (strcmp(algorithms[i]->name, name) == 0)
            return algorithms[i];
    return NULL;
}

const char *balance_name(const struct balance_algorithm *a)
{
    return a->name;
}

const char *balance_doc(const struct balance_algorithm *a)
{
    return a->doc;
}

/* The memory given, cut into pieces one after another. */
struct pieces {
    char *mem; /* NULL: only counted */
    size_t used;
};

static void *cut(struct pieces *p, size_t size)
{
    void *piece = p->mem ? p->mem + p->used : NULL;

    p->used += (size + BALANCE_ALIGN - 1) / BALANCE_ALIGN * BALANCE_ALIGN;
    return piece;
}

struct layout {
    struct balance *b;
    uint32_t *at;
    float *weight;
    struct alias *alias;
    void *table, *scratch;
    size_t size;
};

static struct layout lay_out(void *mem, const struct balance_algorithm *a, size_t n)
{
    struct pieces p = {.mem = mem};
    struct layout l = {.b = cut(&p, sizeof *l.b)};

    l.at = cut(&p, n * sizeof *l.at);
    l.weight = cut(&p, n * sizeof *l.weight);
    l.alias = a->samples ? cut(&p, n * sizeof *l.alias) : NULL;
    l.table = a->table_size ? cut(&p, a->table_size(n)) : NULL;
    l.scratch = a->samples ? cut(&p, alias_scratch(n)) : NULL;
    l.size = p.used;
    return l;
}

size_t balance_size(const struct balance_algorithm *a, size_t n)
{
    return lay_out(NULL, a, n).size;
}

static void normalize(struct balance *b)
{
    double sum = 0;

    for (size_t i = 0; i < b->n; i++)
        sum += (double)b->weight[i];
    for (size_t i = 0; i < b->n; i++)
        b->weight[i] = (float)((double)b->weight[i] / sum);
}

struct balance *balance_init(void *mem, const struct balance_algorithm *a, const struct fleet *f)
{
    struct layout l = lay_out(mem, a, f->n);
    struct balance *b = l.b;

    *b = (struct balance){.algorithm = a,
                          .fleet = f,
                          .at = l.at,
                          .weight = l.weight,
                          .alias = l.alias,
                          .table = l.table};
    b->n = plan_make(f, b->at, b->weight);
    if (b->n == 0)
        return b;
    if (a->weigh)
        a->weigh(b);
    normalize(b);
    if (b->alias)
        alias_init(b->alias, b->weight, b->n, l.scratch);
    if (b->table)
        a->table_init(b, b->table);
    return b;
}

size_t balance_planned(const struct balance *b)
{
    return b->n;
}

double balance_planned_share(const struct balance *b, size_t index)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->at[i] == index)
            return (double)b->weight[i];
    return 0.0;
}

size_t balance_worker_size(const struct balance *b)
{
    struct pieces p = {.mem = NULL};

    cut(&p, sizeof(struct balance_worker));
    cut(&p, b->algorithm->own_size ? b->algorithm->own_size(b) : 0);
    return p.used;
}

struct balance_worker *balance_worker_init(void *mem, const struct balance *b,
                                           const struct balance_worker *before, uint64_t seed)
{
    struct pieces p = {.mem = mem};
    struct balance_worker *w = cut(&p, sizeof *w);

    *w = (struct balance_worker){.balance = b, .algorithm = b->algorithm, .random = {seed}};
    if (before)
        w->random = before->random;
    if (before && before->algorithm != b->algorithm)
        before = NULL;
    if (!b->algorithm->own_size)
        return w;
    w->own = cut(&p, b->algorithm->own_size(b));
    b->algorithm->own_init(w, before);
    return w;
}

/* Whoever is left, from a random place on. */
static uint32_t any_other(struct balance_worker *w, const struct balance_request *r)
{
    const struct balance *b = w->balance;
    size_t from = prng_below(&w->random, b->n);

    for (size_t i = 0; i < b->n; i++) {
        uint32_t index = b->at[(from + i) % b->n];

        if (!balance_tried(r, index))
            return index;
    }
    return BALANCE_NONE;
}

uint32_t balance_pick(struct balance_worker *w, const struct balance_request *r)
{
    const struct balance *b = w->balance;

    if (b->n == 0)
        return BALANCE_NONE;
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t index = b->at[b->algorithm->pick(w, r)];

        if (!balance_tried(r, index))
            return index;
    }
    return any_other(w, r);
}
