/* What is counted of one server: the threads that forward count, and the next pick uses it.
 * Threads share it without a lock, so it stays as long as a thread may look at a fleet that names
 * it.
 *
 * A count may be a moment old.  But each load_begin must have its load_end. */
#ifndef QHCP_FLEET_LOAD_H
#define QHCP_FLEET_LOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define LOAD_LINE 64                   /* bytes of a cache line: no two servers share one */
#define LOAD_DECAY (10 * NSEC_PER_SEC) /* a latency counts this long (Finagle's default) */
#define LOAD_FIRST_LATENCY_US 30000.0f /* assumed until an answer was seen */

struct load {
    _Alignas(LOAD_LINE) _Atomic uint32_t in_flight; /* connections or requests now */
    _Atomic uint64_t latency;       /* float us << 32 | time in ms, modulo 2^32; 0: none was seen */
    _Atomic uint64_t ended, failed; /* since the start; failed is a part of ended */
};

/* Both are counted: the server, and all servers together. */
static inline void load_begin(struct load *l, struct load *all)
{
    atomic_fetch_add_explicit(&l->in_flight, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&all->in_flight, 1, memory_order_relaxed);
}

/* failed: refused, reset or timed out before it was of use.  `l` may be freed by another thread as
 * soon as this returns, and so is left last (load_idle). */
static inline void load_end(struct load *l, struct load *all, bool failed)
{
    atomic_fetch_add_explicit(&l->ended, 1, memory_order_relaxed);
    if (failed)
        atomic_fetch_add_explicit(&l->failed, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&all->in_flight, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&l->in_flight, 1, memory_order_release);
}

static inline uint32_t load_in_flight(const struct load *l)
{
    return atomic_load_explicit(&l->in_flight, memory_order_relaxed);
}

/* Nothing is in flight, and no thread uses it any more. */
static inline bool load_idle(const struct load *l)
{
    return atomic_load_explicit(&l->in_flight, memory_order_acquire) == 0;
}

/* The server took so long to answer: a slow answer counts at once and a fast one only gradually, so
 * that many fast answers to trivial requests do not outweigh a slow one (Finagle's peak EWMA). */
void load_latency(struct load *l, qhcp_nsec now, float us);

/* An answer was seen. */
static inline bool load_latency_known(const struct load *l)
{
    return atomic_load_explicit(&l->latency, memory_order_relaxed) != 0;
}

/* Its latency in microseconds.  It fades to 0, so that a server that was slow is tried again.
 * LOAD_FIRST_LATENCY_US if none was ever seen. */
float load_latency_us(const struct load *l, qhcp_nsec now);

#endif
