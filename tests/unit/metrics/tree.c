#include "tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_init(struct tree *t)
{
    snprintf(t->dir, sizeof t->dir, "/tmp/qhcp-metrics-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    snprintf(t->proc, sizeof t->proc, "%s/proc", t->dir);
    snprintf(t->cgroup, sizeof t->cgroup, "%s/cgroup", t->dir);
    t->root = (struct metrics_root){t->proc, t->cgroup};
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void tree_remove(const struct tree *t, const char *path)
{
    char full[256];

    snprintf(full, sizeof full, "%s/%s", t->dir, path);
    assert_int_equal(nftw(full, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void tree_deinit(struct tree *t)
{
    tree_remove(t, "");
}

void tree_write(const struct tree *t, const char *path, const char *format, ...)
{
    char full[256];
    va_list args;
    FILE *f;

    snprintf(full, sizeof full, "%s/%s", t->dir, path);
    for (char *p = full + strlen(t->dir) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        mkdir(full, 0700);
        *p = '/';
    }
    f = fopen(full, "w"); /* in place: open descriptors see it */
    assert_non_null(f);
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    assert_int_equal(fclose(f), 0);
}
