/* What is watched follows the list of servers. */
#ifndef QHCP_DAEMON_WATCH_H
#define QHCP_DAEMON_WATCH_H

#include "conf/list.h"

struct loop;
struct qhcp_lb;
struct qhcp_lb_config;
struct route;

/* Watches what `list` names and is not watched yet.  0, or the first failure with words; nothing
 * has changed then. */
int watch_add(struct qhcp_lb *core, const struct list *list, char *words, size_t words_cap);

/* A new configuration and the list that comes with it, instead of `old`: all of it, or nothing.
 * 0; or QHCP_E_* with words, and everything is as it was, but that servers which are new in the
 * list may have been watched for a moment. */
struct watch_change {
    struct qhcp_lb *core;
    const struct qhcp_lb_config *config;
    const struct list *old, *list;
    void *ctx;
    void (*removed)(void *ctx, const char *address); /* it was in `old`, and is not watched now */
};
int watch_change(const struct watch_change *change, char *words, size_t words_cap);

/* Servers are dialled anew when this machine's own address has changed, until route_unwatch(ret).
 */
void watch_network(struct qhcp_lb *core, struct loop *loop, struct route *ret);

#endif
