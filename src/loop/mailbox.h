/* What other threads hand to the thread of a loop: a bounded queue without a lock, and an eventfd
 * that wakes the loop.  Nobody waits: not who puts, where there is no room, and not the loop, which
 * opens a bounded number of items between its waits. */
#ifndef QHCP_LOOP_MAILBOX_H
#define QHCP_LOOP_MAILBOX_H

#include <stddef.h>

#include "base/time.h"

#include <qhcp/error.h>

struct mailbox;
struct loop;

/* The head of what is handed over.  Who puts it fills in the functions and gives the item away. */
struct mail {
    /* On the loop's thread, whose the item is from then on. */
    void (*open)(struct mail *item, qhcp_nsec now);
    /* Instead of open, from mailbox_clear or mailbox_free.  NULL: nothing is to be done. */
    void (*drop)(struct mail *item);
    struct mail *next; /* the mailbox's own */
};

/* A mailbox of this loop, for at most so many items.  QHCP_E_NOMEM, QHCP_E_IO with errno. */
int mailbox_new(struct loop *l, size_t most, struct mailbox **ret);
/* Drops what waits.  From the loop's thread, or while it does not run. */
void mailbox_clear(struct mailbox *b);
/* Before the loop is freed, and while nobody puts; what waits is dropped.  May be NULL. */
void mailbox_free(struct mailbox *b);

/* From any thread.  QHCP_E_FULL: as many wait already; the item is still the caller's. */
int mailbox_put(struct mailbox *b, struct mail *item);

#endif
