#include "proxy/table.h"

#include <stdlib.h>
#include <string.h>

#define FADE (10 * NSEC_PER_SEC) /* failures count this long */
#define FIRST_SLOTS 16
#define ENOUGH 5.0f /* recent connections, before their failures count */

static void free_snapshot(struct rcu_head *head)
{
    struct snapshot *s = caa_container_of(head, struct snapshot, rcu);

    atomic_store_explicit(s->freed, s->version,
                          memory_order_release); /* they come in their order */
    free(s);
}

static size_t rounded(size_t size)
{
    return (size + BALANCE_ALIGN - 1) / BALANCE_ALIGN * BALANCE_ALIGN;
}

/* All of it in one piece. */
static struct snapshot *make_snapshot(size_t n, const struct balance_algorithm *a)
{
    size_t entries = rounded(sizeof(struct snapshot)), targets, servers, balance, size;
    struct snapshot *s;
    char *mem;

    targets = entries + rounded(n * sizeof(struct entry *));
    servers = targets + rounded(n * sizeof(union qhcp_addr));
    balance = servers + rounded(n * sizeof(struct fleet_server));
    size = balance + rounded(balance_size(a, n));
    mem = aligned_alloc(BALANCE_ALIGN, size);
    if (!mem)
        return NULL;
    s = (struct snapshot *)mem;
    *s = (struct snapshot){.entries = (struct entry **)(mem + entries),
                           .targets = (union qhcp_addr *)(mem + targets),
                           .balance = (struct balance *)(mem + balance)};
    s->fleet.servers = (struct fleet_server *)(mem + servers);
    s->fleet.n = n;
    s->algorithm = a;
    return s;
}

/* Its plan is made, and threads see it. */
static void put_in_force(struct table *t, struct snapshot *s)
{
    struct snapshot *old = atomic_load(&t->current);

    s->balance = balance_init(s->balance, s->algorithm, &s->fleet);
    atomic_store(&t->current, s);
    atomic_store(&t->in_force, s->version);
    if (old)
        call_rcu(&old->rcu, free_snapshot);
}

int table_init(struct table *t, const struct balance_algorithm *a)
{
    struct snapshot *s = make_snapshot(0, a);

    *t = (struct table){.at = NULL};
    if (!s)
        return QHCP_E_NOMEM;
    s->version = ++t->version;
    s->fleet.all = &t->all;
    s->freed = &t->freed;
    put_in_force(t, s);
    return 0;
}

static void free_order(struct order *o)
{
    if (o)
        free(o->rows);
    free(o);
}

void table_deinit(struct table *t)
{
    struct entry *e, *next;

    rcu_barrier();
    for (size_t i = 0; i < t->slots; i++)
        free(t->at[i]);
    for (e = t->gone; e; e = next) {
        next = e->next;
        free(e);
    }
    free(t->at);
    free(t->of);
    free_order(t->waiting);
    free(t->rows);
    free(t->entries);
    free(t->current);
}

struct entry *table_find(const struct table *t, size_t id)
{
    uint32_t slot = (uint32_t)id;
    struct entry *e = slot < t->slots ? t->at[slot] : NULL;

    if (e && e->id == id)
        return e;
    for (e = t->gone; e && e->id != id; e = e->next) {
    }
    return e;
}

static bool reserve_slot(struct table *t, uint32_t slot)
{
    size_t n = t->slots ? t->slots : FIRST_SLOTS;
    struct entry **grown;

    if (slot < t->slots)
        return true;
    while (n <= slot)
        n *= 2;
    grown = realloc(t->at, n * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + t->slots, 0, (n - t->slots) * sizeof *grown);
    t->at = grown;
    t->slots = n;
    return true;
}

static bool reserve_places(struct table *t, size_t n)
{
    size_t cap = t->cap ? t->cap : FIRST_SLOTS;
    struct entry **grown;

    if (n <= t->cap)
        return true;
    while (cap < n)
        cap *= 2;
    grown = realloc(t->of, cap * sizeof *grown);
    if (!grown)
        return false;
    t->of = grown;
    t->cap = cap;
    return true;
}

/* Nothing new is to go there. */
static void retire(struct table *t, struct entry *e)
{
    uint32_t slot = (uint32_t)e->id;

    if (t->at[slot] != e)
        return;
    t->at[slot] = NULL;
    e->version = t->version;
    e->next = t->gone;
    t->gone = e;
}

static struct entry *find_or_add(struct table *t, size_t id)
{
    uint32_t slot = (uint32_t)id;
    struct entry *e;

