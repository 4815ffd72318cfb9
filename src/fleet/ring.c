/* A place of the ring has a number beside it, which is 0 while the place is written.  Every word is
 * an atomic of its own: a reader that meets a word of the next round meets the number's change too
 * (store release, load acquire), and drops what it has read. */
#include "fleet/ring.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#define WORDS (sizeof(struct fleet_change) / sizeof(uint64_t))
static_assert(sizeof(struct fleet_change) % sizeof(uint64_t) == 0, "a change is whole words");

struct place {
    _Atomic uint64_t seq;
    _Atomic uint64_t words[WORDS];
};

struct ring {
    uint64_t last; /* the writer's */
    size_t n;
    struct place at[];
};

const char *ring_kind_name(enum fleet_kind kind)
{
    static const char *const names[FLEET_KINDS] = {
        [FLEET_ADDED] = "added",   [FLEET_REMOVED] = "removed", [FLEET_STATE] = "state",
        [FLEET_INTENT] = "intent", [FLEET_SESSION] = "session", [FLEET_NOTICED] = "notice",
        [FLEET_PANIC] = "panic",   [FLEET_LISTED] = "listed",   [FLEET_CONFIG] = "config",
        [FLEET_BRAKE] = "brake",
    };

    return (unsigned)kind < FLEET_KINDS ? names[kind] : "unknown";
}

int ring_new(size_t n, struct ring **ret)
{
    struct ring *r = calloc(1, sizeof *r + n * sizeof r->at[0]);

    assert(n > 0 && (n & (n - 1)) == 0);
    if (!r)
        return QHCP_E_NOMEM;
    r->n = n;
    *ret = r;
    return 0;
}

void ring_free(struct ring *r)
{
    free(r);
}

uint64_t ring_add(struct ring *r, const struct fleet_change *change)
{
    struct fleet_change copy = *change;
    uint64_t words[WORDS];
    struct place *p;

    copy.seq = ++r->last;
    memcpy(words, &copy, sizeof words);
    p = &r->at[copy.seq & (r->n - 1)];
    atomic_store_explicit(&p->seq, 0, memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&p->words[i], words[i], memory_order_release);
    atomic_store_explicit(&p->seq, copy.seq, memory_order_release);
    return copy.seq;
}

bool ring_get(const struct ring *r, uint64_t seq, struct fleet_change *ret)
{
    const struct place *p = &r->at[seq & (r->n - 1)];
    uint64_t words[WORDS];

    if (atomic_load_explicit(&p->seq, memory_order_acquire) != seq)
        return false;
    for (size_t i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&p->words[i], memory_order_acquire);
    if (atomic_load_explicit(&p->seq, memory_order_relaxed) != seq)
        return false;
    memcpy(ret, words, sizeof *ret);
    return true;
}
