/* The writer: the next snapshot is made beside the current one, in chunks that are copied when they
 * are first changed.  What a publication replaces (chunks, texts) is `dead` with the snapshot that
 * it replaces, and goes when no snapshot that lives names it (reclaim). */
#include "fleet/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include <qhcp/error.h>

struct named {
    UT_hash_handle hh;
    bool left_out; /* of the table, for lack of memory */
    uint32_t slot;
    char name[];
};

static uint64_t coming(const struct feed *f)
{
    return feed_current(f)->version + 1;
}

const struct fleet_snapshot *feed_current(const struct feed *f)
{
    return atomic_load_explicit(&f->current, memory_order_relaxed);
}

/* Nobody sees it any more. */
static void release(struct feed *f, struct block *b)
{
    if (!b->chunk || f->n_spare == FEED_SPARE) {
        free(b);
        return;
    }
    b->next = f->spare;
    f->spare = b;
    f->n_spare++;
}

/* Nothing that is published from now on names it. */
static void retire(struct feed *f, const struct block *b)
{
    struct block *dying = (struct block *)b;

    if (b && b->born == coming(f)) { /* nobody has seen it */
        release(f, dying);
    } else if (b) {
        dying->next = f->dead;
        f->dead = dying;
    }
}

static bool is_held(struct feed *f, const struct fleet_snapshot *s)
{
    for (uint32_t i = 0, n = atomic_load(&f->n_readers); i < n; i++)
        if (atomic_load(&f->readers[i].held) == s)
            return true;
    return false;
}

/* What only this snapshot named goes with it; what the next older one names too dies with that. */
static void free_snapshot(struct feed *f, struct fleet_snapshot *s)
{
    struct block *b, *next;

    for (b = s->dead; b; b = next) {
        next = b->next;
        if (s->older && b->born <= s->older->version) {
            b->next = s->older->dead;
            s->older->dead = b;
        } else {
            release(f, b);
        }
    }
    free(s);
}

/* One of those that were released, or NULL. */
static struct block *take_spare(struct feed *f)
{
    struct block *b = f->spare;

    if (b) {
        f->spare = b->next;
        f->n_spare--;
    }
    return b;
}

static void reclaim(struct feed *f)
{
    struct fleet_snapshot *s, **link = &atomic_load(&f->current)->older;

    while ((s = *link)) {
        if (is_held(f, s)) {
            link = &s->older;
            continue;
        }
        *link = s->older;
        free_snapshot(f, s);
    }
}

static struct fleet_snapshot *make_snapshot(size_t chunks)
{
    struct fleet_snapshot *s = malloc(sizeof *s + chunks * sizeof s->chunks[0]);

    if (s)
        memset(s, 0, sizeof *s);
    return s;
}

int feed_new(size_t ring, struct feed **ret)
{
    struct feed *f = aligned_alloc(FEED_LINE, sizeof *f);
    struct fleet_snapshot *first = make_snapshot(0);
    int r;

    if (!f || !first) {
        free(f);
        free(first);
        return QHCP_E_NOMEM;
    }
    memset(f, 0, sizeof *f);
    f->wishes.fd = -1;
    for (size_t i = 0; i < FEED_READERS; i++)
        f->readers[i].wake = -1;
    first->version = 1;
    f->version = 1;
    atomic_store(&f->current, first);
    f->next = make_snapshot(0);
    r = f->next ? ring_new(ring ? ring : FLEET_RING, &f->ring) : QHCP_E_NOMEM;
    if (r == 0)
        r = wish_init(&f->wishes);
    if (r < 0) {
        feed_free(f);
        return r;
    }
    *ret = f;
    return 0;
}

static void free_entries(struct feed *f)
{
    for (size_t i = 0; i < f->next->n_chunks; i++) {
        struct fleet_chunk *c = (struct fleet_chunk *)f->next->chunks[i].chunk;

        for (size_t k = 0; k < FLEET_CHUNK; k++)
            for (unsigned t = 0; t < FLEET_TEXTS; t++)
                free((void *)c->at[k].text[t]);
        free(c);
    }
}

void feed_free(struct feed *f)
{
    struct fleet_snapshot *s;
    struct named *n, *next;

    if (!f)
        return;
    s = atomic_load(&f->current);
    s->dead = f->dead;
    for (struct fleet_snapshot *older; s; s = older) {
        older = s->older;
        free_snapshot(f, s);
    }
    while (f->spare)
        free(take_spare(f));
    if (f->next)
        free_entries(f);
    HASH_ITER(hh, f->by_name, n, next)
    {
        HASH_DEL(f->by_name, n);
        free(n);
    }
    for (size_t i = 0; i < FEED_READERS; i++) {
        free(f->readers[i].answers);
        if (f->readers[i].wake >= 0)
            close(f->readers[i].wake);
    }
    wish_deinit(&f->wishes);
    ring_free(f->ring);
    slots_deinit(&f->slots);
    free(f->next);
    free(f->dirty);
    free(f->dirty_chunks);
    free(f);
}

