/* What other threads want of the thread that watches (fleet/wish.h), done at its turn.
 *
 * In flow wishes; out flow intents of the fleet, and answers.  Who asks has the answer once what
 * was done is published, and, what is wanted of a server, kept for the next process
 * (intents_file.h).  A wish of another kind is done by a row more in wishes.c. */
#ifndef QHCP_DAEMON_WISHES_H
#define QHCP_DAEMON_WISHES_H

#include "daemon/intents_file.h"
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
    struct intents_file kept;
    bool over;        /* another process does what is wanted */
    qhcp_nsec end_at; /* then the next drain or maintenance ends by itself; NSEC_NEVER */
};

/* The feed's publisher is on the loop.  *w stays where it is until wishes_end, which is also for
 * one that is zeroed.  host is copied; NULL: there is none. */
void wishes_begin(struct wishes *w, struct loop *loop, struct feed *feed,
                  const struct wishes_host *host);
void wishes_end(struct wishes *w);

/* What was wanted of servers before this process is in force for each from when it is listed, and
 * what is wanted now is kept for the next one.  Before serve_start; until wishes_end, which is
 * after serve_stop then. */
void wishes_keep(struct wishes *w, struct serve *serve, uint16_t port);
/* Another process, which kept it for us until now, has ended: the same again. */
void wishes_take_over(struct wishes *w, qhcp_nsec now);
/* Another process takes our place: wishes are refused from now on.  wishes_busy: some that were
 * done are not kept yet. */
void wishes_hand_over(struct wishes *w);
bool wishes_busy(const struct wishes *w);

/* The server at this address is in the list, and in the feed; or it is in neither any more. */
void wishes_listed(struct wishes *w, qhcp_nsec now, const char *address);
void wishes_unlisted(struct wishes *w, const char *address);

#endif
