/* What the status shows of a load balancer: each server as the fleet has it, and what is forwarded
 * to it. */
#ifndef QHCP_DAEMON_WATCHED_H
#define QHCP_DAEMON_WATCHED_H

#include "status/status.h"

struct forward;
struct publisher;

struct watched {
    const struct publisher *publisher;
    const struct forward *forward;
};

/* w must stay where it is. */
struct status_fleet watched_fleet(const struct watched *w);

#endif
