/* A provider measures one registered metric (wire/registry.h).  A new one is a file with a
 * `struct provider`, and a row in metrics.c.
 *
 * It opens what it reads once, allocates only there, and never fails for good: what cannot be read
 * now has no value now. */
#ifndef QHCP_METRICS_PROVIDER_H
#define QHCP_METRICS_PROVIDER_H

#include <stdbool.h>

#include "metrics/metrics.h"

struct provider {
    uint64_t number;  /* of the metric, enum wire_metric_number */
    bool difference;  /* a value takes two readings some time apart */
    const char *from; /* where it comes from on every machine, for words */

    /* The members of root are set and outlive the provider.  NULL: out of memory. */
    void *(*open)(const struct metrics_root *root);
    /* Measures, in the registry's unit.  False: no value (this time). */
    bool (*sample)(void *self, qhcp_nsec now, uint64_t *ret);
    void (*close)(void *self);
};

#endif
