/* Servers that are no longer in the list, while connections still go to them: they end by
 * themselves until --max-drain is over, and are reset then. */
#ifndef QHCP_DAEMON_REMOVED_H
#define QHCP_DAEMON_REMOVED_H

#include <stddef.h>

#include "base/time.h"

struct proxy;
struct removed;

/* Zeroed: there are none. */
struct removed_all {
    struct removed *first;
    qhcp_nsec next; /* the earliest end, if there is one */
};

/* id: the proxy's; at: when its connections are reset.  Without memory they go on. */
void removed_add(struct removed_all *all, size_t id, const char *address, qhcp_nsec at);
/* Costs the same for any number of them: the loop asks before every wait. */
qhcp_nsec removed_deadline(const struct removed_all *all);
void removed_expire(struct removed_all *all, qhcp_nsec now, struct proxy *p);
void removed_free(struct removed_all *all);

#endif
