#include "proxy/places.h"

static bool take(struct places *p)
{
    size_t taken = atomic_load(&p->taken);

    while (taken < p->most)
        if (atomic_compare_exchange_weak(&p->taken, &taken, taken + 1))
            return true;
    return false;
}

/* Once more after the bit is set: a place that was given back in between wakes no thread. */
bool places_take(struct places *p, unsigned thread)
{
    uint64_t bit = UINT64_C(1) << thread;

    if (take(p))
        return true;
    atomic_fetch_or(&p->waiting, bit);
    if (!take(p))
        return false;
    atomic_fetch_and(&p->waiting, ~bit);
    return true;
}

void places_give_back(struct places *p)
{
    uint64_t waiting;

    atomic_fetch_sub(&p->taken, 1);
    if (atomic_load(&p->waiting) == 0)
        return;
    waiting = atomic_exchange(&p->waiting, 0);
    for (unsigned i = 0; waiting >> i; i++) {
        if (waiting >> i & 1)
            p->wake(p->ctx, i);
        if (i == 63)
            break;
    }
}

bool places_waits(const struct places *p, unsigned thread)
{
    return atomic_load(&p->waiting) >> thread & 1;
}
