/* Limits of CPU time that cgroups set, each with the time used under it.  For cpu.c alone. */
#ifndef QHCP_METRICS_CPU_LIMIT_H
#define QHCP_METRICS_CPU_LIMIT_H

#include "metrics/cgroup.h"

enum { CPU_LIMITS = CGROUP_LEVELS + 1 }; /* a quota at every level, and one cpuset */

enum cpu_limit_kind {
    CPU_LIMIT_MAX,    /* v2, cpu.max: "QUOTA PERIOD" or "max PERIOD", microseconds */
    CPU_LIMIT_QUOTA,  /* v1, cpu.cfs_quota_us (-1: none) of cpu.cfs_period_us */
    CPU_LIMIT_CPUSET, /* a list of CPUs: "0-3,8" */
};

struct cpu_limit {
    enum cpu_limit_kind kind;
    int limit, period; /* files; period of v1 alone */
    int usage;         /* v2: cpu.stat; v1: cpuacct.usage */
    bool unified;
    uint64_t used; /* nanoseconds at the last reading */
};

/* Opens those of the process's group and its ancestors that can be read; returns how many. */
size_t cpu_limit_open(const struct cgroup_membership *m, const struct metrics_root *root,
                      struct cpu_limit ret[CPU_LIMITS]);
void cpu_limit_close(struct cpu_limit *limits, size_t n);

/* Nanoseconds of CPU time since the last reading, and how many CPUs' worth there may be (infinity:
 * no limit now).  False: it cannot be read any more. */
bool cpu_limit_read(struct cpu_limit *l, uint64_t *ret_used, double *ret_cpus);

#endif
