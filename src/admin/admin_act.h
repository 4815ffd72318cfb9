/* What an operator wants of a server, or of the load balancer: POST .../drain, undrain,
 * maintenance and weight; /api/v1/reload.  Each is a wish (fleet/wish.h), answered once what was
 * done is published: with the server as it is then. */
#ifndef QHCP_ADMIN_ADMIN_ACT_H
#define QHCP_ADMIN_ADMIN_ACT_H

#define ADMIN_REASON 200 /* bytes of an operator's reason, with its NUL */

struct admin_request;

void admin_act_drain(struct admin_request *q);
void admin_act_undrain(struct admin_request *q);
void admin_act_maintenance(struct admin_request *q);
void admin_act_weight(struct admin_request *q);
void admin_act_reload(struct admin_request *q);

#endif
