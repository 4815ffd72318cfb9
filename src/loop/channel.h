/* c-ares on a loop: one channel to the DNS servers, its sockets and its time-outs.
 *
 * Only files of this folder know c-ares.  All functions are for the loop's own thread, or for any
 * thread while the loop does not run. */
#ifndef QHCP_LOOP_CHANNEL_H
#define QHCP_LOOP_CHANNEL_H

#include <stdbool.h>
#include <time.h>

/* Debian 12 has 1.18, without what later ones would have us use instead. */
#define CARES_NO_DEPRECATED
#include <ares.h>

#include "loop/loop.h"

struct channel_watch;

/* It stays where it is until it is closed. */
struct channel {
    ares_channel ares;
    struct loop *loop;
    struct loop_part part;
    struct channel_watch *watches;
    const char *servers;       /* ADDRESS:PORT; NULL: those of resolv.conf */
    struct timespec conf_time; /* of resolv.conf, when the channel was made */
    qhcp_nsec query_at;        /* c-ares has something to do; NSEC_NEVER: not by itself */
};

/* servers (NULL: those of resolv.conf) stays the caller's, and stays.  QHCP_E_NOMEM, QHCP_E_IO,
 * QHCP_E_PARSE: that is not a server's address. */
int channel_open(struct channel *ret, struct loop *loop, const char *servers);
/* What is under way ends with ARES_EDESTRUCTION.  A channel that is zeroed stays as it is. */
void channel_close(struct channel *c);

/* resolv.conf, which c-ares reads once, has changed: it is read again.  While nothing is under way.
 */
void channel_refresh(struct channel *c);
/* Something was asked: its time-out counts. */
void channel_asked(struct channel *c);

/* A status of c-ares in words for people. */
const char *channel_words(int status);

#endif
