/* GET /metrics: what Prometheus scrapes, in its text format or in OpenMetrics as the client accepts
 * (OpenMetrics 1.0; docs/metrics.md has the names).
 *
 * A family is a row of a table.  Those of each server cost a line for each; the eight that most
 * need are there by default, the others by name[]. */
#ifndef QHCP_ADMIN_ADMIN_METRICS_H
#define QHCP_ADMIN_ADMIN_METRICS_H

struct admin_request;

void admin_metrics_show(struct admin_request *q);

#endif
