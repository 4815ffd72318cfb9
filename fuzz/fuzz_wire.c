/* The wire decoder on hostile bytes.
 *
 *     clang -g -O1 -D_GNU_SOURCE -Iinclude -Isrc -fsanitize=fuzzer,address,undefined \
 *         fuzz/fuzz_wire.c src/wire/?*.c src/base/cursor.c src/base/utf8.c -o /tmp/fuzz_wire
 *     /tmp/fuzz_wire -max_len=2048 fuzz/corpus/wire
 *
 * Besides memory and undefined behaviour: wire_peek and wire_decode agree on a frame's size; what
 * decodes encodes, to no more bytes than it had, and to the same bytes where nothing was skipped;
 * and what was encoded decodes and encodes to itself; and what wire_again takes for valid decodes.
 * The corpus is tests/vectors (make_vectors.py --corpus), merged with -merge=1. */
#include <stdlib.h>

#include <qhcp/error.h>

#include "wire/again.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_peek(const uint8_t *data, size_t size, int decoded, uint64_t type)
{
    uint64_t peeked = 0;
    size_t total = 0;
    int r = wire_peek(data, size, &peeked, &total);

    if (r < 0) {
        must(decoded < 0);
        return;
    }
    must(peeked == type);
    must((decoded != QHCP_E_LEFT_OVER) == (total >= size));
    must(decoded < 0 || total == size);
}

/* A frame that is taken for a repetition of one that decoded decodes too. */
static void check_again(const uint8_t *data, size_t size)
{
    static struct wire_message m;
    static uint8_t other[WIRE_AGAIN_MAX + 16];
    struct wire_again kept;

    wire_again_keep(&kept, data, size);
    must(kept.size == 0 || wire_again(&kept, data, size, &m) == WIRE_SAME);
    if (kept.size == 0 || size > sizeof other)
        return;
    for (size_t i = 0; i < 4; i++) {
        struct wire_again k = kept;
        size_t at = (data[size - 1] + i * 5) % size;

        memcpy(other, data, size);
        other[at] ^= (uint8_t)(data[at] + 1);
        if (wire_again(&k, other, size, &m) != WIRE_NEW)
            must(wire_decode(other, size, &m, NULL) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wire_message m, again;
    static uint8_t first[LIMIT_FRAME_PAYLOAD + 16], second[LIMIT_FRAME_PAYLOAD + 16];
    uint64_t type = 0;
    int r, n;

    memset(&m, 0xa5, sizeof m);
    r = wire_decode(data, size, &m, &type);
    check_peek(data, size, r, type);
    if (r < 0) {
        must(r <= QHCP_E_VARINT && r >= QHCP_E_TOO_MANY);
        return 0;
    }
    must(m.type == type);
    check_again(data, size);
    n = wire_encode(&m, first, sizeof first);
    if (type < WIRE_HELLO || type > WIRE_TERMINATE_ACK) {
        must(n == QHCP_E_VALUE);
        return 0;
    }
    must(n > 0 && (size_t)n <= size);
    must((size_t)n < size || memcmp(first, data, size) == 0);
    memset(&again, 0x5a, sizeof again);
    must(wire_decode(first, (size_t)n, &again, NULL) == 0);
    must(wire_encode(&again, second, sizeof second) == n && memcmp(first, second, (size_t)n) == 0);
    return 0;
}
