/* How a pair is judged (docs/protocol.md, "Decoding"): first its form - key, order of keys, value -
 * whether the key is known or not; then, for a known key, its meaning - how often, how large, what
 * is in it.  What a list lacks is found at its end. */
#include "wire/decode.h"

#include <qhcp/error.h>

struct pair {
    uint64_t key;
    uint64_t number;    /* of an even key */
    struct slice bytes; /* of an odd key */
    bool again;         /* the key is the same as the one before */
};

struct pairs {
    struct cursor c;
    uint64_t last;
    bool any;
};

static void pairs_init(struct pairs *p, struct slice in)
{
    cursor_init(&p->c, in);
    p->last = 0;
    p->any = false;
}

/* 1 with a pair, 0 at the end, or an error of the form. */
static int pairs_next(struct pairs *p, struct pair *ret)
{
    if (cursor_left(&p->c) == 0)
        return 0;
    ret->key = cursor_varint(&p->c);
    if (p->c.error)
        return p->c.error;
    if (p->any && ret->key < p->last)
        return QHCP_E_KEY_ORDER;
    ret->again = p->any && ret->key == p->last;
    p->last = ret->key;
    p->any = true;
    ret->number = cursor_varint(&p->c);
    if (ret->key & 1)
        ret->bytes = cursor_bytes(&p->c, ret->number);
    return p->c.error ? p->c.error : 1;
}

static void *member(void *base, size_t offset)
{
    return (uint8_t *)base + offset;
}

static int decode_number(const struct schema_field *f, uint64_t number, uint64_t *ret)
{
    *ret = number;
    return schema_check_number(f, number);
}

static int decode_bytes(const struct schema_field *f, struct slice bytes, struct slice *ret)
{
    *ret = bytes;
    return schema_check_bytes(f, bytes);
}

/* Metrics: an even key is twice a metric's number; an odd key is an unknown one. */
static int decode_values(struct slice in, struct wire_values *ret)
{
    struct pairs pairs;
    struct pair pair = {0};
    int r;

    if (in.n == 0)
        return QHCP_E_VALUE; /* no metrics: the key is left out */
    pairs_init(&pairs, in);
    while ((r = pairs_next(&pairs, &pair)) > 0) {
        struct wire_value *v = &ret->at[ret->count];

        if (pair.key & 1)
            continue;
        if (pair.again)
            return QHCP_E_KEY_DUPLICATE;
        if (ret->count == LIMIT_METRICS)
            return QHCP_E_TOO_MANY;
        *v = (struct wire_value){.number = pair.key / 2, .value = pair.number};
        r = schema_check_value(v);
        if (r < 0)
            return r;
        ret->count++;
    }
    return r;
}

static int decode_content(const struct schema_field *f, const struct pair *pair, void *slot)
{
    switch ((enum schema_kind)f->kind) {
    case SCHEMA_NUMBER:
        return decode_number(f, pair->number, slot);
    case SCHEMA_BYTES:
    case SCHEMA_TEXT:
    case SCHEMA_NAME:
        return decode_bytes(f, pair->bytes, slot);
    case SCHEMA_LIST:
        return decode_list(f->list, pair->bytes, slot);
    case SCHEMA_VALUES:
        return decode_values(pair->bytes, slot);
    }
    return QHCP_E_INTERNAL;
}

int decode_value(const struct schema_field *f, struct cursor *c, void *slot)
{
    struct pair pair = {.number = cursor_varint(c)};

    if (f->key & 1)
        pair.bytes = cursor_bytes(c, pair.number);
    if (f->kind == SCHEMA_VALUES)
        *(size_t *)slot = 0;
    return c->error ? c->error : decode_content(f, &pair, slot);
}

static int decode_field(const struct schema_field *f, const struct pair *pair, void *base)
{
    size_t *count = member(base, f->offset);
    int r;

    if (f->most == 0)
        return pair->again ? QHCP_E_KEY_DUPLICATE
                           : decode_content(f, pair, member(base, f->offset));
    if (*count == f->most)
        return QHCP_E_TOO_MANY;
    r = decode_content(f, pair, member(base, f->items + *count * f->stride));
    if (r == 0)
        ++*count;
    return r;
}

/* Everything the schema names becomes absent; entries of arrays are left alone, since a message is
 * kilobytes and a health check uses a few dozen bytes of it. */
static void clear(const struct schema *s, void *base)
{
    if (s->has)
        *(uint32_t *)base = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];

        if (f->most > 0 || f->kind == SCHEMA_VALUES)
            *(size_t *)member(base, f->offset) = 0;
        else if (f->kind == SCHEMA_NUMBER)
            *(uint64_t *)member(base, f->offset) = 0;
        else
            *(struct slice *)member(base, f->offset) = (struct slice){0};
    }
}

static int finish(const struct schema *s, uint32_t seen, const void *base)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->fields[i].required && !(seen & 1u << i))
            return QHCP_E_KEY_MISSING;
    return s->rule ? s->rule(base) : 0;
}

int decode_list(const struct schema *s, struct slice in, void *ret)
{
    struct pairs pairs;
    struct pair pair;
    uint32_t seen = 0;
    size_t i = 0; /* keys ascend in the bytes as in the schema: one walk over both */
    int r;

    clear(s, ret);
    pairs_init(&pairs, in);
    while ((r = pairs_next(&pairs, &pair)) > 0) {
        while (i < s->count && s->fields[i].key < pair.key)
            i++;
        if (i == s->count || s->fields[i].key != pair.key)
            continue; /* an unknown key */
        r = decode_field(&s->fields[i], &pair, ret);
        if (r < 0)
            return r;
        seen |= 1u << i;
        if (s->has)
            *(uint32_t *)ret |= s->fields[i].has;
    }
    return r < 0 ? r : finish(s, seen, ret);
}
