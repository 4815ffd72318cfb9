#include "metrics/cpu_limit.h"

#include <math.h>
#include <string.h>

#include "base/os/procfs.h"

/* How many CPUs' worth of time: "QUOTA PERIOD" in microseconds, or "max PERIOD". */
static bool read_max(const struct cgroup *g, double *ret)
{
    char text[64];
    const char *p = text;
    uint64_t quota, period;

    if (!procfs_text(g->dir, "cpu.max", text, sizeof text))
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

/* The same of v1, in two files; a quota of -1 is none. */
static bool read_quota(const struct cgroup *g, double *ret)
{
    char text[32];
    uint64_t quota, period;

    if (!procfs_text(g->dir, "cpu.cfs_quota_us", text, sizeof text))
        return false;
    if (strcmp(text, "-1\n") == 0) {
        *ret = INFINITY;
        return true;
    }
    if (!procfs_number_of(text, &quota) || !procfs_number(g->dir, "cpu.cfs_period_us", &period))
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
static bool count_list(const char *p, double *ret)
{
    uint64_t count = 0, range;

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

static bool read_cpuset(const struct cgroup *g, double *ret)
{
    const char *name = g->unified ? "cpuset.cpus.effective" : "cpuset.effective_cpus";
    char text[4096];

    if (!procfs_text(g->dir, name, text, sizeof text) &&
        (g->unified || !procfs_text(g->dir, "cpuset.cpus", text, sizeof text)))
        return false;
    return count_list(text, ret);
}

static bool read_used(const struct cgroup *g, uint64_t *ret)
{
    char text[1024];
    uint64_t usec;

    if (!g->unified)
        return procfs_number(g->dir, "cpuacct.usage", ret);
    if (!procfs_text(g->dir, "cpu.stat", text, sizeof text) ||
        !procfs_field(text, "usage_usec", &usec) || usec > UINT64_MAX / 1000)
        return false;
    *ret = usec * 1000;
    return true;
}

/* The level of another v1 hierarchy that g is: cpu and cpuacct are often mounted apart. */
static bool twin(const struct cgroup *g, const struct cgroup *accounting, struct cgroup *ret)
{
    size_t n = strlen(g->dir + g->mount);

    if (accounting->mount + n >= CGROUP_DIR)
        return false;
    *ret = (struct cgroup){.mount = accounting->mount};
    memcpy(ret->dir, accounting->dir, accounting->mount);
    memcpy(ret->dir + accounting->mount, g->dir + g->mount, n + 1);
    return true;
}

/* The part of what the limit allows that was used since the last reading, if it is more than *ret
 * or the first to be found.  used: in all; read: it could be. */
static void compare(struct cpu_limit *l, bool read, uint64_t used, qhcp_nsec elapsed, bool *found,
                    double *ret)
{
    uint64_t before = l->used;
    bool known = l->known && read && elapsed > 0;
    double part;

    l->known = read;
    l->used = used;
    if (!known)
        return;
    part = used > before ? (double)(used - before) / ((double)elapsed * l->cpus) : 0;
    if (!*found || part > *ret)
        *ret = part;
    *found = true;
}

bool cpu_limits_busiest(struct cpu_limits *l, double machine_cpus, qhcp_nsec elapsed, double *ret)
{
    struct cgroup g = l->quota, time;
    bool found = false, read;
    uint64_t used = 0;

    for (size_t i = 0; i < l->n_quotas; i++) {
        read = l->quotas[i].cpus < machine_cpus &&
               (g.unified ? read_used(&g, &used)
                          : l->accounting && twin(&g, &l->time, &time) && read_used(&time, &used));
        compare(&l->quotas[i], read, used, elapsed, &found, ret);
        cgroup_up(&g);
    }
    read = l->cpuset.cpus > 0 && l->cpuset.cpus < machine_cpus && read_used(&l->member, &used);
    compare(&l->cpuset, read, used, elapsed, &found, ret);
    return found;
}

static void find_quotas(struct cpu_limits *l, const struct cgroup_site *site)
{
    const struct cgroup before = l->quota;
    struct cgroup g;

    l->n_quotas = 0;
    if (!cgroup_find(site, "cpu", &l->quota))
        return;
    if (!cgroup_same(&before, &l->quota))
        memset(l->quotas, 0, sizeof l->quotas);
    g = l->quota;
    do {
        struct cpu_limit *limit = &l->quotas[l->n_quotas++];

        if (!(g.unified ? read_max(&g, &limit->cpus) : read_quota(&g, &limit->cpus)))
            limit->cpus = INFINITY;
    } while (l->n_quotas < CGROUP_LEVELS && cgroup_up(&g));
}

/* What is in effect includes every ancestor's cpuset; v2 shows it where the controller is on, so
 * from the group upwards the first that has it.  The time is the group's own anyway. */
static void find_cpuset(struct cpu_limits *l, const struct cgroup_site *site)
{
    const struct cgroup before = l->member;
    struct cgroup g;

    l->cpuset.cpus = INFINITY;
    if (!cgroup_find(site, "cpuset", &g))
        return;
    l->member = l->accounting ? l->time : g;
    if (!cgroup_same(&before, &l->member))
        l->cpuset.known = false;
    while (!read_cpuset(&g, &l->cpuset.cpus) && cgroup_up(&g))
        ;
}

void cpu_limits_find(struct cpu_limits *l, const struct cgroup_site *site)
{
    l->accounting = cgroup_find(site, "cpuacct", &l->time) && !l->time.unified;
    find_quotas(l, site);
    find_cpuset(l, site);
}
