/* What a server measures of its machine or container: a registry of providers, one file each.
 *
 * A provider measures one registered metric (wire/registry.h), in the registry's unit.  CPU and
 * memory respect the cgroup's limits (v1 and v2) where there are any. */
#ifndef QHCP_METRICS_METRICS_H
#define QHCP_METRICS_METRICS_H

#include <stdbool.h>

#include "base/time.h"
#include "wire/message.h"

struct metrics;

/* Where the kernel's files are; tests point it at a tree of their own.  NULL members: the real. */
struct metrics_root {
    const char *proc;   /* "/proc" */
    const char *cgroup; /* "/sys/fs/cgroup" */
};

/* QHCP_E_NOMEM alone: files that are missing are metrics that are missing. */
int metrics_new(const struct metrics_root *root, struct metrics **ret);
/* The machine is sampled once for this and for `of`, which outlives it.  QHCP_E_NOMEM. */
int metrics_new_shared(const struct metrics *of, struct metrics **ret);
/* Nothing is measured: every value is metrics_set's.  QHCP_E_NOMEM. */
int metrics_new_given(struct metrics **ret);

/* Measures all, or takes what was measured for another who shares the machine, unless the last
 * sample is younger than `min_age`; false: nothing has changed.  CPU
 * use is a difference of two readings: the first sample has no figure for it, and the second one
 * may come METRICS_PAIR later, whatever min_age is. */
#define METRICS_PAIR (50 * NSEC_PER_MSEC) /* /proc/stat counts in ticks of up to 10 ms */
bool metrics_sample(struct metrics *m, qhcp_nsec now, qhcp_nsec min_age);

/* When such a call measures again.  There was a sample before. */
qhcp_nsec metrics_due(const struct metrics *m, qhcp_nsec min_age);

/* Were there two samples? */
bool metrics_paired(const struct metrics *m);

/* The newest values, ascending numbers, and the metrics' names and units, in the same order.  What
 * cannot be read now is in neither.  The names point into m or into the registry and stay. */
void metrics_values(const struct metrics *m, struct wire_values *ret);
void metrics_names(const struct metrics *m, struct wire_metrics *ret);

/* Calls fn for each metric of our own that could be read at the last sample and not at the one
 * before, or the other way round (before the first all could).  missing: what could not be read, or
 * NULL when it can again.  Differences are not missed at the first sample. */
void metrics_changes(struct metrics *m,
                     void (*fn)(void *ctx, const char *name, const char *missing), void *ctx);

/* An application's own value.  A registered name that no provider measures ("requests_in_flight")
 * keeps its number; any other is made at its first use with the next number from
 * WIRE_METRIC_APPLICATION_FIRST.  QHCP_E_FULL; QHCP_E_ARG for a bad name (1 to LIMIT_NAME of a-z,
 * 0-9 and _), a name that a provider measures, or another unit than the registry's or than before.
 */
int metrics_set(struct metrics *m, const char *name, unsigned unit, uint64_t value);

void metrics_free(struct metrics *m);

#endif
