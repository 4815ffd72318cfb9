/* The load balancer itself: is it well (GET /healthz), has it looked at every server (/readyz), and
 * what it is (/api/v1/self). */
#ifndef QHCP_ADMIN_ADMIN_SELF_H
#define QHCP_ADMIN_ADMIN_SELF_H

struct admin_request;

void admin_self_health(struct admin_request *q);
void admin_self_ready(struct admin_request *q);
void admin_self_show(struct admin_request *q);

#endif
