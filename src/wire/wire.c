/* Frames: type, length, payload.  What is inside a payload is schema.c's tables; how it is read and
 * written is decode.c and encode.c.  Nothing here or there knows a clock, a socket or the heap, and
 * nothing reads a byte that the cursor did not hand out. */
#include "wire/wire.h"

#include <qhcp/error.h>

#include "base/cursor.h"
#include "wire/decode.h"
#include "wire/encode.h"

/* Reads a frame's header: 0, QHCP_E_TRUNCATED, QHCP_E_VARINT, QHCP_E_TOO_LARGE.  *ret_type is set
 * as soon as it is known. */
static int header(struct cursor *c, uint64_t *ret_type, uint64_t *ret_length)
{
    uint64_t type = cursor_varint(c);

    if (c->error)
        return c->error;
    *ret_type = type;
    *ret_length = cursor_varint(c);
    if (c->error)
        return c->error;
    return *ret_length > LIMIT_FRAME_PAYLOAD ? QHCP_E_TOO_LARGE : 0;
}

int wire_peek(const uint8_t *p, size_t n, uint64_t *ret_type, size_t *ret_total)
{
    struct cursor c;
    uint64_t type = 0, length = 0;
    int r;

    cursor_init(&c, slice_of(p, n));
    r = header(&c, &type, &length);
    if (r < 0)
        return r == QHCP_E_TRUNCATED ? QHCP_E_PARTIAL : r;
    *ret_type = type;
    *ret_total = (size_t)(c.p - p) + (size_t)length;
    return 0;
}

int wire_decode(const uint8_t *p, size_t n, struct wire_message *ret, uint64_t *ret_type)
{
    struct cursor c;
    const struct schema *schema;
    uint64_t type = 0, length = 0;
    struct slice payload;
    int r;

    cursor_init(&c, slice_of(p, n));
    r = header(&c, &type, &length);
    if (ret_type)
        *ret_type = type;
    if (r < 0)
        return r;
    payload = cursor_bytes(&c, length);
    if (c.error)
        return c.error;
    if (cursor_left(&c) > 0)
        return QHCP_E_LEFT_OVER;
    ret->type = type;
    schema = schema_by_type(type);
    return schema ? decode_list(schema, payload, (uint8_t *)ret + WIRE_BODY) : 0;
}

int wire_encode(const struct wire_message *m, uint8_t *buf, size_t cap)
{
    const struct schema *schema = schema_by_type(m->type);
    struct writer w;
    uint8_t *start;
    int r;

    if (!schema)
        return QHCP_E_VALUE;
    writer_init(&w, buf, cap);
    writer_varint(&w, m->type);
    start = encode_reserve(&w);
    r = encode_list(schema, (const uint8_t *)m + WIRE_BODY, &w);
    if (r < 0)
        return r;
    r = encode_length(&w, start); /* within LIMIT_FRAME_PAYLOAD: the rows' limits see to it */
    return r < 0 ? r : (int)(w.p - buf);
}

const char *wire_type_name(uint64_t type)
{
    const struct schema *schema = schema_by_type(type);

    return schema ? schema->name : "frame";
}