    if (!reserve_slot(t, slot))
        return NULL;
    if (t->at[slot] && t->at[slot]->id == id)
        return t->at[slot];
    e = aligned_alloc(LOAD_LINE, (sizeof *e + LOAD_LINE - 1) / LOAD_LINE * LOAD_LINE);
    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    e->id = id;
    e->place = SIZE_MAX;
    if (t->at[slot])
        retire(t, t->at[slot]);
    t->at[slot] = e;
    return e;
}

/* Those that no snapshot names any more go once their last connection has. */
static void let_go(struct table *t)
{
    uint64_t freed = atomic_load_explicit(&t->freed, memory_order_acquire);
    struct entry *e, **link = &t->gone;

    while ((e = *link)) {
        if (e->version > freed || !load_idle(&e->load)) {
            link = &e->next;
            continue;
        }
        *link = e->next;
        free(e);
    }
}

/* Recent failures in permille: the counts fade, so that old failures count little. */
static uint32_t look_at_counts(struct entry *e, float kept)
{
    uint64_t ended = atomic_load_explicit(&e->load.ended, memory_order_relaxed);
    uint64_t connected = atomic_load_explicit(&e->connects, memory_order_relaxed);
    uint64_t failed = atomic_load_explicit(&e->load.failed, memory_order_relaxed);
    uint32_t errors;

    e->recent_connected = e->recent_connected * kept + (float)(connected - e->connected);
    e->recent_ended = e->recent_ended * kept + (float)(ended - e->ended);
    e->recent_failed = e->recent_failed * kept + (float)(failed - e->failed);
    e->connected = connected;
    e->ended = ended;
    e->failed = failed;
    errors =
        e->recent_ended < ENOUGH ? 0 : (uint32_t)(1000.0f * e->recent_failed / e->recent_ended);
    atomic_store_explicit(&e->errors, errors, memory_order_relaxed);
    return errors;
}

/* Connections a second that we give it, in thousandths. */
static uint32_t own_rate(const struct entry *e)
{
    return (uint32_t)(e->recent_connected * 1000.0f / ((float)FADE / (float)NSEC_PER_SEC));
}

/* Its report may be older than this table: ours at that time go with it. */
static void look_at_report(struct entry *e, uint64_t report)
{
    if (report == e->report)
        return;
    e->report = report;
    e->reported_ours = load_in_flight(&e->load);
}

static void fill_server(struct fleet_server *f, struct entry *e, const struct proxy_server *s,
                        float kept)
{
    uint32_t errors = look_at_counts(e, kept);

    look_at_report(e, s->report);
    *f = (struct fleet_server){.load = &e->load,
                               .key = s->key,
                               .slot = (uint32_t)e->id,
                               .weight = s->weight,
                               .share = s->share,
                               .priority = s->priority,
                               .degraded = s->degraded,
                               .utilization = s->utilization,
                               .rate = s->rate != FLEET_UNKNOWN ? s->rate : own_rate(e),
                               .errors = errors,
                               .in_flight = s->in_flight,
                               .in_flight_ours = e->reported_ours,
                               .latency_us = s->latency_us};
}

/* Room for so many rows more. */
static bool reserve_order(struct order *o, size_t more)
{
    size_t cap = o->cap ? o->cap : FIRST_SLOTS;
    struct order_row *grown;

    if (o->n_rows + more <= o->cap)
        return true;
    while (cap < o->n_rows + more)
        cap *= 2;
    grown = realloc(o->rows, cap * sizeof *grown);
    if (!grown)
        return false;
    o->rows = grown;
    o->cap = cap;
    return true;
}

static bool add_row(struct table *t, struct order *o, const struct proxy_server *row, size_t place)
{
    struct entry *e = find_or_add(t, row->id);

    if (!e || !reserve_order(o, 1))
        return false;
    o->rows[o->n_rows] = (struct order_row){.place = place, .entry = e, .row = *row};
    o->rows[o->n_rows++].row.name = NULL; /* which may not live as long */
    return true;
}

/* Those of them that have changed; false: there is no memory. */
static bool add_rows(struct table *t, struct order *o, const struct proxy_rows *rows)
{
    if (!rows->changed) {
        for (size_t i = 0; i < rows->n; i++)
            if (!add_row(t, o, &rows->at[i], i))
                return false;
        return true;
    }
    for (size_t word = 0; word * 64 < rows->n; word++)
        for (uint64_t bits = rows->changed[word]; bits; bits &= bits - 1) {
            size_t i = word * 64 + (size_t)__builtin_ctzll(bits);

            if (i < rows->n && !add_row(t, o, &rows->at[i], i))
                return false;
        }
    return true;
}

static void lose_place(struct table *t, struct entry *e, struct entry **lost)
{
    e->place = SIZE_MAX; /* unless it comes to another one */
    if (t->at[(uint32_t)e->id] != e)
        return; /* another one has its slot: it is retired already */
    e->next = *lost;
    *lost = e;
}

