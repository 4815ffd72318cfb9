/* The event loop around a core: sockets, the deadline, signals.
 *
 * What flows in: datagrams and ICMP errors from at most one UDP port per address family, which has
 * a socket for sessions and one for strangers (strangers.c), and from ports that the core asks for
 * by a packet's `local`; the passing of the core's deadline; signals.  What flows out: whatever the
 * core has to send, before every wait.  The loop knows no message and no server; it must never wait
 * anywhere but in epoll.
 *
 * After a stall what waits in the sockets is received before any deadline is judged, so that a late
 * wake-up never looks like a peer's silence. */
#ifndef QHCP_LOOP_LOOP_H
#define QHCP_LOOP_LOOP_H

#include <stdbool.h>

#include "base/time.h"

#include <qhcp/error.h>

struct ev_loop;
struct loop;

/* The core behind the loop.  Every function is called from loop_run, on one thread. */
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
    qhcp_nsec (*deadline)(void *ctx); /* NSEC_NEVER: none */
    void (*expire)(void *ctx, qhcp_nsec now);
    /* Once before every wait and before what is due is sent; may be NULL. */
    void (*turn)(void *ctx, qhcp_nsec now);
    void (*signal)(void *ctx, qhcp_nsec now, int signum);
};

/* Nanoseconds of CLOCK_MONOTONIC. */
qhcp_nsec loop_now(void);

/* client is copied.  QHCP_E_NOMEM, QHCP_E_IO with errno. */
int loop_new(const struct loop_client *client, struct loop **ret);
void loop_free(struct loop *l);

/* Opens a UDP socket; at most one per address family.  *ret_bound (may be NULL) is what it got.
 * QHCP_E_IO with errno kept; QHCP_E_EXISTS. */
int loop_bind(struct loop *l, const union qhcp_addr *addr, int rcvbuf, union qhcp_addr *ret_bound);

/* From now on datagrams for no connection of the core's come to sockets of their own, those that
 * are bound and those that will be: they are read last, and no more of them than a bounded part of
 * one CPU is enough for.  QHCP_E_IO with errno: the kernel will not, and all come to one socket. */
int loop_steer(struct loop *l, const struct qhcp_steering *steering);

/* Closes the UDP sockets: their ports are free.  From client->turn alone. */
void loop_unbind(struct loop *l);

/* While held, what arrives waits in the sockets. */
void loop_hold(struct loop *l, bool hold);

/* Signals go to client->signal from now on.  QHCP_E_FULL beyond eight. */
int loop_catch(struct loop *l, int signum);

/* Calls fn whenever fd can be written to, while on; one descriptor at a time. */
void loop_watch_writable(struct loop *l, int fd, bool on, void (*fn)(void *ctx), void *ctx);

/* Calls fn whenever fd can be read, until loop_free.  QHCP_E_FULL beyond six. */
int loop_watch_readable(struct loop *l, int fd, void (*fn)(void *ctx, qhcp_nsec now), void *ctx);

/* Runs until loop_stop; what the core still has to send then is sent. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* For watchers of src/loop's other modules. */
struct ev_loop *loop_ev(struct loop *l);

#endif
