/* Servers that are no longer in the list, while connections still go to them: they end by
 * themselves until --max-drain is over, and are reset then. */
#ifndef QHCP_DAEMON_REMOVED_H
#define QHCP_DAEMON_REMOVED_H

#include <stddef.h>

#include "base/time.h"

struct proxy;
struct removed; /* NULL: none */

/* id: the proxy's; at: when its connections are reset.  Without memory they go on. */
void removed_add(struct removed **all, size_t id, const char *address, qhcp_nsec at);
qhcp_nsec removed_deadline(const struct removed *all);
void removed_expire(struct removed **all, qhcp_nsec now, struct proxy *p);
void removed_free(struct removed **all);

#endif
