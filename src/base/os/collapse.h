/* Large pages for the heap.
 *
 * What a load balancer keeps of 10,000 servers is some 300 MB, of which a check touches some
 * hundred lines, in no order.  With pages of 4 kB nearly each of them also misses the processor's
 * cache of addresses, and in a virtual machine such a miss costs two look-ups.  So blocks of the
 * heap that are nearly full are moved into a large page each, by the kernel (MADV_COLLAPSE,
 * Linux 6.1).  What is empty in a block takes memory from then on: an eighth of it at most. */
#ifndef QHCP_BASE_OS_COLLAPSE_H
#define QHCP_BASE_OS_COLLAPSE_H

#include <stdbool.h>
#include <stdint.h>

#define COLLAPSE_BLOCK ((uintptr_t)2 << 20)
#define COLLAPSE_BLOCKS 8192 /* 16 GB; what is behind them stays as it is */

/* Where a walk over an area has come to.  Zeroed: it begins with the heap. */
struct collapse {
    uintptr_t at, end; /* the next block, and where the area ends; at == end: it is over */
    uintptr_t begin;   /* of the area, in every walk */
    uint64_t moved[COLLAPSE_BLOCKS / 64]; /* a bit each: not again, for each call costs all CPUs */
    bool impossible;                      /* this kernel has no such call, or forbids it */
};

/* A walk over the heap as it is now begins; or, where there is none to see, over nothing. */
void collapse_begin(struct collapse *c);
/* Moves the next block that is nearly full and was not moved: some milliseconds.  False: the walk
 * is over.  From any thread. */
bool collapse_next(struct collapse *c);

#endif
