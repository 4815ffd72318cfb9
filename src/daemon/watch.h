/* What is watched follows the list of servers. */
#ifndef QHCP_DAEMON_WATCH_H
#define QHCP_DAEMON_WATCH_H

#include "conf/list.h"

struct forward;
struct loop;
struct probes;
struct qhcp_lb;
struct route;

/* Watches what `list` names and is not watched yet; 0, or the first failure with words. */
int watch_add(struct qhcp_lb *core, const struct list *list, char *words, size_t words_cap);

/* Lets go of what is in `old` and no longer in `list`.  QHCP_E_NOMEM. */
int watch_remove(struct qhcp_lb *core, struct probes *probes, struct forward *forward,
                 const struct list *old, const struct list *list);

/* Servers are dialled anew when this machine's own address has changed, until route_unwatch(ret).
 */
void watch_network(struct qhcp_lb *core, struct loop *loop, struct route *ret);

#endif
