/* What a server reports of itself, as balancing wants it. */
#ifndef QHCP_DAEMON_REPORTED_H
#define QHCP_DAEMON_REPORTED_H

#include <stdint.h>

#include <qhcp/lb.h>

/* A metric of this name; FLEET_UNKNOWN: it reports none. */
uint32_t reported_value(const struct qhcp_view *view, const char *name);
/* In permille: the application's own word where --metrics asks for it and there is one, else its
 * CPU's. */
uint32_t reported_utilization(const struct qhcp_view *view);

#endif