static void *grow(void *at, size_t n, size_t size, bool *failed)
{
    void *grown = realloc(at, n * size);

    *failed = *failed || !grown;
    return grown ? grown : at;
}

/* Room for one chunk more. */
static int reserve(struct feed *f)
{
    size_t cap = f->cap_chunks ? 2 * f->cap_chunks : 4;
    bool failed = false;

    if (f->next->n_chunks < f->cap_chunks)
        return 0;
    f->dirty = grow(f->dirty, cap, sizeof *f->dirty, &failed);
    f->dirty_chunks = grow(f->dirty_chunks, cap, sizeof *f->dirty_chunks, &failed);
    f->next = grow(f->next, 1, sizeof *f->next + cap * sizeof f->next->chunks[0], &failed);
    if (failed)
        return QHCP_E_NOMEM;
    f->cap_chunks = cap;
    return 0;
}

/* A chunk of this number that may be written: the copy of `from`, or empty. */
static struct fleet_chunk *fresh_chunk(struct feed *f, size_t at, const struct fleet_chunk *from)
{
    size_t size = (sizeof(struct fleet_chunk) + FEED_LINE - 1) / FEED_LINE * FEED_LINE;
    struct fleet_chunk *c = (struct fleet_chunk *)take_spare(f);

    if (!c)
        c = aligned_alloc(FEED_LINE, size);
    if (!c)
        return NULL;
    if (from)
        memcpy(c, from, sizeof *c);
    else
        memset(c, 0, sizeof *c);
    c->block = (struct block){.born = coming(f), .chunk = 1};
    f->next->chunks[at].chunk = c;
    f->next->chunks[at].version = c->block.born;
    if (from)
        retire(f, &from->block);
    return c;
}

static int add_chunk(struct feed *f)
{
    int r = reserve(f);

    if (r < 0 || !fresh_chunk(f, f->next->n_chunks, NULL))
        return QHCP_E_NOMEM;
    f->dirty[f->next->n_chunks++] = 0;
    return 0;
}

struct fleet_entry *feed_change(struct feed *f, uint32_t slot)
{
    size_t at = slot / FLEET_CHUNK;
    struct fleet_chunk *c = (struct fleet_chunk *)f->next->chunks[at].chunk;

    if (f->next->chunks[at].version != coming(f))
        c = fresh_chunk(f, at, c);
    if (!c)
        return NULL;
    if (f->dirty[at] == 0)
        f->dirty_chunks[f->n_dirty++] = (uint32_t)at;
    f->dirty[at] |= UINT64_C(1) << slot % FLEET_CHUNK;
    f->changed = true;
    return &c->at[slot % FLEET_CHUNK];
}

const struct fleet_entry *feed_at(const struct feed *f, uint32_t slot)
{
    return &f->next->chunks[slot / FLEET_CHUNK].chunk->at[slot % FLEET_CHUNK];
}

int feed_bytes(struct feed *f, struct fleet_entry *e, enum fleet_text which, const void *p,
               size_t n)
{
    const struct fleet_bytes *old = e->text[which];
    struct fleet_bytes *b = NULL;

    if (old ? old->n == n && memcmp(old->at, p, n) == 0 : n == 0)
        return 0;
    if (n > 0) {
        b = malloc(sizeof *b + n + 1);
        if (!b)
            return QHCP_E_NOMEM;
        b->block = (struct block){.born = coming(f)};
        b->n = n;
        memcpy(b->at, p, n);
        b->at[n] = '\0';
    }
    e->text[which] = b;
    retire(f, old ? &old->block : NULL);
    return 0;
}

int feed_text(struct feed *f, struct fleet_entry *e, enum fleet_text which, const char *words)
{
    return feed_bytes(f, e, which, words, strlen(words));
}

int feed_find(const struct feed *f, const char *name, uint32_t *ret_slot)
{
    struct named *n;

    HASH_FIND_STR(f->by_name, name, n);
    if (!n)
        return QHCP_E_NOT_FOUND;
    *ret_slot = n->slot;
    return 0;
}

static int take_slot(struct feed *f, struct named *n)
{
    size_t slot;
    int r = slots_take(&f->slots, n, &slot);

    if (r < 0)
        return r;
    while (r == 0 && slot / FLEET_CHUNK >= f->next->n_chunks)
        r = add_chunk(f);
    if (r < 0)
        slots_give_back(&f->slots, slot);
    n->slot = (uint32_t)slot;
    return r;
}

/* The entry of a new server; NULL: there is no memory. */
static struct fleet_entry *begin_entry(struct feed *f, uint32_t slot, const char *name)
{
    struct fleet_entry *e = feed_change(f, slot);

