/* The queue is D. Vyukov's bounded one: each place says by a number whose turn it is, so that
 * askers only meet at the counter.  Answers go to the asker's own places, of which it has as many
 * as it may have wishes open: there is always room. */
#include "fleet/wish.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fleet/feed.h"

#include <qhcp/error.h>

static_assert((WISH_QUEUE & (WISH_QUEUE - 1)) == 0 && (WISH_OPEN & (WISH_OPEN - 1)) == 0,
              "numbers that wrap still find their places");

const struct wish_row *wish_row(enum wish_kind kind)
{
    static const struct wish_row rows[WISH_KINDS] = {
        [WISH_DRAIN] = {"drain", true},
        [WISH_UNDRAIN] = {"undrain", true},
        [WISH_MAINTENANCE] = {"maintenance", true},
        [WISH_WEIGHT] = {"weight", true},
        [WISH_ADD] = {"add", true},
        [WISH_REMOVE] = {"remove", true},
        [WISH_RELOAD] = {"reload", false},
        [WISH_CONFIG] = {"config", false},
    };

    return (unsigned)kind < WISH_KINDS ? &rows[kind] : NULL;
}

int wish_init(struct wish_queue *q)
{
    q->places = calloc(WISH_QUEUE, sizeof *q->places);
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!q->places)
        return QHCP_E_NOMEM;
    for (uint32_t i = 0; i < WISH_QUEUE; i++)
        atomic_store_explicit(&q->places[i].turn, i, memory_order_relaxed);
    return q->fd < 0 ? QHCP_E_IO : 0;
}

void wish_deinit(struct wish_queue *q)
{
    if (q->fd >= 0)
        close(q->fd);
    free(q->places);
}

/* A place of the queue that is this asker's to fill, and its number; NULL: it is full. */
static struct wish_place *claim(struct wish_queue *q, uint32_t *ret_number)
{
    uint32_t number = atomic_load_explicit(&q->asked, memory_order_relaxed);

    for (;;) {
        struct wish_place *p = &q->places[number % WISH_QUEUE];
        int32_t ahead = (int32_t)(atomic_load_explicit(&p->turn, memory_order_acquire) - number);

        if (ahead < 0)
            return NULL;
        if (ahead > 0) {
            number = atomic_load_explicit(&q->asked, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&q->asked, &number, number + 1,
                                                         memory_order_relaxed,
                                                         memory_order_relaxed)) {
            *ret_number = number;
            return p;
        }
    }
}

int wish_ask(struct feed_reader *r, struct wish *w, uint32_t *ret_token)
{
    struct wish_queue *q = &r->feed->wishes;
    const struct wish_row *row = wish_row(w->kind);
    const uint64_t one = 1;
    struct wish_place *p;
    uint32_t number;

    if (!row || (row->server && w->server[0] == '\0'))
        return QHCP_E_ARG;
    if (atomic_load(&r->asked) - r->answers_read >= WISH_OPEN || !(p = claim(q, &number)))
        return QHCP_E_FULL;
    w->reader = (uint32_t)(r - r->feed->readers);
    w->token = *ret_token = atomic_fetch_add(&r->asked, 1);
    p->wish = *w;
    atomic_store_explicit(&p->turn, number + 1, memory_order_release);
    if (!atomic_exchange(&q->raised, true))
        (void)!write(q->fd, &one, sizeof one);
    return 0;
}

bool wish_answered(struct feed_reader *r, struct wish_answer *ret)
{
    if (r->answers_read == atomic_load(&r->posted))
        return false;
    *ret = r->answers[r->answers_read++ % WISH_OPEN];
    return true;
}

int wish_fd(const struct feed *f)
{
    return f->wishes.fd;
}

/* Is there one?  If not, the descriptor is made quiet, whoever wrote to it and however late, and
 * the queue is looked at once more: who asked before `raised` is false has not written again. */
static bool is_there(struct wish_queue *q, const struct wish_place *p)
{
    uint64_t ignored;

    while (atomic_load(&p->turn) != q->taken + 1) {
        if (read(q->fd, &ignored, sizeof ignored) != sizeof ignored)
            return false;
        atomic_exchange(&q->raised, false);
    }
    return true;
}

bool wish_take(struct feed *f, struct wish *ret)
{
    struct wish_queue *q = &f->wishes;
    struct wish_place *p = &q->places[q->taken % WISH_QUEUE];

    if (!is_there(q, p))
        return false;
    *ret = p->wish;
    atomic_store_explicit(&p->turn, q->taken + WISH_QUEUE, memory_order_release);
    q->taken++;
    return true;
}

void wish_answer(struct feed *f, const struct wish *w, int result, const char *words)
{
    struct feed_reader *r = &f->readers[w->reader];
    struct wish_answer *a = &r->answers[r->answered++ % WISH_OPEN];

    a->token = w->token;
    a->result = result;
    a->version = feed_current(f)->version + f->changed;
    snprintf(a->words, sizeof a->words, "%s", words);
}

void wish_post(struct feed *f)
{
    uint32_t n = atomic_load(&f->n_readers);

    for (uint32_t i = 0; i < n; i++) {
        struct feed_reader *r = &f->readers[i];

        if (r->answered == atomic_load_explicit(&r->posted, memory_order_relaxed))
            continue;
        atomic_store(&r->posted, r->answered);
        reader_wake(r);
        reader_free_if_done(r);
    }
}
