#include "metrics/cpu_limit.h"

#include <math.h>
#include <string.h>

#include "base/os/procfs.h"

static bool read_max(int fd, double *ret)
{
    char text[64];
    const char *p = text;
    uint64_t quota, period;

    if (!procfs_text(fd, text, sizeof text))
        return false;
    if (strncmp(text, "max ", 4) == 0) {
        *ret = INFINITY;
        return true;
    }
    if (!procfs_digits(&p, &quota) || *p++ != ' ' || !procfs_digits(&p, &period))
        return false;
    if (quota == 0 || period == 0)
        return false;
    *ret = (double)quota / (double)period;
    return true;
}

static bool read_quota(const struct cpu_limit *l, double *ret)
{
    char text[32];
    uint64_t quota, period;

    if (!procfs_text(l->limit, text, sizeof text))
        return false;
    if (strcmp(text, "-1\n") == 0) {
        *ret = INFINITY;
        return true;
    }
    if (!procfs_number(l->limit, &quota) || !procfs_number(l->period, &period))
        return false;
    if (quota == 0 || period == 0)
        return false;
    *ret = (double)quota / (double)period;
    return true;
}

/* One CPU or a range of them, "8" or "0-3". */
static bool read_range(const char **p, uint64_t *ret_count)
{
    uint64_t first, last;

    if (!procfs_digits(p, &first))
        return false;
    last = first;
    if (**p == '-') {
        (*p)++;
        if (!procfs_digits(p, &last))
            return false;
    }
    if (last < first || last > UINT16_MAX)
        return false;
    *ret_count = last - first + 1;
    return true;
}

/* CPUs in "0-3,8,10-11". */
static bool read_cpuset(int fd, double *ret)
{
    char text[4096];
    const char *p = text;
    uint64_t count = 0, range;

    if (!procfs_text(fd, text, sizeof text))
        return false;
    for (;; p++) {
        if (!read_range(&p, &range))
            return false;
        count += range;
        if (*p != ',')
            break;
    }
    if (*p != '\n' && *p != '\0')
        return false;
    *ret = (double)count;
    return true;
}

static bool read_cpus(const struct cpu_limit *l, double *ret)
{
    switch (l->kind) {
    case CPU_LIMIT_MAX:
        return read_max(l->limit, ret);
    case CPU_LIMIT_QUOTA:
        return read_quota(l, ret);
    case CPU_LIMIT_CPUSET:
        return read_cpuset(l->limit, ret);
    }
    return false;
}

static bool read_used(const struct cpu_limit *l, uint64_t *ret)
{
    char text[1024];
    uint64_t usec;

    if (!l->unified)
        return procfs_number(l->usage, ret);
    if (!procfs_text(l->usage, text, sizeof text) || !procfs_field(text, "usage_usec", &usec) ||
        usec > UINT64_MAX / 1000)
        return false;
    *ret = usec * 1000;
    return true;
}

bool cpu_limit_read(struct cpu_limit *l, uint64_t *ret_used, double *ret_cpus)
{
    uint64_t used;
    double cpus;

    if (!read_used(l, &used) || !read_cpus(l, &cpus))
        return false;
    *ret_used = used > l->used ? used - l->used : 0;
    *ret_cpus = cpus;
    l->used = used;
    return true;
}

void cpu_limit_close(struct cpu_limit *limits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        procfs_close(&limits[i].limit);
        procfs_close(&limits[i].period);
        procfs_close(&limits[i].usage);
    }
}

/* Keeps a limit whose files can be read. */
static size_t keep(struct cpu_limit *l)
{
    uint64_t used;
    double cpus;

    if (cpu_limit_read(l, &used, &cpus))
        return 1;
    cpu_limit_close(l, 1);
    return 0;
}

/* The time used at this level of another v1 hierarchy: cpu and cpuacct are often mounted apart. */
static int open_usage(const struct cgroup *g, const struct cgroup *accounting)
{
    struct cgroup twin;

    if (g->unified)
        return procfs_open(g->dir, "cpu.stat");
    if (accounting == NULL || accounting->mount + strlen(g->dir + g->mount) >= CGROUP_DIR)
        return -1;
    memcpy(twin.dir, accounting->dir, accounting->mount);
    memcpy(twin.dir + accounting->mount, g->dir + g->mount, strlen(g->dir + g->mount) + 1);
    return procfs_open(twin.dir, "cpuacct.usage");
}

static size_t open_quota(const struct cgroup *g, const struct cgroup *accounting,
                         struct cpu_limit *ret)
{
    *ret = (struct cpu_limit){
        .kind = g->unified ? CPU_LIMIT_MAX : CPU_LIMIT_QUOTA,
        .limit = procfs_open(g->dir, g->unified ? "cpu.max" : "cpu.cfs_quota_us"),
        .period = g->unified ? -1 : procfs_open(g->dir, "cpu.cfs_period_us"),
        .usage = open_usage(g, accounting),
        .unified = g->unified,
    };
    return keep(ret);
}

/* What is in effect includes every ancestor's cpuset; v2 shows it where the controller is on, so
 * from the group upwards the first that has it.  The time is the group's own all the same. */
static size_t open_cpuset(struct cgroup g, const struct cgroup *accounting, struct cpu_limit *ret)
{
    *ret = (struct cpu_limit){.kind = CPU_LIMIT_CPUSET,
                              .limit = -1,
                              .period = -1,
                              .usage = open_usage(accounting != NULL ? accounting : &g, accounting),
                              .unified = accounting == NULL};
    do {
        ret->limit =
            procfs_open(g.dir, g.unified ? "cpuset.cpus.effective" : "cpuset.effective_cpus");
        if (ret->limit < 0 && !g.unified)
            ret->limit = procfs_open(g.dir, "cpuset.cpus");
    } while (ret->limit < 0 && cgroup_up(&g));
    return keep(ret);
}

size_t cpu_limit_open(const struct cgroup_membership *m, const struct metrics_root *root,
                      struct cpu_limit ret[CPU_LIMITS])
{
    struct cgroup quota, set, time;
    const struct cgroup *accounting =
        cgroup_find(m, root, "cpuacct", &time) && !time.unified ? &time : NULL;
    size_t n = 0;

    if (cgroup_find(m, root, "cpuset", &set))
        n += open_cpuset(set, accounting, &ret[n]);
    if (!cgroup_find(m, root, "cpu", &quota))
        return n;
    do {
        n += open_quota(&quota, accounting, &ret[n]);
    } while (n < CPU_LIMITS && cgroup_up(&quota));
    return n;
}
