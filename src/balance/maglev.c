/* The same source to the same server, whatever happens to others: a table of many more entries than
 * servers, as Maglev has it (Eisenbud et al., NSDI '16, section 3.4).  And no server gets more than
 * a quarter above its part: one that has that many goes by, and the next in the table is asked
 * (bounded loads: Mirrokni, Thorup, Zadimoghaddam, SODA '18).  A few more are always allowed, or
 * the connections of one browser would be spread wherever little is in flight.
 *
 * How the table is filled is not Maglev's.  There servers take turns, so that each has just its
 * part, but one of a thousand that leaves moves entries of many others too.  Here each
 * server throws darts at the table, one after another at a pace that is its weight, always the same
 * ones; an entry belongs to whose dart hit it first.  (So it is Highest Random Weight, Thaler and
 * Ravishankar 1998, without asking every server for every entry.)  Whoever goes, comes, or gets
 * another weight moves its own entries and no others; parts are right to about a sixteenth. */
#include "balance/algorithm.h"

#define BOUND 1.25
#define BOUND_FEW 16
#define DARTS 3          /* for each entry, all together: 95 % of the entries are hit */
#define ENTRIES_EACH 256 /* at least ... */
#define ENTRIES_FEW 64   /* ... or so many, where there are more than ENTRIES_MANY */
#define ENTRIES_MANY (1u << 20)
#define WALK 4096 /* entries that are tried before any server with room */

struct maglev {
    uint32_t bits;      /* of the size */
    float *at;          /* when each entry was hit; scratch */
    uint32_t entries[]; /* places in the plan */
};

/* Of few sizes: where a list outgrows one, nearly every source moves. */
static uint32_t bits_for(size_t n)
{
    uint32_t bits = 16;

    while (((size_t)1 << bits) < n * ENTRIES_EACH && (1u << bits) < ENTRIES_MANY)
        bits += 2;
    while (((size_t)1 << bits) < n * ENTRIES_FEW)
        bits += 2;
    return bits;
}

static size_t table_size(size_t n)
{
    return sizeof(struct maglev) + ((sizeof(uint32_t) + sizeof(float)) << bits_for(n));
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    x = (x ^ (x >> 32)) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ (x >> 32);
}

static void throw_darts(const struct balance *b, struct maglev *m, uint32_t place)
{
    uint64_t key = balance_server(b, place)->key;
    double apart = 1.0 / (double)b->weight[place], end = (double)((uint64_t)DARTS << m->bits);
    double first = apart * (double)(mix(~key) >> 11) / 9007199254740992.0;

    for (double now = first; now <= end; now += apart) {
        uint32_t e;

        key += UINT64_C(0x9e3779b97f4a7c15);
        e = (uint32_t)(mix(key) >> (64 - m->bits));
        if (m->entries[e] != BALANCE_NONE && m->at[e] <= (float)now)
            continue;
        m->entries[e] = place;
        m->at[e] = (float)now;
    }
}

/* Twice round, for those after the last one that was hit. */
static void fill_gaps(struct maglev *m)
{
    uint32_t size = 1u << m->bits, owner = 0;

    for (uint32_t i = 2 * size; i-- > 0;) {
        uint32_t *e = &m->entries[i & (size - 1)];

        if (*e == BALANCE_NONE && i < size)
            *e = owner;
        else if (*e != BALANCE_NONE)
            owner = *e;
    }
}

static void table_init(const struct balance *b, void *table)
{
    struct maglev *m = table;

    m->bits = bits_for(b->fleet->n); /* not of the plan: a server that is down must not move the
                                      * others */
    m->at = (float *)(m->entries + ((size_t)1 << m->bits));
    for (uint32_t e = 0; e < 1u << m->bits; e++)
        m->entries[e] = BALANCE_NONE;
    for (uint32_t place = 0; place < b->n; place++)
        throw_darts(b, m, place);
    fill_gaps(m);
}

/* Below its bound, when this one is counted too: so much above its part of all that are in flight.
 */
static bool has_room(const struct balance *b, uint32_t place, uint32_t all)
{
    double bound = BOUND * (double)b->weight[place] * ((double)all + 1.0) + BOUND_FEW;

    return load_in_flight(balance_server(b, place)->load) < bound;
}

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    const struct balance *b = w->balance;
    const struct maglev *m = b->table;
    uint32_t all = load_in_flight(b->fleet->all), mask = (1u << m->bits) - 1;
    uint32_t first = (uint32_t)(mix(r->key) >> (64 - m->bits));

    for (uint32_t i = 0; i < WALK; i++) {
        uint32_t place = m->entries[(first + i) & mask];

        if (has_room(b, place, all) && !balance_tried(r, b->at[place]))
            return place;
    }
    for (uint32_t i = 0; i < b->n; i++)
        if (has_room(b, i, all) && !balance_tried(r, b->at[i]))
            return i;
    return m->entries[first];
}

const struct balance_algorithm maglev_algorithm = {
    .name = "maglev",
    .doc = "the same source address to the same server, and none with a quarter more than its part",
    .table_size = table_size,
    .table_init = table_init,
    .pick = pick,
};
