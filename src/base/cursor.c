#include "base/cursor.h"

#include <endian.h>
#include <string.h>

#include <qhcp/error.h>

void cursor_init(struct cursor *c, struct slice in)
{
    *c = (struct cursor){.p = in.p, .end = in.n > 0 ? in.p + in.n : in.p}; /* p may be NULL */
}

/* n bytes without the two bits that tell n. */
static uint64_t get(const uint8_t *p, size_t n)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;

    switch (n) {
    case 1:
        return *p & 0x3f;
    case 2:
        memcpy(&two, p, sizeof two);
        return be16toh(two) & 0x3fff;
    case 4:
        memcpy(&four, p, sizeof four);
        return be32toh(four) & 0x3fffffff;
    default:
        memcpy(&eight, p, sizeof eight);
        return be64toh(eight) & CURSOR_VARINT_MAX;
    }
}

/* ... and with them. */
static void put(uint8_t *p, size_t n, uint64_t v)
{
    uint16_t two = htobe16((uint16_t)(v | 0x4000));
    uint32_t four = htobe32((uint32_t)(v | 0x80000000));
    uint64_t eight = htobe64(v | UINT64_C(0xc000000000000000));

    switch (n) {
    case 1:
        *p = (uint8_t)v;
        break;
    case 2:
        memcpy(p, &two, sizeof two);
        break;
    case 4:
        memcpy(p, &four, sizeof four);
        break;
    default:
        memcpy(p, &eight, sizeof eight);
    }
}

uint64_t cursor_varint_long(struct cursor *c)
{
    uint64_t v;
    size_t n;

    if (c->error)
        return 0;
    if (c->p == c->end) {
        c->error = QHCP_E_TRUNCATED;
        return 0;
    }
    n = (size_t)1 << (*c->p >> 6);
    if (cursor_left(c) < n) {
        c->error = QHCP_E_TRUNCATED;
        return 0;
    }
    v = get(c->p, n);
    if (varint_size(v) != n) {
        c->error = QHCP_E_VARINT;
        return 0;
    }
    c->p += n;
    return v;
}

struct slice cursor_bytes(struct cursor *c, uint64_t n)
{
    struct slice s = {.p = c->p};

    if (c->error)
        return s;
    if (n > cursor_left(c)) {
        c->error = QHCP_E_TRUNCATED;
        return s;
    }
    s.n = (size_t)n;
    c->p += n;
    return s;
}

size_t varint_size(uint64_t v)
{
    if (v < UINT64_C(1) << 6)
        return 1;
    if (v < UINT64_C(1) << 14)
        return 2;
    if (v < UINT64_C(1) << 30)
        return 4;
    return v <= CURSOR_VARINT_MAX ? 8 : 0;
}

void writer_init(struct writer *w, uint8_t *buf, size_t cap)
{
    *w = (struct writer){.p = buf, .end = buf + cap};
}

void writer_varint_long(struct writer *w, uint64_t v)
{
    size_t n = varint_size(v);

    if (w->error)
        return;
    if (n == 0 || (size_t)(w->end - w->p) < n) {
        w->error = n == 0 ? QHCP_E_VALUE : QHCP_E_FULL;
        return;
    }
    put(w->p, n, v);
    w->p += n;
}

void writer_bytes(struct writer *w, struct slice s)
{
    if (w->error)
        return;
    if ((size_t)(w->end - w->p) < s.n) {
        w->error = QHCP_E_FULL;
        return;
    }
    if (s.n > 0)
        memcpy(w->p, s.p, s.n);
    w->p += s.n;
}
