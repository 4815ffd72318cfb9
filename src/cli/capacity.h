/* How much this machine lets the forwarder have. */
#ifndef QHCP_CLI_CAPACITY_H
#define QHCP_CLI_CAPACITY_H

#include "cli/options.h"

/* As many connections as there are descriptors for, at most those wanted; a warning where that is
 * fewer.  The process may have as many descriptors as it is allowed from then on. */
size_t capacity_connections(size_t wanted);

/* --threads, or one for each CPU. */
unsigned capacity_threads(const struct options *o);

#endif
