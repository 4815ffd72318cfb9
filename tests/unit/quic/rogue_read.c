/* What the rogue peer reads: packets, and of their frames as much as it takes to go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "rogue.h"

/* Of any length: only the cursor's owner, QHCP, demands the shortest (RFC 9000, 16). */
static uint64_t number_of(struct cursor *c)
{
    struct slice first = cursor_bytes(c, 1), rest;
    uint64_t value;

    if (first.n == 0)
        return 0;
    value = first.p[0] & 0x3f;
    rest = cursor_bytes(c, (UINT64_C(1) << (first.p[0] >> 6)) - 1);
    for (size_t i = 0; i < rest.n; i++)
        value = value << 8 | rest.p[i];
    return value;
}

static void take_close(struct rogue *r, bool application, struct cursor *c)
{
    struct rogue_close close = {.seen = true, .application = application, .code = number_of(c)};

    if (!application)
        number_of(c); /* the frame's type */
    slice_to_cstr(cursor_bytes(c, number_of(c)), close.words, sizeof(close.words));
    if (!r->close.seen)
        r->close = close;
}

/* Largest, delay, ranges, first range, the ranges. */
static void take_ack(struct rogue_space *s, struct cursor *c)
{
    int64_t largest = (int64_t)number_of(c);
    uint64_t ranges;

    s->acked = largest > s->acked ? largest : s->acked;
    number_of(c);
    ranges = number_of(c);
    number_of(c);
    for (uint64_t i = 0; i < 2 * ranges && !c->error; i++)
        number_of(c);
}

static void take_stream(uint64_t type, struct cursor *c)
{
    number_of(c);
    if (type & 4)
        number_of(c);
    cursor_bytes(c, type & 2 ? number_of(c) : cursor_left(c));
}

static void take_id(struct rogue *r, struct cursor *c)
{
    struct slice id, token;

    number_of(c), number_of(c); /* its number, and before which all retire */
    id = cursor_bytes(c, number_of(c));
    token = cursor_bytes(c, sizeof(r->id.token));
    assert_true(!c->error && id.n <= sizeof(r->id.bytes));
    r->id.size = id.n;
    memcpy(r->id.bytes, id.p, id.n);
    memcpy(r->id.token, token.p, token.n);
}

static void take_numbers(uint64_t type, struct cursor *c)
{
    static const uint8_t count[0x20] = {
        [0x04] = 3, [0x05] = 2, [0x10] = 1, [0x11] = 2, [0x12] = 1, [0x13] = 1,
        [0x14] = 1, [0x15] = 2, [0x16] = 1, [0x17] = 1, [0x19] = 1};

    for (unsigned i = 0; i < (type < sizeof(count) ? count[type] : 0); i++)
        number_of(c);
}

/* False for what asks for no acknowledgement. */
static bool take_frame(struct rogue *r, enum rogue_level level, struct cursor *c)
{
    uint64_t type = number_of(c), offset;

    if (type == 0x00)
        return false;
    if (type == 0x02 || type == 0x03) {
        take_ack(&r->spaces[level], c);
        return false;
    }
    if (type == 0x1c || type == 0x1d) {
        take_close(r, type == 0x1d, c);
        return false;
    }
    if (type == 0x06) {
        offset = number_of(c);
        rogue_take_crypto(r, level, offset, cursor_bytes(c, number_of(c)));
    } else if (type == 0x07) {
        cursor_bytes(c, number_of(c));
        r->tokens++;
    } else if (type >= 0x08 && type <= 0x0f) {
        take_stream(type, c);
    } else if (type == 0x18) {
        take_id(r, c);
    } else if (type == 0x1a || type == 0x1b) {
        cursor_bytes(c, 8);
    } else if (type == 0x1e) {
        r->confirmed = true;
    } else if (type == 0x30 || type == 0x31) {
        cursor_bytes(c, type == 0x31 ? number_of(c) : cursor_left(c));
    } else {
        take_numbers(type, c);
    }
    return true;
}

static void acknowledge(struct rogue *r, enum rogue_level level, uint64_t number)
{
    uint8_t frame[16];
    struct writer w;

    writer_init(&w, frame, sizeof(frame));
    writer_varint(&w, 0x02);
    writer_varint(&w, number);
    writer_bytes(&w, slice_of("\0\0\0", 3));
    rogue_send(r, level, slice_of(frame, (size_t)(w.p - frame)), 0);
}

static void take_packet(struct rogue *r, enum rogue_level level, uint8_t *packet, size_t number_at,
                        size_t n)
{
    struct rogue_space *s = &r->spaces[level];
    bool wants_ack = false;
    struct cursor c;
    uint64_t number;

    if (!s->rx.known)
        return;
    cursor_init(&c, rogue_open(&s->rx, (uint64_t)(s->largest + 1), packet, number_at, n, &number));
    if (c.p == NULL)
        return;
    s->largest = (int64_t)number > s->largest ? (int64_t)number : s->largest;
    while (cursor_left(&c) > 0 && !c.error)
        wants_ack |= take_frame(r, level, &c);
    assert_int_equal(c.error, 0);
    if (wants_ack && s->tx.known && !r->close.seen)
        acknowledge(r, level, number);
}

/* The first packet from the other side: its ID is where ours go. */
static void meet(struct rogue *r, struct slice dcid, struct slice scid)
{
    if (r->server && !r->spaces[ROGUE_INITIAL].rx.known) {
        memcpy(r->first_dcid, dcid.p, dcid.n);
        r->first_dcid_size = dcid.n;
        rogue_initial_keys(dcid.p, dcid.n, &r->spaces[ROGUE_INITIAL].rx,
                           &r->spaces[ROGUE_INITIAL].tx);
    }
    memcpy(r->dcid, scid.p, scid.n);
    r->dcid_size = scid.n;
}

/* The size of the first of the packets in a datagram. */
static size_t take_long(struct rogue *r, uint8_t *p, size_t n)
{
    struct slice dcid, scid;
    struct cursor c;
    uint64_t size;
    bool initial = (p[0] & 0x30) == 0;

    cursor_init(&c, slice_of(p, n));
    cursor_bytes(&c, 5);
    dcid = cursor_bytes(&c, number_of(&c));
    scid = cursor_bytes(&c, number_of(&c));
    if (initial)
        cursor_bytes(&c, number_of(&c));
    size = number_of(&c);
    assert_true(!c.error && size <= cursor_left(&c) && dcid.n <= 20 && scid.n <= 20);
    size += (uint64_t)(c.p - p);
    if (initial)
        meet(r, dcid, scid);
    take_packet(r, initial ? ROGUE_INITIAL : ROGUE_HANDSHAKE, p, (size_t)(c.p - p), size);
    return size;
}

void rogue_receive(struct rogue *r, const uint8_t *p, size_t n)
{
    uint8_t packet[ROGUE_PACKET];
    size_t at = 0;

    assert_true(n <= sizeof(packet));
    memcpy(packet, p, n);
    if (n < 7 || ((p[0] & 0x80) && memcmp(p + 1, "\0\0\0\1", 4) != 0))
        return; /* version negotiation */
    while (at < n && (packet[at] & 0x80))
        at += take_long(r, packet + at, n - at);
    if (at < n && (packet[at] & 0x40))
        take_packet(r, ROGUE_APP, packet + at, 1 + ROGUE_CID, n - at);
}
