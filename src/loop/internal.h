/* What the files of src/loop share: loop.c waits, sockets.c reads and sends. */
#ifndef QHCP_LOOP_INTERNAL_H
#define QHCP_LOOP_INTERNAL_H

#include <ev.h>

#include "loop/loop.h"
#include "quic/udp.h"

#define LOOP_BOUND 2 /* sockets of loop_bind, one per address family */
#define LOOP_EXTRA 6 /* ports that the core asks for besides */
#define LOOP_SOCKETS (LOOP_BOUND + LOOP_EXTRA)
#define LOOP_SIGNALS 8
#define LOOP_READERS 6         /* loop_watch_readable */
#define LOOP_READ_BATCHES 16   /* per socket and wake-up: fair to timers and to the other socket */
#define LOOP_STALL_BATCHES 128 /* after a stall: more than the largest receive buffer holds */
#define LOOP_SEND_BATCHES 64   /* per wait: a fleet's first dials must not starve reading */
#define LOOP_ERRORS 256        /* entries of the error queue per wake-up */
#define LOOP_STALL (20 * NSEC_PER_MSEC) /* later than this is a stall */
#define LOOP_BLOCKED NSEC_PER_MSEC      /* between timers while a socket takes nothing */

struct loop_socket {
    struct loop *loop;
    struct udp *udp;
    int family;
    uint16_t port;
    qhcp_nsec used; /* an extra one's newest packet was sent then */
    size_t filled;  /* packets in its room that are to be sent */
    ev_io readable, writable;
};

struct loop_reader {
    ev_io readable;
    void (*fn)(void *ctx, qhcp_nsec now);
    void *ctx;
};

struct loop {
    struct loop_client client;
    struct ev_loop *ev;
    struct loop_socket sockets[LOOP_SOCKETS]; /* the bound ones first */
    size_t n_bound, n_sockets;
    bool held;      /* nothing is read */
    size_t primary; /* the bound socket whose room the core fills first */
    int timer_fd;   /* CLOCK_MONOTONIC, absolute: epoll's own timeouts are whole milliseconds */
    ev_io timer;
    qhcp_nsec armed; /* what timer_fd is set to */
    ev_prepare before_wait;
    ev_idle again; /* running: do not wait, there is more to send */
    ev_signal signals[LOOP_SIGNALS];
    size_t n_signals;
    struct loop_reader readers[LOOP_READERS];
    size_t n_readers;
    ev_io writable; /* loop_watch_writable */
    void (*on_writable)(void *ctx);
    void *on_writable_ctx;
    int route_fd; /* route_watch's; -1: none */
    void (*on_route)(void *ctx, qhcp_nsec now);
    void *on_route_ctx;
};

/* sockets.c */
/* Up to `batches` batches.  A wake-up that finds no datagram was for the error queue. */
void sockets_read(struct loop *l, struct loop_socket *s, size_t batches, bool woken);
/* Packets wait for a socket that takes nothing. */
bool sockets_pending(const struct loop *l);
/* Sends until the core has nothing more; false: it may have. */
bool sockets_send(struct loop *l);
/* Tells the core of what could not leave. */
void sockets_tell_blocked(struct loop *l);

#endif
