/* Bounds-checked reading and writing of bytes, with a sticky error: call any number of operations,
 * look at `error` once.  Varints are QUIC's (RFC 9000, 16), and only the shortest form is valid. */
#ifndef QHCP_BASE_CURSOR_H
#define QHCP_BASE_CURSOR_H

#include "base/slice.h"

#define CURSOR_VARINT_MAX ((UINT64_C(1) << 62) - 1)

struct cursor {
    const uint8_t *p, *end;
    int error; /* 0, or the first QHCP_E_TRUNCATED / QHCP_E_VARINT */
};

void cursor_init(struct cursor *c, struct slice in);
static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}
/* All varints; cursor_varint takes those of one byte, which nearly all are, by itself. */
uint64_t cursor_varint_long(struct cursor *c);
/* 0 after an error. */
static inline uint64_t cursor_varint(struct cursor *c)
{
    if (!c->error && c->p < c->end && *c->p < 0x40)
        return *c->p++;
    return cursor_varint_long(c);
}
/* n bytes; the empty slice after an error. */
struct slice cursor_bytes(struct cursor *c, uint64_t n);

struct writer {
    uint8_t *p, *end;
    int error; /* 0, or QHCP_E_FULL / QHCP_E_VALUE (a number over 2^62-1) */
};

void writer_init(struct writer *w, uint8_t *buf, size_t cap);
/* As with the cursor. */
void writer_varint_long(struct writer *w, uint64_t v);
static inline void writer_varint(struct writer *w, uint64_t v)
{
    if (!w->error && w->p < w->end && v < 0x40)
        *w->p++ = (uint8_t)v;
    else
        writer_varint_long(w, v);
}
void writer_bytes(struct writer *w, struct slice s);
/* 1, 2, 4 or 8; 0 for a number too large. */
size_t varint_size(uint64_t v);

#endif
