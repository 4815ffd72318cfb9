/* One server of the fleet as JSON: the three truths apart (what its operator wants, what it says,
 * what we found), and what follows from them. */
#ifndef QHCP_ADMIN_ADMIN_SERVER_H
#define QHCP_ADMIN_ADMIN_SERVER_H

#include "base/text.h"
#include "fleet/snapshot.h"

struct admin_request;

/* Appends the object, after a comma where it needs one; s is e's. */
void admin_server_json(struct text *t, const struct fleet_snapshot *s, const struct fleet_entry *e);

/* GET /api/v1/servers, and /api/v1/servers/NAME. */
void admin_server_list(struct admin_request *q);
void admin_server_one(struct admin_request *q);

#endif
