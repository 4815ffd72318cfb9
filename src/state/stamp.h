/* What a file looked like when it was loaded, to see cheaply whether it changed. */
#ifndef QHCP_STATE_STAMP_H
#define QHCP_STATE_STAMP_H

#include <stdbool.h>
#include <stdint.h>

struct stamp {
    int64_t mtime_ns;
    uint64_t inode, size; /* all 0: the file is not there */
};

void stamp_take(const char *path, struct stamp *ret);
bool stamp_equal(const struct stamp *a, const struct stamp *b);

#endif
