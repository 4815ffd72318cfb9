/* Small files of the kernel's: opened, read into a buffer on the stack, closed; numbers taken out
 * strictly.  Nothing here allocates, and only procfs_text_held keeps a descriptor. */
#ifndef QHCP_BASE_OS_PROCFS_H
#define QHCP_BASE_OS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* dir/name for reading; -1 if there is none.  The caller closes it. */
int procfs_open(const char *dir, const char *name);

/* The start of dir/name as a C string, up to cap - 1 bytes.  False: not readable, or empty. */
bool procfs_text(const char *dir, const char *name, char *buf, size_t cap);

/* A file that is read often.  Zeroed: not open. */
struct procfs_held {
    int number; /* of the descriptor, and 1 */
};

/* As procfs_text, always with the same dir and name; opens what is not open, or is there no more.
 */
bool procfs_text_held(struct procfs_held *h, const char *dir, const char *name, char *buf,
                      size_t cap);
void procfs_let_go(struct procfs_held *h);

/* A decimal number at *p, which moves behind it.  False: none there, or over 64 bits. */
bool procfs_digits(const char **p, uint64_t *ret);

/* The one number that the text is, a newline behind it or nothing.  False: anything else. */
bool procfs_number_of(const char *text, uint64_t *ret);

/* The one number that dir/name holds, in that way. */
bool procfs_number(const char *dir, const char *name, uint64_t *ret);

/* The number of the line "name 123" or "name:   123 kB". */
bool procfs_field(const char *text, const char *name, uint64_t *ret);

#endif
