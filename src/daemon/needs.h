/* What a process needs of this machine, and what it got: said at the start where that is too
 * little, with what to do. */
#ifndef QHCP_DAEMON_NEEDS_H
#define QHCP_DAEMON_NEEDS_H

#include "loop/loop.h"

/* The process may have as many descriptors as it is allowed from then on.  QHCP_E_FULL with words:
 * that is fewer than `least`, with which it could not even start. */
int needs_descriptors(size_t least, char *words, size_t words_cap);

/* Room in the receive buffers of the bound sockets for a datagram of each of so many peers at
 * once, as they wait after a moment in which this process did not run.  Where the kernel allows
 * less, the log says so: what it drops then is counted, and excused (health/local.h). */
void needs_room(struct loop *l, size_t peers);

/* Memory for so many sessions, besides `alone` bytes: of control groups, and of the process's
 * limits (ulimit -v, -d).  Where that is less, the log says so. */
void needs_memory(size_t alone, size_t sessions);

#endif
