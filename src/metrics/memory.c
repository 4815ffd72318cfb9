/* memory_usage_percent: memory in use that cannot be reclaimed at once, of what may be used.
 *
 * In a cgroup that is usage less what the kernel can take back, against the limit: as MemAvailable
 * counts for a machine.  Every level with a limit counts,
 * its own and its ancestors', and the fullest one decides, for that is where memory runs out first.
 * Without a limit below the machine's memory: the machine's, MemTotal less MemAvailable. */
#include <string.h>

#include "base/os/procfs.h"
#include "metrics/providers.h"
#include "wire/registry.h"

enum { WHOLE = 10000, STAT_TEXT = 8192 };

/* A level of the process's group with a limit. */
struct limit {
    unsigned level; /* 0: the group itself; 1: its parent; ... */
    uint64_t bytes;
};

struct memory {
    unsigned epoch;    /* of the site, that the limits were looked for in; 0: never */
    struct cgroup own; /* the process's group; where there is one */
    size_t n_limits;
    struct limit limits[CGROUP_LEVELS];
    uint64_t total; /* the machine's bytes */
};

static bool read_usage(const struct cgroup *g, uint64_t *ret)
{
    return procfs_number(g->dir, g->unified ? "memory.current" : "memory.usage_in_bytes", ret);
}

/* What the kernel drops before it kills anyone: page cache of files, on whichever list, and, where
 * the group's statistics tell it (v2), slab.  Shared memory and what is locked are on other lists.
 * Unreadable statistics mean that nothing can be taken off. */
static uint64_t read_reclaimable(const struct cgroup *g)
{
    static const char *const fields[] = {"total_inactive_file", "total_active_file",
                                         "total_slab_reclaimable"};
    size_t skip = g->unified ? sizeof "total_" - 1 : 0;
    uint64_t sum = 0, one;
    char text[STAT_TEXT];

    if (!procfs_text(g->dir, "memory.stat", text, sizeof text))
        return 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (procfs_field(text, fields[i] + skip, &one) && one <= UINT64_MAX - sum)
            sum += one;
    return sum;
}

static uint64_t share(uint64_t used, uint64_t whole)
{
    if (whole == 0 || used >= whole)
        return WHOLE;
    return (uint64_t)((double)used / (double)whole * WHOLE + 0.5);
}

static bool machine(const struct metrics_root *root, uint64_t *ret_total, uint64_t *ret_share)
{
    char text[STAT_TEXT];
    uint64_t total, available;

    if (!procfs_text(root->proc, "meminfo", text, sizeof text) ||
        !procfs_field(text, "MemTotal", &total) ||
        !procfs_field(text, "MemAvailable", &available) || total == 0 || total > UINT64_MAX / 1024)
        return false;
    *ret_total = total * 1024;
    *ret_share = share(available < total ? total - available : 0, total);
    return true;
}

static void find_limits(struct memory *m, const struct cgroup_site *site)
{
    struct cgroup g;
    uint64_t bytes;
    unsigned level = 0;

    m->n_limits = 0;
    if (!cgroup_find(site, "memory", &m->own))
        return;
    g = m->own;
    do {
        if (cgroup_memory_limit(&g, &bytes) && bytes < UINT64_MAX)
            m->limits[m->n_limits++] = (struct limit){level, bytes};
    } while (++level < CGROUP_LEVELS && cgroup_up(&g));
}

/* The fullest level with a limit below the machine's memory; one that cannot be read is passed
 * over.  False: there is none. */
static bool fullest(const struct memory *m, uint64_t *ret)
{
    struct cgroup g = m->own;
    bool limited = false;
    uint64_t most = 0;
    unsigned level = 0;

    for (size_t i = 0; i < m->n_limits; i++) {
        uint64_t usage, cache, here;

        for (; level < m->limits[i].level; level++)
            cgroup_up(&g);
        if (m->limits[i].bytes >= m->total || !read_usage(&g, &usage))
            continue;
        cache = read_reclaimable(&g);
        here = share(usage > cache ? usage - cache : 0, m->limits[i].bytes);
        most = here > most ? here : most;
        limited = true;
    }
    if (limited)
        *ret = most;
    return limited;
}

static bool memory_sample(void *self, const struct cgroup_site *site, qhcp_nsec now, uint64_t *ret)
{
    struct memory *m = self;
    uint64_t total = UINT64_C(1) << 60, whole; /* not known: every limit is one */

    (void)now;
    if (m->epoch != site->epoch) {
        find_limits(m, site);
        machine(&site->root, &total, &whole);
        m->total = total; /* until the next look: it changes as seldom as limits do */
    }
    m->epoch = site->epoch;
    return fullest(m, ret) || machine(&site->root, &total, ret);
}

const struct provider memory_provider = {
    .number = WIRE_METRIC_MEMORY,
    .from = "MemTotal and MemAvailable in /proc/meminfo",
    .size = sizeof(struct memory),
    .sample = memory_sample,
};
