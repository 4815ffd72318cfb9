/* What other threads want of the thread that watches (fleet/wish.h), done at its turn.
 *
 * In flow wishes; out flow intents of the fleet, and answers.  Who asks has the answer once what
 * was done is published.  A wish of another kind is done by a row more in wishes.c. */
#ifndef QHCP_DAEMON_WISHES_H
#define QHCP_DAEMON_WISHES_H

#include "fleet/feed.h"
#include "loop/loop.h"

#define WISHES_LATER 1

/* What is of no server.  A function may be NULL. */
struct wishes_host {
    void *ctx;
    /* Reads the configuration again.  0 or QHCP_E_*, with words for both; or WISHES_LATER: it
     * answers a copy of the wish by itself. */
    int (*reload)(void *ctx, qhcp_nsec now, const struct wish *wish, char *words, size_t words_cap);
    /* Puts other options in force, wish->with: the same, without "later". */
    int (*config)(void *ctx, qhcp_nsec now, const struct wish *wish, char *words, size_t words_cap);
};

struct wishes {
    struct feed *feed;
    struct wishes_host host;
    struct loop_watch watch;
    struct loop_part part;
    qhcp_nsec end_at; /* then the next drain or maintenance ends by itself; NSEC_NEVER */
};

/* The feed's publisher is on the loop.  *w stays where it is until wishes_end, which is also for
 * one that is zeroed.  host is copied; NULL: there is none. */
void wishes_begin(struct wishes *w, struct loop *loop, struct feed *feed,
                  const struct wishes_host *host);
void wishes_end(struct wishes *w);

#endif
