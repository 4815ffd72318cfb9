#include "wire/again.h"

#include "wire/decode.h"

void wire_again_forget(struct wire_again *k)
{
    k->size = 0;
}

/* The payload of one whole frame; the empty slice where there is none. */
static struct slice payload_of(struct cursor *c, uint64_t *ret_type)
{
    uint64_t length;

    *ret_type = cursor_varint(c);
    length = cursor_varint(c);
    return length == cursor_left(c) ? cursor_bytes(c, length) : slice_of(NULL, 0);
}

/* Walks the keys, which are valid, for those that vary.  False: there are too many. */
static bool find_spots(struct wire_again *k, const struct schema *s)
{
    struct cursor c;
    size_t i = 0;

    k->n_spots = 0;
    cursor_init(&c, slice_of(k->bytes, k->size));
    while (cursor_left(&c) > 0) {
        uint64_t key = cursor_varint(&c), number;
        const uint8_t *at = c.p;

        number = cursor_varint(&c);
        if (key & 1)
            (void)cursor_bytes(&c, number);
        while (i < s->count && s->fields[i].key < key)
            i++;
        if (i == s->count || s->fields[i].key != key || !s->fields[i].varies)
            continue;
        if (k->n_spots == WIRE_AGAIN_SPOTS)
            return false;
        k->spots[k->n_spots++] =
            (struct wire_again_spot){(uint8_t)i, (uint8_t)(at - k->bytes), (uint8_t)(c.p - at)};
    }
    return true;
}

void wire_again_keep(struct wire_again *k, const uint8_t *p, size_t n)
{
    const struct schema *schema;
    struct slice payload;
    struct cursor c;
    uint64_t type;

    cursor_init(&c, slice_of(p, n));
    payload = payload_of(&c, &type);
    schema = schema_by_type(type);
    wire_again_forget(k);
    if (!schema || payload.n == 0 || payload.n > WIRE_AGAIN_MAX)
        return;
    k->type = (uint8_t)type;
    k->size = (uint8_t)payload.n;
    memcpy(k->bytes, payload.p, payload.n);
    if (!find_spots(k, schema))
        wire_again_forget(k);
}

static bool takes(struct cursor *c, const uint8_t *same, size_t n)
{
    if (cursor_left(c) < n || memcmp(c->p, same, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* Metrics: as they were, with other values, or not valid. */
static enum wire_repeats take_values(struct cursor *c, const struct schema_field *f,
                                     const uint8_t *same, size_t n, void *slot)
{
    if (takes(c, same, n))
        return WIRE_SAME;
    return decode_value(f, c, slot) == 0 ? WIRE_VALUES : WIRE_NEW;
}

static enum wire_repeats take_spot(struct cursor *c, const struct schema_field *f,
                                   const uint8_t *same, size_t n, struct wire_message *ret)
{
    void *slot = (uint8_t *)ret + WIRE_BODY + f->offset;

    if (f->kind == SCHEMA_VALUES)
        return take_values(c, f, same, n, slot);
    return decode_value(f, c, slot) == 0 ? WIRE_SAME : WIRE_NEW;
}

enum wire_repeats wire_again(struct wire_again *k, const uint8_t *p, size_t n,
                             struct wire_message *ret)
{
    const struct schema *schema = schema_by_type(k->type);
    enum wire_repeats repeats = WIRE_SAME;
    struct slice payload;
    struct cursor c;
    size_t at = 0;

    cursor_init(&c, slice_of(p, n));
    payload = payload_of(&c, &ret->type);
    if (k->size == 0 || ret->type != k->type)
        return WIRE_NEW;
    cursor_init(&c, payload);
    for (size_t i = 0; i < k->n_spots; i++) {
        const struct wire_again_spot *spot = &k->spots[i];
        enum wire_repeats found;

        if (!takes(&c, k->bytes + at, spot->at - at))
            return WIRE_NEW;
        found = take_spot(&c, &schema->fields[spot->field], k->bytes + spot->at, spot->size, ret);
        if (found == WIRE_NEW)
            return WIRE_NEW;
        repeats = found == WIRE_VALUES ? found : repeats;
        at = (size_t)spot->at + spot->size;
    }
    if (!takes(&c, k->bytes + at, k->size - at) || cursor_left(&c) > 0)
        return WIRE_NEW;
    if (repeats == WIRE_VALUES)
        wire_again_keep(k, p, n);
    return repeats;
}
