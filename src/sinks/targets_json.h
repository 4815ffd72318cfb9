/* Servers as targets of Prometheus, in the form that its service discovery by file and by HTTP
 * share
 * ("HTTP service discovery" in its documentation): [{"targets":["10.0.0.1:8080"],"labels":{...}}].
 *
 * The target is where the server's service is; until that is known, its address as listed.  The
 * labels have names that Prometheus drops after relabelling. */
#ifndef QHCP_SINKS_TARGETS_JSON_H
#define QHCP_SINKS_TARGETS_JSON_H

#include "base/text.h"
#include "fleet/snapshot.h"

/* One server's object.  port: instead of the service's; 0: that.  False: nothing was added, since
 * that port could not be put behind its address. */
bool targets_json_one(struct text *t, const struct fleet_entry *e, uint16_t port);

/* All of them, in the order of their names. */
void targets_json(const struct fleet_snapshot *s, uint16_t port, struct text *ret);

/* Could targets_json have written this? */
bool targets_json_is(const char *content);

#endif
