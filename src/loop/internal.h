/* What the files of src/loop share: loop.c waits, parts.c calls the parts, descriptors.c watches,
 * sockets.c reads and sends, strangers.c reads what is for no connection of ours, patient.c what
 * may wait. */
#ifndef QHCP_LOOP_INTERNAL_H
#define QHCP_LOOP_INTERNAL_H

#include "loop/loop.h"
#include "loop/udp.h"

#define LOOP_BOUND 2 /* sockets of loop_bind, one per address family */
#define LOOP_EXTRA 6 /* ports that the core asks for besides */
#define LOOP_SOCKETS (LOOP_BOUND + LOOP_EXTRA)
#define LOOP_SIGNALS 8
#define LOOP_READ_BATCHES 16    /* per socket and wake-up: fair to timers and to the other socket */
#define LOOP_STALL_BATCHES 128  /* after a stall: more than the largest receive buffer holds */
#define LOOP_PATIENT_BATCHES 64 /* of what may wait, in a turn */
#define LOOP_SEND_BATCHES 64    /* per wait: a fleet's first dials must not starve reading */
#define LOOP_ERRORS 256         /* entries of the error queue per wake-up */
#define LOOP_MANY 16            /* packets at once of which all may come back as ICMP errors */
#define LOOP_STALL (20 * NSEC_PER_MSEC) /* later than this is a stall */
#define LOOP_BLOCKED NSEC_PER_MSEC      /* between timers while a socket takes nothing */
#define LOOP_FIRST 1                    /* libev's priorities: connections and deadlines ... */
#define LOOP_LAST (-1)                  /* ... come before strangers */
/* A stranger's handshake is 0.5 ms.  These bound a turn, and so what an answer waits for it. */
#define LOOP_STRANGERS_BATCH 8
#define LOOP_STRANGERS_SLICE NSEC_PER_MSEC
/* One CPU's part that strangers get while more of them come, and what they may have in advance. */
#define LOOP_STRANGERS_PART 4 /* a fourth */
#define LOOP_STRANGERS_SAVED (50 * NSEC_PER_MSEC)

struct loop_socket {
    struct loop *loop;
    struct udp *udp;
    int family;
    uint16_t port;
    qhcp_nsec used; /* an extra one's newest packet was sent then */
    size_t filled;  /* packets in its room that are to be sent */
    ev_io readable, writable;
    int rcvbuf;            /* a bound one's, as it was asked for */
    struct udp *strangers; /* NULL: udp gets theirs too */
    ev_io strange;
    struct udp *patient; /* NULL: udp gets what may wait too */
    int patient_errors;  /* an epoll that looks at nothing but the errors of that socket */
    ev_io patient_error;
};

/* Time that may be spent on strangers: earned with time, in debt after a long turn. */
struct loop_allowance {
    qhcp_nsec at;
    int64_t left;
};

struct loop {
    struct loop_client client;
    struct ev_loop *ev;
    struct loop_part *parts, **last_part;
    struct loop_part *upcoming; /* the next one of this round */
    uint64_t round;
    bool turn_again; /* loop_again, since this round of turns began */
    size_t n_watches;
    struct loop_socket sockets[LOOP_SOCKETS]; /* the bound ones first */
    size_t n_bound, n_sockets;
    bool held;    /* nothing is read */
    bool steered; /* strangers have sockets of their own, as far as the kernel lets us */
    struct qhcp_steering steering;
    struct loop_allowance allowance;
    qhcp_nsec patience;    /* how long datagrams that may wait are not read; 0: they do not wait */
    qhcp_nsec patience_at; /* when they are read at the latest; NSEC_NEVER: none wait */
    ev_timer resume;       /* running: strangers wait for it */
    size_t primary;        /* the bound socket whose room the core fills first */
    int timer_fd; /* CLOCK_MONOTONIC, absolute: epoll's own timeouts are whole milliseconds */
    ev_io timer;
    _Atomic qhcp_nsec armed; /* what timer_fd is set to; 0 while what was due is done */
    ev_prepare before_wait;
    ev_idle again; /* running: do not wait, there is more to send */
    ev_signal signals[LOOP_SIGNALS];
    size_t n_signals;
};

/* parts.c */
qhcp_nsec parts_deadline(const struct loop *l); /* the earliest */
void parts_expire(struct loop *l);              /* those that are due */
void parts_turn(struct loop *l);

/* sockets.c */
/* Up to `batches` batches.  A wake-up that finds no datagram was for the error queue. */
void sockets_read(struct loop *l, struct loop_socket *s, size_t batches, bool woken);
/* Packets wait for a socket that takes nothing. */
bool sockets_pending(const struct loop *l);
/* Sends until the core has nothing more; false: it may have. */
bool sockets_send(struct loop *l);
/* Tells the core of what could not leave. */
void sockets_tell_blocked(struct loop *l);
/* Tells the core what the network says of packets that did not arrive. */
void sockets_drain_errors(struct loop *l, struct udp *u);

/* The same from any of its sockets; true: more may wait. */
bool sockets_read_from(struct loop *l, struct loop_socket *s, struct udp *u, size_t batches);

/* patient.c */
/* What may wait in all sockets is read. stalled: after a stall. */
void patient_read(struct loop *l, qhcp_nsec now, bool stalled);
void patient_close(struct loop_socket *s);
/* Of a socket that is split: as l->patience says. */
int patient_follow(struct loop_socket *s);

/* strangers.c */
void strangers_init(struct loop *l);
void strangers_deinit(struct loop *l);
/* A bound socket is to be split (QHCP_E_IO with errno: it stays whole), closed, held or goes on. */
int strangers_split(struct loop_socket *s);
void strangers_close(struct loop_socket *s);
void strangers_hold(struct loop_socket *s, bool hold);
/* One turn's worth, whether or not they are due. */
void strangers_read(struct loop_socket *s);

#endif
