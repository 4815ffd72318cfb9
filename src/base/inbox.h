/* A growing run of bytes that waits for its frame to be complete.  Empty, it holds no memory. */
#ifndef QHCP_BASE_INBOX_H
#define QHCP_BASE_INBOX_H

#include <stddef.h>
#include <stdint.h>

struct inbox {
    uint8_t *p;
    size_t n, cap;
};

/* Appends a copy; QHCP_E_NOMEM leaves the inbox as it was. */
int inbox_add(struct inbox *b, const uint8_t *p, size_t n);
/* Forgets the first n bytes; frees the memory when none is left. */
void inbox_drop(struct inbox *b, size_t n);
void inbox_deinit(struct inbox *b);

#endif
