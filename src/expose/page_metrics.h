/* GET /metrics of `qhcp server`: few families, whose names begin with qhcp_agent_
 * (docs/metrics.md); in Prometheus's text format 0.0.4, or OpenMetrics 1.0.  Inside src/expose
 * alone. */
#ifndef QHCP_EXPOSE_PAGE_METRICS_H
#define QHCP_EXPOSE_PAGE_METRICS_H

#include "base/text.h"
#include "expose/expose.h"

const char *page_metrics_type(bool open_metrics);
void page_metrics_put(struct expose *e, bool open_metrics, struct text *t);

#endif
