#include "state/watch.h"

#include <sys/stat.h>

void watch_mark(const char *path, struct watch *ret)
{
    struct stat st;

    *ret = (struct watch){0};
    if (stat(path, &st) != 0)
        return;
    ret->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    ret->inode = (uint64_t)st.st_ino;
    ret->size = (uint64_t)st.st_size;
}

bool watch_equal(const struct watch *a, const struct watch *b)
{
    return a->mtime_ns == b->mtime_ns && a->inode == b->inode && a->size == b->size;
}
