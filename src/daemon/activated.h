/* Sockets that the service manager, or another program, opened for this process: socket activation
 * (sd_listen_fds(3)), with or without systemd.
 *
 * In: LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, and descriptors from 3 on.  Out: UDP sockets for the
 * checks, listening TCP sockets for the forwarder.  So a port below 1024 needs no right, clients
 * wait while the process is started again, and a test can hand over a port that it has. */
#ifndef QHCP_DAEMON_ACTIVATED_H
#define QHCP_DAEMON_ACTIVATED_H

#include <stdbool.h>
#include <stddef.h>

#include <qhcp/types.h>

struct handover_gift;
struct loop;

#define ACTIVATED_UDP                                                                              \
    3 /* of one address: strangers', sessions', and what may wait (loop/udp.h)                     \
       */
#define ACTIVATED_TCP 128

struct activated {
    int udp[2][ACTIVATED_UDP]; /* of IPv4, and of IPv6 */
    size_t n_udp[2];
    int tcp[ACTIVATED_TCP];
    unsigned n_tcp;
};

/* Takes them from the environment, which names them no more then; none is fine.  QHCP_E_ARG with
 * words for what is neither.  While this process has opened no descriptor of its own. */
int activated_take(struct activated *ret, char *words, size_t words_cap);

/* Gives the loop the UDP sockets; *ret_n: how many addresses there are (0: open your own).  Their
 * port must be `port`.  *ret_bound (may be NULL) is the first one's address.  QHCP_E_ARG,
 * QHCP_E_IO, with words. */
int activated_udp(struct activated *a, struct loop *l, uint16_t port, size_t *ret_n,
                  union qhcp_addr *ret_bound, char *words, size_t words_cap);

/* The port of the first TCP socket; 0: there is none. */
uint16_t activated_port(const struct activated *a);

#endif
