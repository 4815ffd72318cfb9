/* Whole files, read and written.  A file that is read has a size limit, may shrink or grow
 * meanwhile, and never blocks the reader.  A file that is written appears whole under its name or
 * not at all. */
#ifndef QHCP_BASE_OS_FILE_H
#define QHCP_BASE_OS_FILE_H

#include <stdbool.h>

#include "base/slice.h"
#include "base/words.h"

/* Reads a regular file whole (at most max bytes) into a fresh NUL-terminated buffer; free() it
 * (file_wipe for secrets).  follow: a symbolic link is followed; otherwise it is refused.
 * QHCP_E_NOT_FOUND, QHCP_E_TOO_LARGE, QHCP_E_IO, QHCP_E_NOMEM. */
int file_read(const char *path, bool follow, size_t max, char **ret, size_t *ret_len,
              const struct words *w);

/* Opens a regular file for file_read_fd.  The errors are file_read's. */
int file_open(const char *path, bool follow, int *ret, const struct words *w);

/* Reads an open descriptor to its end (a pipe or a file), as file_read; one that blocks is waited
 * for.  `path` is for words. */
int file_read_fd(int fd, const char *path, size_t max, char **ret, size_t *ret_len,
                 const struct words *w);

/* Writes all of s.  0 or an errno. */
int file_write_all(int fd, struct slice s);

/* Makes a new file (it must not exist) with exactly this mode, whole on the disk or not there. */
int file_create(const char *path, struct slice content, unsigned mode, const struct words *w);

/* Puts a file in the place of another, whole: made beside it and renamed.  durable: it is on the
 * disk when this returns; otherwise after a power cut it may be the old one, or empty. */
int file_replace(const char *path, struct slice content, unsigned mode, bool durable,
                 const struct words *w);

/* The same, durable, for a file that others read: one of ours that is there keeps its mode
 * and its group, which somebody may have given it.  mode: where there is none. */
int file_renew(const char *path, struct slice content, unsigned mode, const struct words *w);

/* Makes a rename or a new name in this directory last. */
int file_sync_dir(const char *dir, const struct words *w);

/* free() after overwriting; NULL is fine. */
void file_wipe(char *p, size_t n);

#endif
