#include "base/cursor.h"

#include <qhcp/error.h>

void cursor_init(struct cursor *c, struct slice in)
{
    *c = (struct cursor){.p = in.p, .end = in.p + in.n};
}

uint64_t cursor_varint(struct cursor *c)
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
    v = *c->p & 0x3f;
    for (size_t i = 1; i < n; i++)
        v = v << 8 | c->p[i];
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

void writer_varint(struct writer *w, uint64_t v)
{
    size_t n = varint_size(v);
    static const uint8_t prefix[] = {[1] = 0x00, [2] = 0x40, [4] = 0x80, [8] = 0xc0};

    if (w->error)
        return;
    if (n == 0 || (size_t)(w->end - w->p) < n) {
        w->error = n == 0 ? QHCP_E_VALUE : QHCP_E_FULL;
        return;
    }
    for (size_t i = n; i-- > 0; v >>= 8)
        w->p[i] = (uint8_t)v;
    w->p[0] |= prefix[n];
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
