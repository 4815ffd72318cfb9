/* A TCP connection that is only to find out whether somebody accepts it. */
#ifndef QHCP_CHECK_CONNECT_H
#define QHCP_CHECK_CONNECT_H

#include <qhcp/types.h>

/* Begins to connect, without waiting: the descriptor, or -1 with errno. */
int connect_begin(const union qhcp_addr *address);

/* It is writable: 0 when it is connected, else the errno. */
int connect_end(int fd);

/* Words for that errno. */
const char *connect_words(int error);

#endif