    if (!e || feed_text(f, e, FLEET_NAME, name) != 0 || feed_text(f, e, FLEET_LABEL, name) != 0)
        return NULL;
    e->key = fleet_key(name);
    e->intent.weight = e->intent.listed = 1;
    e->report.utilization = e->report.rate = FLEET_UNKNOWN;
    e->report.in_flight = e->report.latency_us = FLEET_UNKNOWN;
    return e;
}

int feed_add(struct feed *f, const char *name, uint32_t *ret_slot)
{
    size_t len = strlen(name);
    struct named *n;

    if (feed_find(f, name, ret_slot) == 0)
        return QHCP_E_EXISTS;
    n = calloc(1, sizeof *n + len + 1);
    if (!n)
        return QHCP_E_NOMEM;
    memcpy(n->name, name, len + 1);
    if (take_slot(f, n) < 0)
        goto free_name;
    HASH_ADD_STR(f->by_name, name, n);
    if (n->left_out)
        goto give_back_slot;
    if (!begin_entry(f, n->slot, name))
        goto take_name_back;
    if (n->slot >= f->next->slots)
        f->next->slots = n->slot + 1;
    *ret_slot = n->slot;
    return 0;

take_name_back:
    HASH_DEL(f->by_name, n);
give_back_slot:
    slots_give_back(&f->slots, n->slot);
free_name:
    free(n);
    return QHCP_E_NOMEM;
}

int feed_remove(struct feed *f, uint32_t slot)
{
    struct fleet_entry *e = feed_change(f, slot);
    struct named *n;

    if (!e)
        return QHCP_E_NOMEM;
    HASH_FIND_STR(f->by_name, fleet_text(e, FLEET_NAME), n);
    HASH_DEL(f->by_name, n);
    free(n);
    for (unsigned t = 0; t < FLEET_TEXTS; t++)
        retire(f, e->text[t] ? &e->text[t]->block : NULL);
    memset(e, 0, sizeof *e);
    slots_give_back(&f->slots, slot);
    return 0;
}

void feed_tell(struct feed *f, const struct fleet_change *change)
{
    f->next->seq = ring_add(f->ring, change);
    f->changed = true;
}

struct fleet_self *feed_self(struct feed *f)
{
    f->changed = true;
    return &f->next->self;
}

void feed_panic(struct feed *f, unsigned percent, enum qhcp_use use)
{
    f->panic_percent = percent;
    f->panic_use = use;
    f->changed = true;
}

/* What follows for one slot that has changed, and the counts of all. */
static void follow(struct feed *f, uint32_t slot, qhcp_nsec now, int64_t wall_ms)
{
    const struct fleet_entry *before = snapshot_at(feed_current(f), slot);
    struct fleet_entry *e = (struct fleet_entry *)feed_at(f, slot);
    struct fleet_self *self = &f->next->self;

    e->version = coming(f);
    if (before) {
        self->by_state[before->state]--;
        self->n--;
    }
    if (!e->text[FLEET_NAME])
        return;
    entry_follow(e, before, now, wall_ms);
    self->by_state[e->state]++;
    self->n++;
}

static void follow_all(struct feed *f, qhcp_nsec now, int64_t wall_ms)
{
    for (size_t i = 0; i < f->n_dirty; i++) {
        uint32_t at = f->dirty_chunks[i];

        for (uint64_t bits = f->dirty[at]; bits; bits &= bits - 1)
            follow(f, at * FLEET_CHUNK + (uint32_t)__builtin_ctzll(bits), now, wall_ms);
        f->dirty[at] = 0;
    }
    f->n_dirty = 0;
}

static int put_in_force(struct feed *f, qhcp_nsec now, int64_t wall_ms)
{
    struct fleet_snapshot *old = atomic_load(&f->current), *s = make_snapshot(f->next->n_chunks);

    if (!s)
        return QHCP_E_NOMEM;
    follow_all(f, now, wall_ms);
    f->next->self.swept = f->next->self.swept || f->next->self.by_state[QHCP_CONNECTING] == 0;
    feed_judge(f, now, wall_ms);
    f->next->version = coming(f);
    f->next->at = now;
    f->next->at_ms = wall_ms;
    memcpy(s, f->next, sizeof *s + f->next->n_chunks * sizeof s->chunks[0]);
    s->older = old;
    old->dead = f->dead;
    f->dead = NULL;
    f->changed = false;
    atomic_store(&f->current, s);
    atomic_store(&f->version, s->version);
    reclaim(f);
    return 0;
}

int feed_publish(struct feed *f, qhcp_nsec now, int64_t wall_ms)
{
    int r = 0;

    if (f->changed) {
        r = put_in_force(f, now, wall_ms);
        for (uint32_t i = 0, n = atomic_load(&f->n_readers); r == 0 && i < n; i++)
            reader_wake(&f->readers[i]);
    }
    if (r == 0)
        wish_post(f);
    return r;
}
