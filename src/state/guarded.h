/* Files that others must not change, or not even read.  They are refused while others could do
 * that, for root too, since root's mode bits say what others may do. */
#ifndef QHCP_STATE_GUARDED_H
#define QHCP_STATE_GUARDED_H

#include <stdbool.h>

#include "base/words.h"

enum guarded_kind {
    GUARDED_TRUSTED, /* refused when group or others may write it: it decides whom we trust */
    GUARDED_PRIVATE, /* refused when group or others may do anything with it, or another user owns
                        it */
};

/* file_read (base/os/file.h) of a file of this kind: QHCP_E_PERMISSION besides its errors. */
int guarded_read(const char *path, enum guarded_kind kind, bool follow, size_t max, char **ret,
                 size_t *ret_len, const struct words *w);

/* Is an open file of this kind?  QHCP_E_PERMISSION. */
int guarded_check(int fd, const char *path, enum guarded_kind kind, const struct words *w);

#endif
