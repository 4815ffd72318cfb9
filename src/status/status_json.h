/* The status as JSON lines (RFC 8259, one object a line). */
#ifndef QHCP_STATUS_STATUS_JSON_H
#define QHCP_STATUS_STATUS_JSON_H

#include <stdint.h>

#include "status/status.h"

#define STATUS_JSON_SCHEMA 2 /* another number when a member changes its meaning, or goes */

/* {"type":"status",...}\n */
void status_json_fleet(struct text *t, const struct status_fleet *fleet, struct status_moment at);
/* {"type":"event",...}\n; ms: milliseconds since 1970 */
void status_json_event(struct text *t, const struct qhcp_event *event, const char *name,
                       int64_t ms);
/* {"type":"added",...}, "removed", "changed" */
void status_json_listed(struct text *t, const struct status_listed *listed, int64_t ms);
void status_json_panic(struct text *t, const struct qhcp_panic *panic, int64_t ms);
/* {"type":"dropped","time":...,"count":N}\n */
void status_json_dropped(struct text *t, uint64_t count, int64_t ms);

/* A metric's value as a number: percent with 2 decimals, thousandths with 3, else whole. */
void status_json_value(struct text *t, const struct qhcp_value *value);

#endif
