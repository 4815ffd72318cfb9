/* How much this machine lets the forwarder have. */
#ifndef QHCP_DAEMON_CAPACITY_H
#define QHCP_DAEMON_CAPACITY_H

#include "daemon/lb_options.h"

struct capacity {
    size_t connections; /* at once */
    size_t pipes;       /* for bulk, which goes without if there is none */
};

/* What so many descriptors are enough for, at most so many connections.  All of it at once leaves
 * `others` at least for everything else that the process has. */
struct capacity capacity_of(size_t descriptors, size_t others, size_t wanted);

/* The same of this process's limit and --max-connections; says so where that is fewer. */
struct capacity capacity_find(const struct lb_options *o);

/* Descriptors without which it does not start. */
size_t capacity_least(const struct lb_options *o);

/* --threads, or one for each CPU. */
unsigned capacity_threads(const struct lb_options *o);

#endif
