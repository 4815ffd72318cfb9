/* GET /api/v1/events: what has changed, from the fleet's log of changes: as JSON, or as server-sent
 * events (text/event-stream) that go on. */
#ifndef QHCP_ADMIN_ADMIN_EVENTS_H
#define QHCP_ADMIN_ADMIN_EVENTS_H

#include "base/text.h"
#include "fleet/ring.h"

struct admin_request;

void admin_events_get(struct admin_request *q);

/* One change as an object. */
void admin_events_json(struct text *t, const struct fleet_change *c);

#endif
