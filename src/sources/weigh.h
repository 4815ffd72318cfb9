/* SRV's weights and priorities (RFC 2782: 0 to 65535 both) as ours. */
#ifndef QHCP_SOURCES_WEIGH_H
#define QHCP_SOURCES_WEIGH_H

#include "loop/records.h"

/* In place.  Weights above FLEET_WEIGHT_MAX are scaled down, all alike; 0, "a small chance", is 1.
 * The lowest priority becomes 0, the next one 1, and so on; from the sixteenth on they are one. */
void weigh(struct record *at, size_t n);

#endif
