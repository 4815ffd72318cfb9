#include "allocator.h"

#include <stddef.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern char __executable_start, etext;

/* Seen by the libraries too, and never inlined: the return address is the caller's. */
#define INTERPOSED __attribute__((visibility("default"), noinline))
INTERPOSED void *malloc(size_t n);
INTERPOSED void *calloc(size_t n, size_t size);
INTERPOSED void *realloc(void *p, size_t n);

volatile bool allocator_counting;
volatile uint64_t allocator_ours, allocator_others, allocator_fail;

/* False: this one fails. */
static bool count(const void *caller)
{
    bool ours = (const char *)caller >= &__executable_start && (const char *)caller < &etext;

    if (allocator_counting) {
        allocator_ours += ours;
        allocator_others += !ours;
    }
    return !ours || allocator_fail == 0 || --allocator_fail > 0;
}

void *malloc(size_t n)
{
    return count(__builtin_return_address(0)) ? __libc_malloc(n) : NULL;
}

void *calloc(size_t n, size_t size)
{
    return count(__builtin_return_address(0)) ? __libc_calloc(n, size) : NULL;
}

void *realloc(void *p, size_t n)
{
    return count(__builtin_return_address(0)) ? __libc_realloc(p, n) : NULL;
}
