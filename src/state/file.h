/* Files inside the state directory, beneath state_read_file and state_write_file. */
#ifndef QHCP_STATE_FILE_H
#define QHCP_STATE_FILE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/words.h"

enum file_kind {
    FILE_PUBLIC,  /* anybody's modes */
    FILE_TRUSTED, /* refused when group or others may write it: it decides whom we believe */
    FILE_PRIVATE, /* refused when group or others may do anything with it, or another user owns it
                   */
};

/* Reads a regular file whole (at most max bytes) into a fresh NUL-terminated buffer; free() it
 * (file_wipe for secrets).  follow: a symbolic link is followed, and its target judged; otherwise a
 * link is refused.  QHCP_E_NOT_FOUND, QHCP_E_PERMISSION, QHCP_E_TOO_LARGE, QHCP_E_IO, QHCP_E_NOMEM.
 */
int file_read(const char *path, enum file_kind kind, bool follow, size_t max, char **ret,
              size_t *ret_len, const struct words *w);

/* Opens a regular file for file_read_fd and file_check_fd.  The errors are file_read's. */
int file_open_path(const char *path, bool follow, int *ret, const struct words *w);
/* Is an open file of this kind?  QHCP_E_PERMISSION. */
int file_check_fd(int fd, const char *path, enum file_kind kind, const struct words *w);

/* Reads an open descriptor to its end (a pipe or a file), as file_read. `path` is for words. */
int file_read_fd(int fd, const char *path, enum file_kind kind, size_t max, char **ret,
                 size_t *ret_len, const struct words *w);

/* Makes a new file (it must not exist) with exactly this mode, whole on the disk or not there. */
int file_create(const char *path, struct slice content, unsigned mode, const struct words *w);

/* Puts a file in the place of another, whole, and without waiting for the disk: after a power cut
 * it may be the old one, or empty. */
int file_replace_quick(const char *path, struct slice content, unsigned mode,
                       const struct words *w);

/* Makes a rename or a new name in this directory last. */
int file_sync_dir(const char *dir, const struct words *w);

/* free() after overwriting; NULL is fine. */
void file_wipe(char *p, size_t n);

#endif
