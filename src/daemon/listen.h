/* Opening the sockets of a subcommand, with words for what goes wrong. */
#ifndef QHCP_DAEMON_LISTEN_H
#define QHCP_DAEMON_LISTEN_H

#include "loop/loop.h"

/* Asks for room for the answers of a fleet that was probed at one moment; the kernel's
 * net.core.rmem_max bounds it. */
#define LISTEN_RCVBUF (4 << 20)

/* One address.  QHCP_E_IO with words that name the port and what to do. */
int listen_one(struct loop *l, const union qhcp_addr *addr, union qhcp_addr *ret_bound, char *words,
               size_t words_cap);

/* All of IPv4 and, where the machine has it, all of IPv6, on the same port (0: any, each its own).
 * If the machine lacks one of the two, the log says so; if it lacks both: QHCP_E_IO. */
int listen_any(struct loop *l, uint16_t port, char *words, size_t words_cap);

/* Strangers get their own sockets; if the kernel refuses that, the log says so, and everything goes
 * on. */
void listen_steer(struct loop *l, struct qhcp_steering steering);

/* A struct loop_client's `flooded`: says so on the log, at most once a minute. */
void listen_flooded(void *ctx, qhcp_nsec now, uint64_t n);

#endif
