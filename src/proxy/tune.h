/* Options of TCP sockets. */
#ifndef QHCP_PROXY_TUNE_H
#define QHCP_PROXY_TUNE_H

#include "base/time.h"

/* The kernel asks a peer that was silent for so long whether it is there; after three more thirds
 * of that without an answer the connection is broken.  0: it does not ask. */
void tune_keep_alive(int fd, qhcp_nsec idle);

/* Limits what waits in this socket to be sent: the writer must wait.  A peer that does not read
 * takes no more memory than that and what is on its way. */
void tune_unsent(int fd);

#endif
