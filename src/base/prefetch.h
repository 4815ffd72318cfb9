/* Asks the processor for memory that is about to be touched.  With many servers each check touches
 * some 100 lines of memory that are in no cache: asked for one after the other they are most of
 * what it costs, asked for together they come together.  It is never more than a hint: an address
 * that leads nowhere does no harm. */
#ifndef QHCP_BASE_PREFETCH_H
#define QHCP_BASE_PREFETCH_H

#include <stddef.h>

#define PREFETCH_LINE 64

static inline void prefetch(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i += PREFETCH_LINE)
        __builtin_prefetch((const char *)p + i, 0, 2); /* to the second cache: the first is small */
}

#endif
