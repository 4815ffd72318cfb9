/* A server that was lost: for a minute its connection is kept, so that it is up again at once.
 *
 * A server that restarts, or a network that comes back, must not wait for the next reconnect
 * interval.  In: a connection that fell silent or was closed by its server; out: knocks (the
 * connection's last packet again, quic_conn_trace) and, where the connection may still be alive at
 * the other end, new checks at a falling pace, and so handshakes beside it: the server may be
 * elsewhere now, or we.  Three things end it.  A packet on the old connection: it is taken up
 * again, session and all, without a handshake.  A stateless reset: the server is there and has
 * forgotten us, so it is dialled now.  Or time, or a new session by other ways.
 *
 * A knock is for a connection that fell silent, or for one that no longer exists: while it is
 * closing or draining, nothing is sent on it.
 *
 * The verdict stays until the server has answered checks again (health's `rise`).  All knocks of a
 * fleet share one budget.  This file never connects by itself: it asks health (health_redial). */
#ifndef QHCP_LB_LOST_H
#define QHCP_LB_LOST_H

#include <stdbool.h>

#include "lb/link.h"

struct backend;

#define LOST_KEPT (60 * NSEC_PER_SEC)   /* what is left of a lost server's connection */
#define LOST_KNOCK (25 * NSEC_PER_MSEC) /* between knocks at one, at least ... */
#define LOST_KNOCKS_PER_SEC 4000        /* ... and at all of a fleet */
#define LOST_KNOCK_RESETS 4             /* answers to them before they become fewer */
#define LOST_KNOCK_GRID (5 * NSEC_PER_MSEC)
#define LOST_REDIAL                                                                                \
    (500 * NSEC_PER_MSEC)        /* from falling silent to a dial, then twice as long ... */
#define LOST_REDIALS_PER_SEC 100 /* ... and so many for a fleet: half a millisecond each */

/* On the heap, and never while there is a session; only lost.c changes it. */
struct lost {
    struct quic_trace *trace;
    struct link link;   /* it fell silent, and may live; without a connection: it was closed */
    qhcp_nsec until;    /* it is given up */
    qhcp_nsec knock_at; /* the next knock ... */
    qhcp_nsec pace;     /* ... and between two, should the budget allow */
    unsigned resets;    /* that were the answer */
    qhcp_nsec heed_at;  /* the next reset counts from then on, since anybody can repeat one */
    qhcp_nsec ask_at, ask_pace;
    qhcp_nsec dial_at, dial_pace; /* a handshake beside the connection that fell silent */
};

/* Keeps a connection that fell silent: b->link has none then.  False if there is none to keep. */
bool lost_keep(struct backend *b, qhcp_nsec now);
/* The connection is ending; its server may come back. */
void lost_remember(struct backend *b, qhcp_nsec now);
/* Something came on c.  True: it was the lost connection, which is b's again. */
bool lost_found(struct backend *b, qhcp_nsec now, const struct quic_conn *c);
/* c ended.  False: it is not the lost connection. */
bool lost_closed(struct backend *b, qhcp_nsec now, const struct quic_conn *c, bool reset);
/* quic's handler. */
void lost_forgotten(void *ctx, void *user, qhcp_nsec now);
void lost_end(struct backend *b);
qhcp_nsec lost_deadline(const struct backend *b);
void lost_expire(struct backend *b, qhcp_nsec now);

#endif