/* The entries of these rows come to their places; those that have none then are retired. */
static void take_places(struct table *t, const struct order *o, size_t from, size_t n)
{
    struct entry *lost = NULL, *e;

    for (size_t i = n; i < t->n; i++)
        lose_place(t, t->of[i], &lost);
    for (size_t i = from; i < o->n_rows; i++) {
        const struct order_row *r = &o->rows[i];
        struct entry *old = r->place < t->n ? t->of[r->place] : NULL;

        if (old && old != r->entry && old->place == r->place)
            lose_place(t, old, &lost);
        t->of[r->place] = r->entry;
        r->entry->place = r->place;
        r->entry->target = r->row.target;
        r->entry->weight = r->row.weight;
        r->entry->priority = r->row.priority;
    }
    while ((e = lost)) {
        lost = e->next;
        if (e->place == SIZE_MAX)
            retire(t, e);
    }
    t->n = n;
}

/* The order that waits, with what is new in it, or all of it; NULL: there is no memory. */
static struct order *prepare(struct table *t, const struct proxy_rows *rows, size_t *ret_from)
{
    struct order *o = atomic_exchange(&t->waiting, NULL);
    struct proxy_rows news = *rows;
    bool whole = atomic_exchange(&t->lacks, false);

    if (!o)
        o = calloc(1, sizeof *o);
    if (o && (whole || o->n_rows > 2 * rows->n + FIRST_SLOTS)) {
        news.changed = NULL;
        o->n_rows = 0;
    }
    *ret_from = o ? o->n_rows : 0;
    if (o && reserve_places(t, rows->n) && add_rows(t, o, &news))
        return o;
    atomic_store(&t->lacks, true); /* what waited is lost, too */
    free_order(o);
    return NULL;
}

int table_publish(struct table *t, qhcp_nsec now, const struct balance_algorithm *a,
                  const struct proxy_rows *rows)
{
    size_t from;
    struct order *o = prepare(t, rows, &from);

    if (!o)
        return QHCP_E_NOMEM;
    take_places(t, o, from, rows->n);
    o->n = rows->n;
    o->slots = t->slots;
    o->algorithm = a;
    o->undecided = rows->undecided;
    o->now = now;
    o->version = ++t->version;
    atomic_store(&t->waiting, o);
    if (!t->planned && !table_plan(t))
        return QHCP_E_NOMEM;
    let_go(t);
    return 0;
}

static bool reserve_rows(struct table *t, size_t n)
{
    size_t cap = t->cap_rows ? t->cap_rows : FIRST_SLOTS;
    struct proxy_server *rows;
    struct entry **entries;

    if (n <= t->cap_rows)
        return true;
    while (cap < n)
        cap *= 2;
    if ((rows = realloc(t->rows, cap * sizeof *rows)))
        t->rows = rows;
    if ((entries = realloc(t->entries, cap * sizeof *entries)))
        t->entries = entries;
    if (!rows || !entries)
        return false;
    t->cap_rows = cap;
    return true;
}

static bool apply(struct table *t, const struct order *o)
{
    if (!reserve_rows(t, o->n))
        return false;
    for (size_t i = 0; i < o->n_rows; i++) {
        const struct order_row *r = &o->rows[i];

        if (r->place >= o->n)
            continue; /* it was there for a moment */
        t->rows[r->place] = r->row;
        t->entries[r->place] = r->entry;
    }
    return true;
}

static void fill(struct table *t, const struct order *o, struct snapshot *s)
{
    float passed = (float)(o->now - t->looked) / (float)FADE, kept = 1.0f / (1.0f + passed);

    for (size_t i = 0; i < o->n; i++) {
        s->entries[i] = t->entries[i];
        ((union qhcp_addr *)s->targets)[i] = t->rows[i].target;
        fill_server((struct fleet_server *)&s->fleet.servers[i], s->entries[i], &t->rows[i], kept);
    }
    t->looked = o->now;
    s->fleet.made = o->now;
    s->fleet.slots = (uint32_t)o->slots;
    s->fleet.all = &t->all;
    s->undecided = o->undecided;
    s->version = o->version;
    s->freed = &t->freed;
}

bool table_plan(struct table *t)
{
    struct order *o = atomic_exchange(&t->waiting, NULL);
    struct snapshot *s = NULL;

    if (!o)
        return false;
    if (apply(t, o))
        s = make_snapshot(o->n, o->algorithm);
    if (s) {
        fill(t, o, s);
        put_in_force(t, s);
    } else {
        atomic_store(&t->lacks, true);
    }
    free_order(o);
    return s != NULL;
}
