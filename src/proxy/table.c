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

bool table_plan(struct table *t)
{
    struct snapshot *s = atomic_exchange(&t->waiting, NULL);

    if (s)
        put_in_force(t, s);
    return s != NULL;
}

static void number(struct table *t, struct snapshot *s)
{
    s->fleet.slots = (uint32_t)t->slots;
    s->fleet.all = &t->all;
    s->version = ++t->version;
    s->freed = &t->freed;
}

int table_init(struct table *t, const struct balance_algorithm *a)
{
    struct snapshot *s = make_snapshot(0, a);

    *t = (struct table){.at = NULL};
    if (!s)
        return QHCP_E_NOMEM;
    number(t, s);
    put_in_force(t, s);
    return 0;
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
    free(t->waiting);
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

static bool reserve(struct table *t, uint32_t slot)
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

/* Nothing new is to go there. */
static void retire(struct table *t, uint32_t slot)
{
    struct entry *e = t->at[slot];

    t->at[slot] = NULL;
    t->n--;
    e->next = t->gone;
    t->gone = e;
}

static struct entry *find_or_add(struct table *t, size_t id)
{
    uint32_t slot = (uint32_t)id;
    struct entry *e;

    if (!reserve(t, slot))
        return NULL;
    if (t->at[slot] && t->at[slot]->id == id)
        return t->at[slot];
    e = aligned_alloc(LOAD_LINE, (sizeof *e + LOAD_LINE - 1) / LOAD_LINE * LOAD_LINE);
    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    e->id = id;
    if (t->at[slot])
        retire(t, slot);
    t->at[slot] = e;
    t->n++;
    return e;
}

/* Those that the newest snapshot, of n servers, does not name. */
static void retire_others(struct table *t, size_t n)
{
    for (uint32_t i = 0; i < t->slots && t->n > n; i++)
        if (t->at[i] && t->at[i]->version != t->version)
            retire(t, i);
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

    e->recent_connected = e->recent_connected * kept + (float)(connected - e->connected);
    e->recent_ended = e->recent_ended * kept + (float)(ended - e->ended);
    e->recent_failed = e->recent_failed * kept + (float)(failed - e->failed);
    e->connected = connected;
    e->ended = ended;
    e->failed = failed;
    e->errors =
        e->recent_ended < ENOUGH ? 0 : (uint32_t)(1000.0f * e->recent_failed / e->recent_ended);
    return e->errors;
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

int table_publish(struct table *t, qhcp_nsec now, const struct balance_algorithm *a,
                  const struct proxy_server *servers, size_t n, bool undecided)
{
    float passed = (float)(now - t->looked) / (float)FADE, kept = 1.0f / (1.0f + passed);
    struct snapshot *s = make_snapshot(n, a);

    if (!s)
        return QHCP_E_NOMEM;
    for (size_t i = 0; i < n; i++) {
        s->entries[i] = find_or_add(t, servers[i].id);
        if (!s->entries[i]) {
            free(s);
            return QHCP_E_NOMEM;
        }
    }
    for (size_t i = 0; i < n; i++) {
        s->entries[i]->version = t->version + 1;
        ((union qhcp_addr *)s->targets)[i] = s->entries[i]->target = servers[i].target;
        s->entries[i]->weight = servers[i].weight;
        s->entries[i]->priority = servers[i].priority;
        fill_server((struct fleet_server *)&s->fleet.servers[i], s->entries[i], &servers[i], kept);
    }
    t->looked = now;
    s->fleet.made = now;
    s->undecided = undecided;
    number(t, s);
    if (t->planned) /* one that still waits is of no use any more */
        free(atomic_exchange(&t->waiting, s));
    else
        put_in_force(t, s);
    retire_others(t, n);
    let_go(t);
    return 0;
}
