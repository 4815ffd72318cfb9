#include "fleet/reader.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fleet/feed.h"

#include <qhcp/error.h>

/* A place's state; what is above these bits counts the openings, so that nobody frees another one's
 * place. */
enum { FREE, OPEN, CLOSING, STATES = 4 };

static int claim(struct feed_reader *r)
{
    uint64_t state = atomic_load(&r->state);

    if (state % STATES != FREE ||
        !atomic_compare_exchange_strong(&r->state, &state, state + STATES + OPEN))
        return QHCP_E_FULL;
    if (r->wake < 0)
        r->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!r->answers)
        r->answers = calloc(WISH_OPEN, sizeof *r->answers);
    if (r->wake >= 0 && r->answers)
        return 0;
    atomic_store(&r->state, state + STATES);
    return r->answers ? QHCP_E_IO : QHCP_E_NOMEM;
}

int reader_open(struct feed *f, struct feed_reader **ret)
{
    int r = QHCP_E_FULL;

    for (uint32_t i = 0; i < FEED_READERS && r == QHCP_E_FULL; i++) {
        struct feed_reader *reader = &f->readers[i];
        uint32_t n = atomic_load(&f->n_readers);

        r = claim(reader);
        if (r != 0)
            continue;
        while (n <= i && !atomic_compare_exchange_weak(&f->n_readers, &n, i + 1)) {
        }
        reader->feed = f;
        reader->behind = true;
        reader->place = reader->seen = 0;
        reader->answers_read = atomic_load(&reader->posted);
        *ret = reader;
    }
    return r;
}

/* A place that is closing is free once every wish of it is answered; the later side notices. */
void reader_free_if_done(struct feed_reader *r)
{
    uint64_t state = atomic_load(&r->state);

    if (state % STATES == CLOSING && atomic_load(&r->asked) == atomic_load(&r->posted))
        atomic_compare_exchange_strong(&r->state, &state, state - CLOSING + FREE);
}

void reader_close(struct feed_reader *r)
{
    if (!r)
        return;
    reader_let_go(r);
    atomic_store(&r->asleep, false);
    reader_woken(r);
    atomic_fetch_add(&r->state, CLOSING - OPEN);
    reader_free_if_done(r);
}

/* The writer looks at `held` after it has changed `current`, and the reader at `current` after it
 * has changed `held` (both in one order: memory_order_seq_cst): one of them sees the other. */
const struct fleet_snapshot *reader_hold(struct feed_reader *r)
{
    struct fleet_snapshot *s;

    do {
        s = atomic_load(&r->feed->current);
        atomic_store(&r->held, s);
    } while (atomic_load(&r->feed->current) != s);
    r->seen = s->version;
    return s;
}

void reader_let_go(struct feed_reader *r)
{
    atomic_store_explicit(&r->held, NULL, memory_order_release);
}

enum reader_news reader_next(struct feed_reader *r, struct fleet_change *ret)
{
    const struct fleet_snapshot *s = atomic_load_explicit(&r->held, memory_order_relaxed);

    if (!r->behind && r->place == s->seq)
        return READER_NONE;
    if (!r->behind && ring_get(r->feed->ring, r->place + 1, ret)) {
        r->place++;
        return READER_CHANGE;
    }
    r->behind = false;
    r->place = s->seq;
    return READER_BEHIND;
}

int reader_fd(const struct feed_reader *r)
{
    return r->wake;
}

bool reader_sleep(struct feed_reader *r)
{
    atomic_store(&r->asleep, true);
    if (atomic_load(&r->feed->version) == r->seen && atomic_load(&r->posted) == r->answers_read)
        return true;
    atomic_store(&r->asleep, false);
    return false;
}

void reader_woken(struct feed_reader *r)
{
    uint64_t ignored;

    (void)!read(r->wake, &ignored, sizeof ignored);
}

void reader_wake(struct feed_reader *r)
{
    const uint64_t one = 1;

    if (atomic_load(&r->asleep) && atomic_exchange(&r->asleep, false))
        (void)!write(r->wake, &one, sizeof one);
}
