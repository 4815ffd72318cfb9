/* A provider measures one registered metric (wire/registry.h).  A new one is a file with a
 * `struct provider`, and a row in metrics.c.
 *
 * It keeps no descriptor: a kernel's file is opened for each reading, but for site->stat.  It never
 * fails for good: what cannot be read now has no value now. */
#ifndef QHCP_METRICS_PROVIDER_H
#define QHCP_METRICS_PROVIDER_H

#include <stdbool.h>

#include "metrics/cgroup.h"

struct provider {
    uint64_t number;  /* of the metric, enum wire_metric_number */
    bool difference;  /* a value takes two readings some time apart */
    const char *from; /* where it comes from on every machine, for words */
    size_t size;      /* of what it remembers between readings, zeroed at first; 0: nothing */

    /* Measures, in the registry's unit.  self: what it remembers.  False: no value (this time). */
    bool (*sample)(void *self, const struct cgroup_site *site, qhcp_nsec now, uint64_t *ret);
};

#endif
