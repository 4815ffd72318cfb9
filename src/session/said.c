#include "session/said.h"

#include <string.h>

#include "base/cursor.h"

enum { KEY_SEQ = 0x00 /* the answer's first key, where it is there; a beat's is its last */ };

void session_said_forget(struct session_said *said)
{
    said->n = said->n_beat = 0;
}

static bool same(const struct session_metrics *a, const struct session_metrics *b)
{
    return a->n == b->n && memcmp(a->numbers, b->numbers, a->n * sizeof a->numbers[0]) == 0;
}

void session_said_keep(struct session_said *said, const struct session_metrics *metrics,
                       uint64_t seq, const uint8_t *frame, size_t n)
{
    struct cursor c;

    cursor_init(&c, slice_of(frame, n));
    (void)cursor_varint(&c); /* the type, */
    (void)cursor_varint(&c); /* the length */
    if (seq > 0) {
        (void)cursor_varint(&c);
        (void)cursor_varint(&c);
    }
    n = cursor_left(&c);
    said->n = 0;
    if (c.error || n > SESSION_SAID)
        return;
    memcpy(said->bytes, c.p, n);
    said->metrics = *metrics;
    said->n = n;
}

size_t session_said_again(const struct session_said *said, const struct session_metrics *metrics,
                          uint64_t seq, uint8_t *buf, size_t cap)
{
    size_t number = seq > 0 ? 1 + varint_size(seq) : 0;
    struct writer w;

    if (said->n == 0 || !same(&said->metrics, metrics))
        return 0;
    writer_init(&w, buf, cap);
    writer_varint(&w, WIRE_HEALTH_RESPONSE);
    writer_varint(&w, number + said->n);
    if (seq > 0) {
        writer_varint(&w, KEY_SEQ);
        writer_varint(&w, seq);
    }
    writer_bytes(&w, slice_of(said->bytes, said->n));
    return w.error ? 0 : (size_t)(w.p - buf);
}

void session_said_keep_beat(struct session_said *said, uint64_t number, const uint8_t *frame,
                            size_t n)
{
    struct cursor c;

    cursor_init(&c, slice_of(frame, n));
    (void)cursor_varint(&c); /* the type, */
    (void)cursor_varint(&c); /* the length */
    n = cursor_left(&c) - varint_size(number);
    said->n_beat = 0;
    if (c.error || n > SESSION_SAID_BEAT)
        return;
    memcpy(said->beat, c.p, n);
    said->n_beat = (uint8_t)n;
}

size_t session_said_beat(const struct session_said *said, uint64_t number, uint8_t *buf, size_t cap)
{
    struct writer w;

    if (said->n_beat == 0)
        return 0;
    writer_init(&w, buf, cap);
    writer_varint(&w, WIRE_HEALTH_RESPONSE);
    writer_varint(&w, said->n_beat + varint_size(number));
    writer_bytes(&w, slice_of(said->beat, said->n_beat));
    writer_varint(&w, number);
    return w.error ? 0 : (size_t)(w.p - buf);
}
