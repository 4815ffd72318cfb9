/* What other threads want of the thread that watches (fleet/wish.h), done at its turn.
 *
 * In flow wishes; out flow intents of the fleet, and answers.  Who asks has the answer once what
 * was done is published.  A wish of another kind is done by a row more in wishes.c. */
#ifndef QHCP_DAEMON_WISHES_H
#define QHCP_DAEMON_WISHES_H

#include "fleet/feed.h"
#include "loop/loop.h"

struct wishes {
    struct feed *feed;
    struct loop_watch watch;
};

/* The feed's publisher is on the loop.  *w stays where it is until wishes_end, which is also for
 * one that is zeroed. */
void wishes_begin(struct wishes *w, struct loop *loop, struct feed *feed);
void wishes_end(struct wishes *w);

#endif
