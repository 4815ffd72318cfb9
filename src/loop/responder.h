/* A TCP port that answers in one line: each connection sends one, or nothing, gets its answer, and
 * ends.  HAProxy's agent-check is spoken like that.
 *
 * In flow connections, and what its owner answers; everything is bounded: connections that have not
 * sent their line (the oldest gives way to a new one, and all end after a second), the bytes of a
 * line, and how often the thread wakes up: where connections come fast, they are answered together
 * every RESPONDER_NAP.  An answer is followed
 * by the end of the connection at once, since HAProxy takes a line when that comes; where
 * connections come fast, by a reset, since each would leave an address in TIME_WAIT for a minute.
 */
#ifndef QHCP_LOOP_RESPONDER_H
#define QHCP_LOOP_RESPONDER_H

#include "loop/loop.h"

#include <qhcp/types.h>

#define RESPONDER_LINE 300   /* bytes of a line from a client, with its end */
#define RESPONDER_WAITING 64 /* connections whose line is not complete */
#define RESPONDER_NAP (3 * NSEC_PER_MSEC)

struct responder_config {
    struct loop *loop;
    union qhcp_addr addr; /* to listen at; with port 0 any */
    bool asks;            /* a connection sends a line first; else it is answered at once */
    /* The answer to line (without its end; "" where none is sent), with its own line end, in ret of
     * cap bytes.  Its length; 0: the connection ends without one. */
    size_t (*answer)(void *ctx, qhcp_nsec now, const char *line, char *ret, size_t cap);
    /* A connection ended before its line was complete.  May be NULL. */
    void (*incomplete)(void *ctx, qhcp_nsec now, bool too_long);
    void *ctx;
};

struct responder_waiting {
    struct loop_watch watch;
    struct responder *of;
    qhcp_nsec until; /* 0: the place is free */
    size_t n;
    char got[RESPONDER_LINE];
};

/* Its owner embeds it, zeroed; it stays where it is until responder_end. */
struct responder {
    struct responder_config config;
    struct loop_watch watch; /* of the listening socket */
    struct loop_part part;
    bool hard;           /* connections end with a reset */
    qhcp_nsec last, nap; /* the last accept; until when no other comes (NSEC_NEVER: at any time) */
    struct responder_waiting waiting[RESPONDER_WAITING];
    size_t n_waiting;
};

/* config is copied.  QHCP_E_IO with words that name the address and what to do. */
int responder_begin(struct responder *r, const struct responder_config *config, char *words,
                    size_t words_cap);
/* Closes everything.  One that is zeroed or has ended stays as it is. */
void responder_end(struct responder *r);

/* Where it listens. */
int responder_bound(const struct responder *r, union qhcp_addr *ret);

#endif
