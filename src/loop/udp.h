/* UDP sockets in batches: recvmmsg, sendmmsg, the error queue.  Linux only. */
#ifndef QHCP_LOOP_UDP_H
#define QHCP_LOOP_UDP_H

#include <stdbool.h>

#include "base/time.h"

#define UDP_BATCH 64

struct udp; /* one socket and its batch buffers */

/* Binds a non-blocking socket; IPv6 sockets are V6ONLY.  Sets IP_RECVERR, IP_PKTINFO, IP_RECVTOS,
 * DF whatever the path is said to carry (IP_PMTUDISC_PROBE), and a receive buffer of rcvbuf bytes
 * (0: the system's).  QHCP_E_IO with errno kept (EADDRINUSE, EAFNOSUPPORT, ...). */
int udp_open(const union qhcp_addr *bind, int rcvbuf, struct udp **ret);
/* Takes over n sockets that somebody bound to one address, in the order in which they were bound.
 * More than one (SO_REUSEPORT) are for udp_split and udp_join, which the kernel refuses to open
 * beside another user's.  They are ours from then on, also after a failure: QHCP_E_IO with errno,
 * EINVAL for one of IPv6 that gets IPv4 too. */
#define UDP_SPARES 2
int udp_adopt(const int *fds, size_t n, int rcvbuf, struct udp **ret);
/* Another socket on the same address: *ret gets the datagrams that steering describes, u from now
 * on all others, and what either has no room for, the other does not feel.  ICMP errors come to any
 * of the two.  QHCP_E_IO with errno kept: u is as before. */
int udp_split(struct udp *u, int rcvbuf, const struct qhcp_steering *steering, struct udp **ret);
/* A third socket on the address of one that was split, for the datagrams of `ours` that may wait,
 * once udp_steer says so.  QHCP_E_IO with errno kept. */
int udp_join(struct udp *ours, int rcvbuf, struct udp **ret);
/* Of a socket that was split: do those that may wait come to the third one?  QHCP_E_IO with errno:
 * it is as before. */
int udp_steer(struct udp *ours, const struct qhcp_steering *steering, bool patient);
void udp_close(struct udp *u);
/* A receive buffer of rcvbuf bytes.  What it got, as the kernel counts: with the overhead of each
 * datagram, for which it takes twice of what is asked for. */
size_t udp_grow(struct udp *u, int rcvbuf);
int udp_fd(const struct udp *u);
void udp_local(const struct udp *u, union qhcp_addr *ret);

/* Reads up to UDP_BATCH packets, valid until the next call.  The number, 0 when none waits,
 * QHCP_E_IO.  Pending socket errors (ICMP) are not failures: they are in the error queue. */
int udp_receive(struct udp *u, struct qhcp_packet **ret);
/* At most so many (up to UDP_BATCH). */
int udp_receive_some(struct udp *u, size_t most, struct qhcp_packet **ret);

/* How many datagrams the receive buffer had no room for since the last call, as far as the packets
 * received tell (SO_RXQ_OVFL: each says what was dropped before it). */
uint32_t udp_take_dropped(struct udp *u);

/* Room for the core to fill: UDP_BATCH packets with data and cap set. */
struct qhcp_packet *udp_room(struct udp *u);

/* Sends the first n packets of udp_room.  A send that fails with an error meant for another
 * destination is tried again (trap 6); a full socket buffer keeps the rest: the number sent;
 * udp_pending says how many wait for the socket to be writable, udp_flush tries them again. */
int udp_send(struct udp *u, size_t n);
size_t udp_pending(const struct udp *u);
/* Has a packet not left for lack of room or memory since the last call? */
bool udp_take_blocked(struct udp *u);
int udp_flush(struct udp *u);

/* One entry of the error queue: destination of the packet that failed, errno-like reason
 * (ECONNREFUSED, EHOSTUNREACH, ENETUNREACH...), and the quoted payload (borrowed; NULL when no ICMP
 * message told it but this machine itself).  EMSGSIZE is this machine's own interface: what ICMP
 * claims of a path's MTU is left out.
 * 1, or 0 when the queue is empty. */
struct udp_error {
    union qhcp_addr remote;
    int error;
    bool icmp;
    const uint8_t *quoted;
    size_t quoted_len;
};
int udp_next_error(struct udp *u, struct udp_error *ret);

#endif
