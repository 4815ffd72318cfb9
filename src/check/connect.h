/* A TCP connection that only finds out whether a program would accept it.  A reset ends it instead
 * of the handshake's last packet, which the kernel holds back for that: the application behind the
 * port sees nothing, as with HAProxy's checks. */
#ifndef QHCP_CHECK_CONNECT_H
#define QHCP_CHECK_CONNECT_H

#include <qhcp/types.h>

/* Begins to connect, without waiting: the descriptor, or -1 with errno. */
int connect_begin(const union qhcp_addr *address);

/* It is writable: 0 when it is connected, else the errno. */
int connect_end(int fd);

/* Says by the header of the PROXY protocol, version 2, that this connection is the proxy's own
 * (LOCAL: HAProxy's doc/proxy-protocol.txt, 2.2).  The application sees this connection. */
void connect_say_local(int fd);

/* Ends it by a reset, which leaves no port of ours in TIME-WAIT. */
void connect_close(int fd);

/* Words for that errno. */
const char *connect_words(int error);

#endif
