/* Networks that change between us and the servers.
 *
 * Our own address: after a notice of the kernel every backend is looked at, a few at a time.  If we
 * would now reach it from another address than before, we connect to it again, without a verdict:
 * the server does not know the address from which its session's packets leave.
 *
 * NATs: connection tracking keeps a flow on its old target for as long as packets of the same
 * addresses and ports keep coming, and ours come from one port, often.  So a server that is down
 * and does not answer is also tried from another port, each time a fresh one, while there is a port
 * without a live connection. */
#ifndef QHCP_LB_PATHS_H
#define QHCP_LB_PATHS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#include <qhcp/types.h>

struct backend;
struct qhcp_lb;

#define PATHS_PORTS 3 /* of ours besides the usual one ... */
#define PATHS_PORT_FIRST                                                                           \
    61000 /* ... from here on: the kernel's own choice ends below by default                       \
           */
#define PATHS_PORT_SHARED (500 * NSEC_PER_MSEC) /* by those that want another within so long */
#define PATHS_ELSEWHERE (10 * NSEC_PER_MSEC)    /* between two attempts from another port */
#define PATHS_NO_WAY                                                                               \
    (2 * NSEC_PER_SEC)      /* without one of our own to a server: no verdict before               \
                             */
#define PATHS_LOOK 16       /* backends looked at in one go, after our own addresses have changed */
#define PATHS_LOOK_ROUTES 8 /* questions that have to have the same answer */
#define PATHS_LOOK_SETTLE                                                                          \
    (50 * NSEC_PER_MSEC)                       /* from a notice of it to the look: more may come   \
                                                */
#define PATHS_LOOK_PAUSE (500 * NSEC_PER_MSEC) /* between two looks */

/* Of one server; embedded in struct backend; only paths.c changes it. */
struct paths {
    union qhcp_addr source; /* our address towards it at the last dial; AF_UNSPEC: unknown */
    int icmp_error;         /* errno of the last ICMP for it */
    qhcp_nsec no_way_since, no_way_last; /* this machine itself has had no way there */
};

/* Of all; embedded in struct qhcp_lb. */
struct paths_all {
    uint16_t ports[PATHS_PORTS]; /* of ours besides the usual one; 0: none yet */
    unsigned newest, made;
    qhcp_nsec until;          /* the newest is given out until then */
    qhcp_nsec elsewhere_from; /* no attempt from another port before */
    qhcp_nsec look_at;        /* when backends are looked at for our own change of address */
    qhcp_nsec look_from;      /* not before */
    size_t look_next;
};

/* b is being dialled at `remote`. */
void paths_dialled(struct backend *b, const union qhcp_addr *remote);
/* Another port of ours to connect from; 0: not now, there are enough. */
uint16_t paths_port(struct qhcp_lb *lb, qhcp_nsec now);
void paths_moved(struct qhcp_lb *lb, qhcp_nsec now);
/* ICMP, or this machine's own word, on b: errno. */
void paths_icmp(struct backend *b, int error);
/* This machine's own word on b: it has no way there, and that is not for long yet.  An address that
 * is renewed, a link that fails over, a firewall that is loaded anew: there is none for a moment.
 */
bool paths_no_way(struct backend *b, qhcp_nsec now);
/* Looks at a few backends, once look_at has come. */
void paths_look(struct qhcp_lb *lb, qhcp_nsec now);
/* No look is due. */
void paths_idle(struct qhcp_lb *lb);

#endif
