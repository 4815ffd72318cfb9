/* A borrowed run of bytes: never owned, never NUL-terminated. */
#ifndef QHCP_BASE_SLICE_H
#define QHCP_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

static inline struct slice slice_of(const void *p, size_t n)
{
    return (struct slice){.p = p, .n = n};
}

/* The bytes of a C string without its NUL; NULL gives the empty slice. */
static inline struct slice slice_str(const char *s)
{
    return (struct slice){.p = (const uint8_t *)s, .n = s ? strlen(s) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Copies s as a C string into dst (cap bytes, at least 1), cut to fit. */
static inline void slice_to_cstr(struct slice s, char *dst, size_t cap)
{
    size_t n = s.n < cap - 1 ? s.n : cap - 1;

    if (n > 0)
        memcpy(dst, s.p, n);
    dst[n] = '\0';
}

#endif
