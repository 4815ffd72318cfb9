/* Which of the sockets at one address gets a datagram: a program for the kernel (classic BPF). */
#ifndef QHCP_LOOP_STEER_H
#define QHCP_LOOP_STEER_H

#include <stdbool.h>

#include <qhcp/types.h>

/* fd is in a group that shares an address by SO_REUSEPORT: from now on the socket that joined
 * second gets the datagrams whose destination connection ID, in a long or a short header (RFC 9000,
 * 17), begins with the prefix; the first gets all others, and those that are too short to tell.
 * patient: the socket that joined third gets those of the second's that say by their spin bit that
 * they may wait (docs/protocol.md, Answers that may wait).
 * 0, or -1 with errno. */
int steer_attach(int fd, const struct qhcp_steering *steering, bool patient);

#endif
