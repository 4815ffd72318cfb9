/* What the kernel says of our own addresses and routes. */
#ifndef QHCP_LOOP_ROUTE_H
#define QHCP_LOOP_ROUTE_H

#include <stdbool.h>

#include "loop/loop.h"

#include <qhcp/types.h>

/* Its owner embeds it, zeroed; it stays where it is while it watches. */
struct route {
    struct loop_watch watch;
    void (*fn)(void *ctx, qhcp_nsec now);
    void *ctx;
};

/* The address that this machine sends from to `remote`, with port 0; false: it has no way there.
 * ctx is not used: this fits qhcp_lb_config. */
bool route_source(void *ctx, const union qhcp_addr *remote, union qhcp_addr *ret);

/* Calls fn after addresses or routes of this machine have changed, until route_unwatch.  QHCP_E_IO
 * with errno where the kernel does not tell (no netlink in this sandbox). */
int route_watch(struct loop *loop, struct route *r, void (*fn)(void *ctx, qhcp_nsec now),
                void *ctx);
/* Also of one that is zeroed, or does not watch. */
void route_unwatch(struct route *r);

#endif
