#include "wire/encode.h"

#include <qhcp/error.h>

static const void *member(const void *base, size_t offset)
{
    return (const uint8_t *)base + offset;
}

uint8_t *encode_reserve(struct writer *w)
{
    uint8_t *start = w->p;

    writer_varint(w, 0);
    return start;
}

int encode_length(struct writer *w, uint8_t *start)
{
    size_t n, extra;

    if (w->error)
        return w->error;
    n = (size_t)(w->p - start) - 1;
    if (n < 0x40) { /* a varint of one byte */
        *start = (uint8_t)n;
        return 0;
    }
    extra = varint_size(n) - 1;
    if ((size_t)(w->end - w->p) < extra)
        return w->error = QHCP_E_FULL;
    if (extra > 0)
        memmove(start + 1 + extra, start + 1, n);
    w->p = start;
    writer_varint(w, n);
    w->p += n;
    return w->error;
}

static int encode_values(const struct wire_values *values, struct writer *w)
{
    uint64_t last = 0;

    if (values->count > LIMIT_METRICS)
        return QHCP_E_TOO_MANY;
    for (size_t i = 0; i < values->count; i++) {
        const struct wire_value *v = &values->at[i];
        int r = schema_check_value(v);

        if (r < 0)
            return r;
        if (v->number <= last)
            return v->number == last ? QHCP_E_KEY_DUPLICATE : QHCP_E_KEY_ORDER;
        last = v->number;
        writer_varint(w, v->number * 2);
        writer_varint(w, v->value);
    }
    return w->error;
}

static int encode_number(const struct schema_field *f, uint64_t number, struct writer *w)
{
    int r = schema_check_number(f, number);

    if (r < 0)
        return r;
    writer_varint(w, number);
    return w->error;
}

static int encode_bytes(const struct schema_field *f, struct slice s, struct writer *w)
{
    int r = schema_check_bytes(f, s);

    if (r < 0)
        return r;
    writer_varint(w, s.n);
    writer_bytes(w, s);
    return w->error;
}

static int encode_nested(const struct schema_field *f, const void *slot, struct writer *w)
{
    uint8_t *start = encode_reserve(w);
    int r = f->kind == SCHEMA_LIST ? encode_list(f->list, slot, w) : encode_values(slot, w);

    return r < 0 ? r : encode_length(w, start);
}

static int encode_pair(const struct schema_field *f, const void *slot, struct writer *w)
{
    writer_varint(w, f->key);
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_NUMBER:
        return encode_number(f, *(const uint64_t *)slot, w);
    case SCHEMA_BYTES:
    case SCHEMA_TEXT:
    case SCHEMA_NAME:
        return encode_bytes(f, *(const struct slice *)slot, w);
    case SCHEMA_LIST:
    case SCHEMA_VALUES:
        return encode_nested(f, slot, w);
    }
    return QHCP_E_INTERNAL;
}

static bool present(const struct schema *s, const struct schema_field *f, const void *base)
{
    if (f->has)
        return s->has && *(const uint32_t *)base & f->has;
    if (f->required || f->most > 0)
        return true;
    if (f->kind == SCHEMA_NUMBER)
        return *(const uint64_t *)member(base, f->offset) != 0;
    if (f->kind == SCHEMA_VALUES)
        return *(const size_t *)member(base, f->offset) != 0;
    return ((const struct slice *)member(base, f->offset))->n != 0;
}

static int encode_field(const struct schema_field *f, const void *base, struct writer *w)
{
    size_t count;
    int r = 0;

    if (f->most == 0)
        return encode_pair(f, member(base, f->offset), w);
    count = *(const size_t *)member(base, f->offset);
    if (count > f->most)
        return QHCP_E_TOO_MANY;
    for (size_t i = 0; i < count && r == 0; i++)
        r = encode_pair(f, member(base, f->items + i * f->stride), w);
    return r;
}

int encode_list(const struct schema *s, const void *message, struct writer *w)
{
    int r = 0;

    for (size_t i = 0; i < s->count && r == 0; i++)
        if (present(s, &s->fields[i], message))
            r = encode_field(&s->fields[i], message, w);
    return r == 0 && s->rule ? s->rule(message) : r;
}
