/* The machine or container as its providers see it, sampled once for all servers of a process that
 * share it.  For metrics.c alone. */
#ifndef QHCP_METRICS_MACHINE_H
#define QHCP_METRICS_MACHINE_H

#include "metrics/metrics.h"

struct machine;

/* QHCP_E_NOMEM. */
int machine_new(const struct metrics_root *root, struct machine **ret);
void machine_free(struct machine *m);

/* Samples, if the last sample is older than min_age; the first two come closer (METRICS_PAIR). */
void machine_sample(struct machine *m, qhcp_nsec now, qhcp_nsec min_age);
/* Samples taken, of the first two, and when the last one was. */
unsigned machine_samples(const struct machine *m);
qhcp_nsec machine_sampled_at(const struct machine *m);

/* The metrics, from 0 to machine_count - 1: their numbers, and their values at the last sample;
 * false: it has none now. */
size_t machine_count(void);
uint64_t machine_number(size_t i);
bool machine_value(const struct machine *m, size_t i, uint64_t *ret);

/* As metrics_changes. */
void machine_changes(struct machine *m,
                     void (*fn)(void *ctx, const char *name, const char *missing), void *ctx);

#endif
