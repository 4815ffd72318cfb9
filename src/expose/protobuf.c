#include "expose/protobuf.h"

#define NUMBER_MAX ((UINT64_C(1) << 29) - 1)

/* Up to 10 bytes of 7 bits, lowest first. */
static bool take_varint(struct slice *in, uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64 && in->n > 0; shift += 7) {
        uint8_t byte = *in->p;

        in->p++;
        in->n--;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = v;
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

/* n bytes, lowest first. */
static bool take_fixed(struct slice *in, size_t n, uint64_t *ret)
{
    uint64_t v = 0;

    if (in->n < n)
        return false;
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)in->p[i] << (8 * i);
    in->p += n;
    in->n -= n;
    *ret = v;
    return true;
}

static bool take_bytes(struct slice *in, struct slice *ret)
{
    uint64_t n;

    if (!take_varint(in, &n) || n > in->n)
        return false;
    *ret = slice_of(in->p, (size_t)n);
    in->p += n;
    in->n -= (size_t)n;
    return true;
}

static bool take_value(struct slice *in, struct protobuf_field *f)
{
    switch (f->kind) {
    case PROTOBUF_VARINT:
        return take_varint(in, &f->value);
    case PROTOBUF_FIXED64:
        return take_fixed(in, 8, &f->value);
    case PROTOBUF_BYTES:
        return take_bytes(in, &f->bytes);
    case PROTOBUF_FIXED32:
        return take_fixed(in, 4, &f->value);
    }
    return false;
}

int protobuf_next(struct slice *in, struct protobuf_field *ret)
{
    struct protobuf_field f = {.number = 0};
    uint64_t tag;

    if (in->n == 0)
        return 0;
    if (!take_varint(in, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
        return QHCP_E_PARSE;
    f.number = (uint32_t)(tag >> 3);
    f.kind = (enum protobuf_kind)(tag & 7);
    if (!take_value(in, &f))
        return QHCP_E_PARSE;
    *ret = f;
    return 1;
}

static void put_varint(struct text *t, uint64_t v)
{
    char bytes[10];
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (char)(v | 0x80);
    bytes[n++] = (char)v;
    text_bytes(t, bytes, n);
}

static void put_tag(struct text *t, uint32_t number, enum protobuf_kind kind)
{
    put_varint(t, (uint64_t)number << 3 | kind);
}

void protobuf_put_varint(struct text *t, uint32_t number, uint64_t v)
{
    put_tag(t, number, PROTOBUF_VARINT);
    put_varint(t, v);
}

void protobuf_put_double(struct text *t, uint32_t number, double v)
{
    char bytes[8];
    uint64_t bits;

    if (v == 0)
        return;
    memcpy(&bits, &v, sizeof bits); /* IEEE 754 */
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(bits >> (8 * i));
    put_tag(t, number, PROTOBUF_FIXED64);
    text_bytes(t, bytes, sizeof bytes);
}

void protobuf_put_bytes(struct text *t, uint32_t number, struct slice s)
{
    put_tag(t, number, PROTOBUF_BYTES);
    put_varint(t, s.n);
    text_bytes(t, (const char *)s.p, s.n);
}
