/* A rule on a metric: "cpu_usage_percent>90 for 5s" makes a server degraded.
 *
 * In: the rule's text once, then values with their times.  Out: whether the rule holds, and when to
 * look again although no value came.  Pure: no clock, no heap.
 *
 *     METRIC > VALUE [clear VALUE] [for DURATION]        (or <)
 *
 * A value is quantity.h's, a duration value.h's.  The rule holds once every value of DURATION was
 * beyond VALUE.  It is over at the first value that is not beyond `clear` (by default VALUE less a
 * tenth for >, and more a tenth for <), so that a metric on the brink does not make the status
 * flap. */
#ifndef QHCP_METRICS_THRESHOLD_H
#define QHCP_METRICS_THRESHOLD_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/time.h"

#define THRESHOLD_WORDS 160 /* room for threshold_words */

struct threshold {
    char metric[LIMIT_NAME + 1];
    unsigned unit;
    bool below; /* "<" */
    uint64_t limit, clear;
    qhcp_nsec hold; /* how long it must last; 0: no time at all */

    bool beyond; /* the newest value is */
    bool holds;
    qhcp_nsec since; /* while beyond */
    uint64_t seen;   /* the value with which it began to hold */
};

/* Finds a metric's unit; false: there is no such metric. */
typedef bool (*threshold_unit_fn)(const void *ctx, const char *metric, unsigned *ret_unit);

/* A finder that knows the registered metrics alone; ctx is not used. */
bool threshold_registered(const void *ctx, const char *metric, unsigned *ret_unit);

/* QHCP_E_PARSE, QHCP_E_NOT_FOUND (no such metric) or QHCP_E_ARG (a limit that makes no sense), with
 * words that quote the bad part and name its place. */
int threshold_parse(const char *text, threshold_unit_fn unit, const void *ctx,
                    struct threshold *ret, char *words, size_t words_cap);

/* A value came; `known` false: the metric cannot be read now, which ends the rule's hold. */
void threshold_value(struct threshold *t, qhcp_nsec now, bool known, uint64_t value);

/* When it will hold unless a value comes that is not beyond; NSEC_NEVER: not by waiting alone. */
qhcp_nsec threshold_deadline(const struct threshold *t);

/* Why it holds: "cpu_usage_percent is 97.2: over 90 for 5s".  Stable while it holds. */
void threshold_words(const struct threshold *t, char *ret, size_t cap);

#endif
