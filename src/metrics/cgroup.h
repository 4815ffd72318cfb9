/* Where this process stands among the control groups (cgroups(7)), v1, v2 or both at once.
 *
 * A limit may sit on any ancestor, and a limit there is shared by all below it; so providers look
 * at every level from the process's own group up to the mount point. */
#ifndef QHCP_METRICS_CGROUP_H
#define QHCP_METRICS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "metrics/provider.h"

enum {
    CGROUP_LEVELS = 16,       /* levels that are looked at; deeper trees are not seen in practice */
    CGROUP_DIR = 2048,        /* longest directory */
    CGROUP_MEMBERSHIP = 4096, /* bytes of /proc/self/cgroup that are looked at */
    CGROUP_LOOKS = 64 /* samples after which files are looked for again, moved or not: a controller
                         may be switched off and on above us */
};

/* /proc/self/cgroup, kept open: it tells when the process was moved. */
struct cgroup_membership {
    int fd;
    unsigned looks; /* since the groups' files were looked for */
    char text[CGROUP_MEMBERSHIP];
};

/* One group as one controller sees it. */
struct cgroup {
    bool unified; /* v2 */
    size_t mount; /* dir's first bytes: the mount point */
    char dir[CGROUP_DIR];
};

void cgroup_membership_init(struct cgroup_membership *m, const struct metrics_root *root);
void cgroup_membership_deinit(struct cgroup_membership *m);
/* Are the groups' files to be looked for again: was the process moved, or is it time? */
bool cgroup_stale(struct cgroup_membership *m);

/* The process's own group for a controller ("cpu", "memory"): v1 where one of its hierarchies has
 * it, else v2.  In a container the path that the kernel reports may be seen from outside; then the
 * mount point is the container's own group.  False: no cgroups here. */
bool cgroup_find(const struct cgroup_membership *m, const struct metrics_root *root,
                 const char *controller, struct cgroup *ret);

/* Moves up one level; false at the mount point. */
bool cgroup_up(struct cgroup *g);

#endif
