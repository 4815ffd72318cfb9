/* What a whole file says of the servers: those that have a data port, in the order of their names,
 * so that the same servers make the same file. */
#ifndef QHCP_SINKS_SINK_PLACES_H
#define QHCP_SINKS_SINK_PLACES_H

#include "sinks/sink.h"

struct sink_place {
    const struct say *say;
    const struct fleet_entry *entry;
};

/* May others be told of this data port?  Not of AF_UNSPEC; nor of an address with a zone, of one
 * link, which means nothing to another program. */
bool sink_place_is_known(const union qhcp_addr *target);

/* The servers of the view that were looked at, and whose data port is known; free() *ret.
 * QHCP_E_NOMEM. */
int sink_places(const struct sink_view *view, struct sink_place **ret, size_t *ret_n);

/* The tiers of these places, without gaps: 0 for the lowest priority among them, 1 for the next. */
struct sink_tiers {
    unsigned rank[FLEET_TIERS]; /* by priority */
    unsigned n;
};
void sink_tiers(const struct sink_place *places, size_t n, struct sink_tiers *ret);

#endif
