#include "state/stamp.h"

#include <sys/stat.h>

void stamp_take(const char *path, struct stamp *ret)
{
    struct stat st;

    *ret = (struct stamp){0};
    if (stat(path, &st) != 0)
        return;
    ret->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    ret->inode = (uint64_t)st.st_ino;
    ret->size = (uint64_t)st.st_size;
}

bool stamp_equal(const struct stamp *a, const struct stamp *b)
{
    return a->mtime_ns == b->mtime_ns && a->inode == b->inode && a->size == b->size;
}
