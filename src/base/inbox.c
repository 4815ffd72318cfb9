#include "base/inbox.h"

#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

int inbox_add(struct inbox *b, const uint8_t *p, size_t n)
{
    size_t cap = b->cap ? b->cap : 256;
    uint8_t *grown;

    if (n == 0)
        return 0;
    while (cap - b->n < n)
        cap *= 2;
    if (cap != b->cap) {
        grown = realloc(b->p, cap);
        if (!grown)
            return QHCP_E_NOMEM;
        b->p = grown;
        b->cap = cap;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
    return 0;
}

void inbox_drop(struct inbox *b, size_t n)
{
    if (n >= b->n) {
        inbox_deinit(b);
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

void inbox_deinit(struct inbox *b)
{
    free(b->p);
    *b = (struct inbox){0};
}
