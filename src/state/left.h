/* A file of the state directory that one process leaves for the next: written whole beside its name
 * and renamed, private, and not forced onto the disk.  It is to survive the process, not the
 * machine; the thread that answers checks cannot wait for a disk. */
#ifndef QHCP_STATE_LEFT_H
#define QHCP_STATE_LEFT_H

#include <stddef.h>

/* 0, or an error of file_replace's with words. */
int left_write(const char *path, const char *text, char *words, size_t words_cap);
/* free() it; NULL: there is none, or it cannot be read or others can read it: then words say so,
 * which are "" else. */
char *left_read(const char *path, size_t max, char *words, size_t words_cap);

#endif
