/* Items are pushed onto a stack, which the loop takes as a whole and turns round, so that they are
 * opened in the order in which they were put.  A thread that pushes onto an empty stack wakes the
 * loop; the loop empties the eventfd before it looks at the stack, so that no wake-up is lost. */
#include "loop/mailbox.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop/loop.h"

#define BATCH 64 /* items between two waits of the loop */

struct mailbox {
    _Atomic(struct mail *) newest;
    atomic_size_t n; /* not opened yet */
    size_t most;
    int fd;
    /* the loop's thread alone */
    struct loop_watch watch;
    struct mail *first, **last; /* taken from the stack */
};

static void wake(struct mailbox *b)
{
    uint64_t one = 1;

    (void)!write(b->fd, &one, sizeof one);
}

/* Puts what is on the stack behind what was taken before. */
static void take(struct mailbox *b)
{
    struct mail *item = atomic_exchange_explicit(&b->newest, NULL, memory_order_acquire);
    struct mail *oldest = NULL, **end = item ? &item->next : b->last;

    while (item) {
        struct mail *next = item->next;

        item->next = oldest;
        oldest = item;
        item = next;
    }
    *b->last = oldest;
    b->last = end;
}

static struct mail *pop(struct mailbox *b)
{
    struct mail *item = b->first;

    if (!item)
        return NULL;
    b->first = item->next;
    if (!b->first)
        b->last = &b->first;
    atomic_fetch_sub_explicit(&b->n, 1, memory_order_relaxed);
    return item;
}

static void on_wake(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct mailbox *b = ctx;
    struct mail *item;
    uint64_t ignored;

    (void)ready;
    (void)!read(b->fd, &ignored, sizeof ignored);
    take(b);
    for (int i = 0; i < BATCH && (item = pop(b)); i++)
        item->open(item, i == 0 ? now : loop_now());
    if (b->first)
        wake(b);
}

int mailbox_new(struct loop *l, size_t most, struct mailbox **ret)
{
    struct mailbox *b = calloc(1, sizeof *b);

    if (!b)
        return QHCP_E_NOMEM;
    b->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->fd < 0) {
        free(b);
        return QHCP_E_IO;
    }
    b->most = most;
    b->last = &b->first;
    loop_watch(l, &b->watch, b->fd, LOOP_READABLE, on_wake, b);
    *ret = b;
    return 0;
}

void mailbox_clear(struct mailbox *b)
{
    struct mail *item;

    take(b);
    while ((item = pop(b)))
        if (item->drop)
            item->drop(item);
}

void mailbox_free(struct mailbox *b)
{
    if (!b)
        return;
    mailbox_clear(b);
    loop_unwatch(&b->watch);
    close(b->fd);
    free(b);
}

int mailbox_put(struct mailbox *b, struct mail *item)
{
    struct mail *old;

    if (atomic_fetch_add_explicit(&b->n, 1, memory_order_relaxed) >= b->most) {
        atomic_fetch_sub_explicit(&b->n, 1, memory_order_relaxed);
        return QHCP_E_FULL;
    }
    old = atomic_load_explicit(&b->newest, memory_order_relaxed);
    do
        item->next = old;
    while (!atomic_compare_exchange_weak_explicit(&b->newest, &old, item, memory_order_release,
                                                  memory_order_relaxed));
    if (!old) /* the item may be gone already */
        wake(b);
    return 0;
}
