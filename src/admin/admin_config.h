/* The configuration over HTTP: GET and PATCH /api/v1/config, and the action `algorithm`, which is
 * the change of one option.  Read from the copy of the options that other threads have
 * (conf/in_force.h); a change is judged here, and put in force by a wish. */
#ifndef QHCP_ADMIN_ADMIN_CONFIG_H
#define QHCP_ADMIN_ADMIN_CONFIG_H

struct admin_request;

void admin_config_show(struct admin_request *q);
void admin_config_change(struct admin_request *q);
void admin_config_algorithm(struct admin_request *q);

#endif
