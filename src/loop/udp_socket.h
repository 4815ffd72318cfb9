/* The descriptor of a UDP socket with the options that udp.h promises: a new one, or one that the
 * service manager opened. */
#ifndef QHCP_LOOP_UDP_SOCKET_H
#define QHCP_LOOP_UDP_SOCKET_H

#include <stdbool.h>

#include <qhcp/types.h>

int udp_socket_option(int fd, int level, int name, int value);

/* Bound to the address; shared: beside others of the same user.  -1 with errno. */
int udp_socket_open(const union qhcp_addr *bind_to, int rcvbuf, bool shared);

/* Makes one that is bound already like one of ours; it stays the caller's.  -1 with errno: EINVAL
 * for one of IPv6 that gets IPv4 too, which can be changed no more. */
int udp_socket_adopt(int fd, int rcvbuf);

/* Does this errno say something about an earlier packet, not about the call? */
bool udp_socket_pending_error(int error);

#endif
