/* What the status shows of a load balancer: the core's view of each server, and what is forwarded
 * to it. */
#ifndef QHCP_DAEMON_WATCHED_H
#define QHCP_DAEMON_WATCHED_H

#include "status/status.h"

struct forward;
struct qhcp_lb;

struct watched {
    struct qhcp_lb **core; /* made later */
    struct forward *forward;
};

/* w must stay where it is. */
struct status_fleet watched_fleet(struct watched *w);

#endif
