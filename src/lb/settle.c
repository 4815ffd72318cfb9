#include "lb/settle.h"

#include <utlist.h>

#include "lb/internal.h"

void settle_later(struct backend *b)
{
    if (!b->settle.prev)
        DL_APPEND2(b->lb->touched, b, settle.prev, settle.next);
}

void settle_later_all(struct qhcp_lb *lb)
{
    for (size_t i = 0; i < lb->count; i++)
        settle_later(lb->backends[i]);
}

void settle_forget(struct backend *b)
{
    if (b->settle.prev)
        DL_DELETE2(b->lb->touched, b, settle.prev, settle.next);
    b->settle = (struct settle){NULL};
}

void settle_touched(struct qhcp_lb *lb)
{
    struct backend *b;

    if (lb->depth > 1)
        return;
    while ((b = lb->touched)) {
        settle_forget(b);
        cross_look(b);
        heap_set(&lb->heap, &b->timer, backend_deadline(b));
        publish_look(b, lb->now);
    }
}
