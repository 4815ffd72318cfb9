/* memory_usage_percent: memory in use that cannot be reclaimed at once, of what may be used.
 *
 * In a cgroup that is usage less what the kernel can take back, against the limit: as MemAvailable
 * counts for a machine.  Every level with a limit counts,
 * its own and its ancestors', and the fullest one decides, for that is where memory runs out first.
 * Without a limit below the machine's memory: the machine's, MemTotal less MemAvailable. */
#include <stdlib.h>

#include "base/os/procfs.h"
#include "metrics/cgroup.h"
#include "metrics/providers.h"
#include "wire/registry.h"

enum { WHOLE = 10000, STAT_TEXT = 8192 };

struct level {
    bool unified;
    int limit, usage, stat;
};

struct memory {
    const struct metrics_root *root;
    struct cgroup_membership membership;
    struct level levels[CGROUP_LEVELS];
    size_t n_levels;
    int meminfo;
};

static void level_close(struct level *l)
{
    procfs_close(&l->limit);
    procfs_close(&l->usage);
    procfs_close(&l->stat);
}

/* "max" is no limit; nor is any number that no machine has (v1's "none" is 2^63 less a page). */
static bool read_limit(const struct level *l, uint64_t *ret)
{
    char text[32];

    if (procfs_number(l->limit, ret))
        return true;
    if (!l->unified || !procfs_text(l->limit, text, sizeof text) || strcmp(text, "max\n") != 0)
        return false;
    *ret = UINT64_MAX;
    return true;
}

/* What the kernel drops before it kills anyone: page cache of files, on whichever list, and, where
 * the group's statistics tell it (v2), slab.  Shared memory and what is locked are on other lists.
 * Unreadable statistics mean that nothing can be taken off. */
static uint64_t read_reclaimable(const struct level *l)
{
    static const char *const fields[] = {"total_inactive_file", "total_active_file",
                                         "total_slab_reclaimable"};
    size_t skip = l->unified ? sizeof "total_" - 1 : 0;
    uint64_t sum = 0, one;
    char text[STAT_TEXT];

    if (!procfs_text(l->stat, text, sizeof text))
        return 0;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (procfs_field(text, fields[i] + skip, &one) && one <= UINT64_MAX - sum)
            sum += one;
    return sum;
}

static bool level_open(struct level *l, const struct cgroup *g)
{
    uint64_t v;

    *l = (struct level){
        .unified = g->unified,
        .limit = procfs_open(g->dir, g->unified ? "memory.max" : "memory.limit_in_bytes"),
        .usage = procfs_open(g->dir, g->unified ? "memory.current" : "memory.usage_in_bytes"),
        .stat = procfs_open(g->dir, "memory.stat"),
    };
    if (read_limit(l, &v) && procfs_number(l->usage, &v))
        return true;
    level_close(l);
    return false;
}

static void levels_close(struct memory *m)
{
    while (m->n_levels > 0)
        level_close(&m->levels[--m->n_levels]);
}

static void levels_open(struct memory *m)
{
    struct cgroup g;

    if (!cgroup_find(&m->membership, m->root, "memory", &g))
        return;
    do {
        m->n_levels += level_open(&m->levels[m->n_levels], &g);
    } while (m->n_levels < CGROUP_LEVELS && cgroup_up(&g));
}

static uint64_t share(uint64_t used, uint64_t whole)
{
    if (whole == 0 || used >= whole)
        return WHOLE;
    return (uint64_t)((double)used / (double)whole * WHOLE + 0.5);
}

static bool machine(const struct memory *m, uint64_t *ret_total, uint64_t *ret_share)
{
    char text[STAT_TEXT];
    uint64_t total, available;

    if (!procfs_text(m->meminfo, text, sizeof text) || !procfs_field(text, "MemTotal", &total) ||
        !procfs_field(text, "MemAvailable", &available) || total == 0 || total > UINT64_MAX / 1024)
        return false;
    *ret_total = total * 1024;
    *ret_share = share(available < total ? total - available : 0, total);
    return true;
}

/* The fullest level with a limit below `total`; one that cannot be read (any more) is passed over.
 * False: there is none. */
static bool fullest(const struct memory *m, uint64_t total, uint64_t *ret)
{
    bool limited = false;
    uint64_t most = 0;

    for (size_t i = 0; i < m->n_levels; i++) {
        uint64_t limit, usage, cache, here;

        if (!read_limit(&m->levels[i], &limit) || limit >= total ||
            !procfs_number(m->levels[i].usage, &usage))
            continue;
        cache = read_reclaimable(&m->levels[i]);
        here = share(usage > cache ? usage - cache : 0, limit);
        most = here > most ? here : most;
        limited = true;
    }
    if (limited)
        *ret = most;
    return limited;
}

static bool memory_sample(void *self, qhcp_nsec now, uint64_t *ret)
{
    struct memory *m = self;
    uint64_t total = UINT64_C(1) << 60, whole;
    bool known;

    (void)now;
    if (cgroup_stale(&m->membership)) {
        levels_close(m);
        levels_open(m);
    }
    known = machine(m, &total, &whole);
    if (fullest(m, total, ret))
        return true;
    if (known)
        *ret = whole;
    return known;
}

static void *memory_open(const struct metrics_root *root)
{
    struct memory *m = calloc(1, sizeof *m);

    if (m == NULL)
        return NULL;
    m->root = root;
    m->meminfo = procfs_open(root->proc, "meminfo");
    cgroup_membership_init(&m->membership, root);
    levels_open(m);
    return m;
}

static void memory_close(void *self)
{
    struct memory *m = self;

    levels_close(m);
    cgroup_membership_deinit(&m->membership);
    procfs_close(&m->meminfo);
    free(m);
}

const struct provider memory_provider = {
    .number = WIRE_METRIC_MEMORY,
    .from = "MemTotal and MemAvailable in /proc/meminfo",
    .open = memory_open,
    .sample = memory_sample,
    .close = memory_close,
};
