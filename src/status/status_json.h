/* The status as JSON lines (RFC 8259, one object a line). */
#ifndef QHCP_STATUS_STATUS_JSON_H
#define QHCP_STATUS_STATUS_JSON_H

#include <stdint.h>

#include "status/status.h"

/* {"type":"status",...}\n; ms: wall clock, milliseconds since 1970. */
void status_json_fleet(struct text *t, const struct status_fleet *fleet, int64_t ms);
/* {"type":"event",...}\n */
void status_json_event(struct text *t, const struct qhcp_event *event, int64_t ms);
void status_json_panic(struct text *t, const struct qhcp_panic *panic, int64_t ms);
/* {"type":"dropped","time":...,"count":N}\n */
void status_json_dropped(struct text *t, uint64_t count, int64_t ms);

/* A metric's value as a number: percent with 2 decimals, thousandths with 3, else whole. */
void status_json_value(struct text *t, const struct qhcp_value *value);

#endif
