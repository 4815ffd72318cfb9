/* A tree of the kernel's files in a temporary directory: proc and cgroup. */
#ifndef QHCP_TEST_TREE_H
#define QHCP_TEST_TREE_H

#include "metrics/metrics.h"

struct tree {
    char dir[64], proc[80], cgroup[80];
    struct metrics_root root;
};

void tree_init(struct tree *t);
void tree_deinit(struct tree *t);

/* Writes dir/path, making directories on the way. */
void tree_write(const struct tree *t, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Removes a file or a directory with all in it. */
void tree_remove(const struct tree *t, const char *path);

#endif
