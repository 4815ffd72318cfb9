/* The event loop of one thread: the parts of the process that live on it, descriptors, signals, and
 * around a core its UDP sockets.
 *
 * In: datagrams and ICMP errors from at most one UDP port per address family, which has a socket
 * for sessions and one for strangers (strangers.c), and from ports that the core asks for by a
 * packet's `local`; the passing of deadlines; descriptors that are ready; signals.  Out: whatever
 * the core has to send, before every wait.  The loop knows no message and no server, and must never
 * wait anywhere but in epoll.
 *
 * Order: sessions' datagrams and deadlines come before watched descriptors, and strangers come
 * last.  After a stall what waits in the UDP sockets is received before any deadline is judged, so
 * that a late wake-up never looks like a peer's silence.
 *
 * All functions but loop_give_way are for the loop's own thread, or for any thread while the loop
 * does not run. */
#ifndef QHCP_LOOP_LOOP_H
#define QHCP_LOOP_LOOP_H

#include <stdbool.h>

#include <ev.h>

#include "base/time.h"

#include <qhcp/error.h>

struct loop;

/* A part of the process.  Its owner embeds it, fills in the first fields and adds it; it stays
 * where it is until it is removed.  Every function is called from loop_run, with a `now` that is
 * not older than any before. */
struct loop_part {
    const char *name;
    void *ctx;
    /* When expire is to be called (NSEC_NEVER: not at all).  The loop asks before every wait, so
     * that this must be cheap.  One that is long past looks like a stall.  NULL: never. */
    qhcp_nsec (*deadline)(void *ctx);
    void (*expire)(void *ctx, qhcp_nsec now); /* the deadline has come */
    /* Once before every wait: cheap where there is nothing to do.  May be NULL. */
    void (*turn)(void *ctx, qhcp_nsec now);
    /* The loop's own. */
    struct loop *loop; /* NULL: it is on none */
    struct loop_part *next, **link;
    uint64_t round;
};

/* A watched descriptor.  Its owner embeds it, zeroed; it stays where it is while it is watched. */
struct loop_watch {
    struct loop *loop; /* NULL: it is not watched */
    void (*fn)(void *ctx, qhcp_nsec now, unsigned ready);
    void *ctx;
    ev_io io;
};

enum { LOOP_READABLE = EV_READ, LOOP_WRITABLE = EV_WRITE };

/* The core behind the loop.  Every function is called from loop_run. */
struct loop_client {
    void *ctx;
    void (*receive)(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n);
    size_t (*send)(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n);
    /* May be NULL: then ICMP errors are drained and forgotten. */
    void (*unreachable)(void *ctx, qhcp_nsec now, const union qhcp_addr *remote, int error,
                        const uint8_t *quoted, size_t quoted_len);
    /* The receive buffer had no room for n datagrams.  May be NULL. */
    void (*dropped)(void *ctx, qhcp_nsec now, uint64_t n);
    /* What was to be sent could not leave: called while that lasts.  May be NULL. */
    void (*blocked)(void *ctx, qhcp_nsec now);
    /* Strangers send more than is looked at: n of their datagrams were dropped.  May be NULL. */
    void (*flooded)(void *ctx, qhcp_nsec now, uint64_t n);
    void (*signal)(void *ctx, qhcp_nsec now, int signum);
};

/* Nanoseconds of CLOCK_MONOTONIC. */
qhcp_nsec loop_now(void);

/* client is copied; NULL: the loop has no core, and so binds no UDP port and catches no signal.
 * QHCP_E_NOMEM, QHCP_E_IO with errno. */
int loop_new(const struct loop_client *client, struct loop **ret);
/* Every part and every watch has been removed before. */
void loop_free(struct loop *l);

/* The part takes part from now on, or, if a round of calls is under way, from the next one on.
 * Parts are called in the order in which they were added. */
void loop_add(struct loop *l, struct loop_part *part);
/* From any callback, also its own.  One that is zeroed or was removed already stays as it is. */
void loop_remove(struct loop_part *part);
/* Something has happened that a turn looks at: if a round of turns is under way, which may be past
 * that part, the loop does not wait before the next one. */
void loop_again(struct loop *l);

/* Calls fn whenever fd is ready for some of `events` (0: for none now), and says for which, until
 * loop_unwatch.  Level-triggered: what is left for later calls again.  A watch of something else
 * before ends. */
void loop_watch(struct loop *l, struct loop_watch *w, int fd, unsigned events,
                void (*fn)(void *ctx, qhcp_nsec now, unsigned ready), void *ctx);
/* Of one that is watched. */
void loop_watch_change(struct loop_watch *w, unsigned events);
/* From any callback, also its own, and before fd is closed: fn is not called any more, even if fd
 * is known to be ready.  One that is zeroed or unwatched already stays as it is. */
void loop_unwatch(struct loop_watch *w);

/* Opens a UDP socket; at most one per address family.  *ret_bound (may be NULL) is what it got.
 * QHCP_E_IO with errno kept; QHCP_E_EXISTS. */
int loop_bind(struct loop *l, const union qhcp_addr *addr, int rcvbuf, union qhcp_addr *ret_bound);

/* The same with sockets that somebody else opened, all of one address (udp_adopt), which are the
 * loop's from then on, also after a failure. */
int loop_adopt(struct loop *l, const int *fds, size_t n, int rcvbuf, union qhcp_addr *ret_bound);

/* Receive buffers of rcvbuf bytes for the sockets of loop_bind.  What the smallest of them got, as
 * the kernel counts (udp.h: twice of what is asked for); 0: there is none. */
size_t loop_grow(struct loop *l, int rcvbuf);

/* From now on datagrams for no connection of the core's come to sockets of their own, those that
 * are bound and those that will be: they are read last, and no more of them than a bounded part of
 * one CPU is enough for.  QHCP_E_IO with errno: the kernel will not, and all come to one socket. */
int loop_steer(struct loop *l, const struct qhcp_steering *steering);

/* From now on datagrams that say that they may wait (docs/protocol.md) wake nobody: they are read
 * when a deadline comes, before it is judged, and so long after the last time at the latest; 0: as
 * all others.  Needs loop_steer.  QHCP_E_IO with errno: they are read as all others. */
int loop_be_patient(struct loop *l, qhcp_nsec most);

/* Closes the UDP sockets: their ports are free.  From the turn of a part alone. */
void loop_unbind(struct loop *l);

/* While held, what arrives waits in the sockets. */
void loop_hold(struct loop *l, bool hold);

/* Signals go to client->signal from now on.  QHCP_E_FULL beyond eight; QHCP_E_IO with errno: there
 * is no descriptor for the first one.  While no other thread opens descriptors. */
int loop_catch(struct loop *l, int signum);

/* From the thread of another loop, between two pieces of long work: if something is due on this
 * loop, or being done, its thread may have our processor.  A thread that was woken would otherwise
 * wait for the end of our time slice, which the kernel only looks at every few milliseconds.  NULL:
 * to nobody. */
void loop_give_way(const struct loop *to);

/* Runs until loop_stop; what the core still has to send then is sent. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
