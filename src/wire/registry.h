/* The registries: metrics and their units (docs/protocol.md, "Metrics").  A row here is all that a
 * new registered metric needs on the wire; its provider is one file in src/metrics. */
#ifndef QHCP_WIRE_REGISTRY_H
#define QHCP_WIRE_REGISTRY_H

#include "base/slice.h"

enum wire_unit {
    WIRE_UNIT_NONE = 0,    /* a plain number */
    WIRE_UNIT_PERCENT = 1, /* hundredths of a percent */
    WIRE_UNIT_BYTES = 2,
    WIRE_UNIT_USEC = 3,  /* microseconds */
    WIRE_UNIT_MILLI = 4, /* thousandths: rates, load averages */
};

enum wire_metric_number {
    WIRE_METRIC_CPU = 1,                /* cpu_usage_percent, required of every server */
    WIRE_METRIC_MEMORY = 2,             /* memory_usage_percent, required of every server */
    WIRE_METRIC_APPLICATION_FIRST = 64, /* from here: an application's own, named in ACK */
};

struct wire_metric_row {
    uint64_t number;
    const char *name;
    enum wire_unit unit;
    uint64_t max; /* greatest value that makes sense; 0: none */
    const char *doc;
};

/* The registered metric of that number or name; NULL if there is none. */
const struct wire_metric_row *wire_metric_by_number(uint64_t number);
const struct wire_metric_row *wire_metric_by_name(struct slice name);

/* "percent", "bytes", ...; "number" for an unknown unit. */
const char *wire_unit_name(uint64_t unit);

/* The registered unit or status of that number; NULL if there is none. */
struct wire_word {
    const char *name, *doc;
};
const struct wire_word *wire_unit(uint64_t unit);
const struct wire_word *wire_status(uint64_t status); /* enum qhcp_status */

#endif
