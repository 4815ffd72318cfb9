/* The core follows this machine's own addresses. */
#ifndef QHCP_DAEMON_WATCH_H
#define QHCP_DAEMON_WATCH_H

struct loop;
struct qhcp_lb;
struct route;

/* Servers are dialled anew when this machine's own address has changed, until route_unwatch(ret).
 */
void watch_network(struct qhcp_lb *core, struct loop *loop, struct route *ret);

#endif
