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
    lb->unsettled = lb->count;
    settle_slice(lb);
}

/* From the end on: neither those that are added meanwhile nor those that move up can be missed. */
void settle_slice(struct qhcp_lb *lb)
{
    size_t left = lb->unsettled < lb->count ? lb->unsettled : lb->count;

    for (unsigned i = 0; i < SETTLE_SLICE && left > 0; i++)
        settle_later(lb->backends[--left]);
    lb->unsettled = left;
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
        wheel_set(&lb->wheel, &b->timer, backend_deadline(b));
        publish_look(b, lb->now);
    }
}
