/* What a file looked like when it was loaded, to see cheaply whether it changed. */
#ifndef QHCP_STATE_WATCH_H
#define QHCP_STATE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int64_t mtime_ns;
    uint64_t inode, size; /* all 0: the file is not there */
};

void watch_mark(const char *path, struct watch *ret);
bool watch_equal(const struct watch *a, const struct watch *b);

#endif
