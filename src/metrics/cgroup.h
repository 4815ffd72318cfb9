/* The place of this process among the control groups (cgroups(7)), v1, v2 or both at once.
 *
 * A limit may sit on any ancestor, and a limit there is shared by all below it; so providers look
 * at every level from the process's own group up to the mount point. */
#ifndef QHCP_METRICS_CGROUP_H
#define QHCP_METRICS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/os/procfs.h"
#include "metrics/metrics.h"

enum {
    CGROUP_LEVELS = 16,       /* levels that are looked at; deeper trees are not seen in practice */
    CGROUP_DIR = 2048,        /* longest directory */
    CGROUP_MEMBERSHIP = 4096, /* bytes of /proc/self/cgroup that are looked at */
};

/* Groups and their limits are looked for anew this often: a process is moved, a limit is set, a
 * controller is switched off and on above us, all seldom. */
#define CGROUP_AGE (5 * NSEC_PER_SEC)

/* Where a sample looks, shared by its providers.  Zeroed but for root and stat: never looked. */
struct cgroup_site {
    struct metrics_root root;
    struct procfs_held *stat; /* root.proc's: to open it anew takes 20 us */
    unsigned epoch;           /* grows whenever groups and limits are to be looked for (again) */
    qhcp_nsec looked_at;      /* when it last grew */
    char membership[CGROUP_MEMBERSHIP]; /* /proc/self/cgroup then */
};

/* One group as one controller sees it. */
struct cgroup {
    bool unified; /* v2 */
    size_t mount; /* dir's first bytes: the mount point */
    char dir[CGROUP_DIR];
};

/* Before each sample: is it time to look again? */
void cgroup_look(struct cgroup_site *s, qhcp_nsec now);

/* The process's own group for a controller ("cpu", "memory"): v1 where one of its hierarchies has
 * it, else v2.  In a container the path that the kernel reports may be seen from outside; then the
 * mount point is the container's own group.  False: no cgroups here. */
bool cgroup_find(const struct cgroup_site *s, const char *controller, struct cgroup *ret);

/* Moves up one level; false at the mount point. */
bool cgroup_up(struct cgroup *g);

/* What the group may have of memory, in bytes.  v2's "max" is UINT64_MAX; v1's "none" is 2^63 less
 * a page, which no machine has either.  False: it cannot be read. */
bool cgroup_memory_limit(const struct cgroup *g, uint64_t *ret);

/* The same level of two hierarchies. */
bool cgroup_same(const struct cgroup *a, const struct cgroup *b);

#endif
