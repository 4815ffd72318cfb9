/* Places for connections: as many as there are at once, among all threads, and not one more.
 *
 * A thread that finds no place stops accepting. A thread that gives one back wakes every thread
 * that waits, since the client that waits longest may be at any of their listening sockets. */
#ifndef QHCP_PROXY_PLACES_H
#define QHCP_PROXY_PLACES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fleet/load.h"

struct places {
    _Alignas(LOAD_LINE) _Atomic size_t taken;
    _Atomic uint64_t waiting; /* a bit for each thread */
    size_t most;
    void *ctx;
    void (*wake)(void *ctx, unsigned thread); /* in the thread that gives a place back */
};

/* False: there is none, and this thread (below 64) will be woken when there is. */
bool places_take(struct places *p, unsigned thread);
void places_give_back(struct places *p);
/* It was promised to be woken, and has not been yet. */
bool places_waits(const struct places *p, unsigned thread);

#endif
