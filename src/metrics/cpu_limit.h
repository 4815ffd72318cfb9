/* The limits of CPU time that cgroups set, each with the time used under it.  For cpu.c alone. */
#ifndef QHCP_METRICS_CPU_LIMIT_H
#define QHCP_METRICS_CPU_LIMIT_H

#include "metrics/cgroup.h"

/* One limit, and the time used under it. */
struct cpu_limit {
    double cpus;   /* how many CPUs' worth of time there may be; infinity: no limit */
    bool known;    /* `used` is: it was read at the last reading */
    uint64_t used; /* ns */
};

/* Zeroed: nothing was looked for. */
struct cpu_limits {
    bool accounting;     /* v1: time is counted in a hierarchy of its own, */
    struct cgroup time;  /* in this group */
    struct cgroup quota; /* the process's own group where quotas are */
    size_t n_quotas;
    struct cpu_limit quotas[CGROUP_LEVELS]; /* of that group, of its parent, ... */
    struct cgroup member;                   /* the group whose time counts against the cpuset */
    struct cpu_limit cpuset;
};

/* Looks for the groups and their limits.  The time used is kept where they are the same as before.
 */
void cpu_limits_find(struct cpu_limits *l, const struct cgroup_site *site);

/* The greatest part of what one of the limits below `machine_cpus` allows within `elapsed` ns that
 * was used since the last reading (1: all of it).  A limit that cannot be read, now or at the last
 * reading, is passed over.  False: there is none. */
bool cpu_limits_busiest(struct cpu_limits *l, double machine_cpus, qhcp_nsec elapsed, double *ret);

#endif
