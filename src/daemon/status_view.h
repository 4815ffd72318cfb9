/* What the status shows of a load balancer: each server as the fleet has it, and what is forwarded
 * to it. */
#ifndef QHCP_DAEMON_STATUS_VIEW_H
#define QHCP_DAEMON_STATUS_VIEW_H

#include "status/status.h"

struct follow;
struct forward;
struct publisher;
struct telling;

struct status_view {
    const struct publisher *publisher;
    const struct forward *forward;
    const struct follow *follow;
    struct telling *telling;
};

/* w must stay where it is. */
struct status_fleet status_view_fleet(const struct status_view *w);

#endif
