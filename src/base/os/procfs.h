/* Small files of the kernel's: opened once, read again and again with pread(2) into a buffer on the
 * stack, numbers taken out strictly.  Nothing here allocates. */
#ifndef QHCP_BASE_OS_PROCFS_H
#define QHCP_BASE_OS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* dir/name for reading; -1 where there is none. */
int procfs_open(const char *dir, const char *name);
/* Closes and forgets; -1 is nothing to do. */
void procfs_close(int *fd);

/* The start of the file as a C string, up to cap - 1 bytes.  False: not readable, or empty. */
bool procfs_text(int fd, char *buf, size_t cap);

/* A decimal number at *p, which moves behind it.  False: none there, or over 64 bits. */
bool procfs_digits(const char **p, uint64_t *ret);

/* The one number that the file holds, a newline behind it or nothing.  False: anything else. */
bool procfs_number(int fd, uint64_t *ret);

/* The number of the line "name 123" or "name:   123 kB". */
bool procfs_field(const char *text, const char *name, uint64_t *ret);

#endif
