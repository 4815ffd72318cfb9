#include "lb/removal.h"

#include <string.h>

#include "lb/internal.h"

void removal_add(struct removal *r, struct backend *b)
{
    size_t i = lb_index(b->lb, b->id);

    HASH_DEL(b->lb->by_key, b);
    b->unlisted = true;
    r->first = r->n == 0 || i < r->first ? i : r->first;
    r->last = i > r->last ? i : r->last;
    r->n++;
}

static void announce(const struct removal *r, const struct qhcp_lb *lb)
{
    for (size_t i = r->first, left = r->n; left > 0; i++)
        if (lb->backends[i]->unlisted)
            publish_removed(lb->backends[i], --left > 0);
}

static void end(struct backend *b, qhcp_nsec now)
{
    backend_stop(b, now);
    ticket_save(b);
    backend_free(b);
}

void removal_end(const struct removal *r, struct qhcp_lb *lb, qhcp_nsec now)
{
    size_t kept = r->first, behind = lb->count - r->last - 1;

    announce(r, lb);
    for (size_t i = r->first; i <= r->last; i++) {
        if (lb->backends[i]->unlisted)
            end(lb->backends[i], now);
        else
            lb->backends[kept++] = lb->backends[i];
    }
    memmove(&lb->backends[kept], &lb->backends[r->last + 1], behind * sizeof *lb->backends);
    lb->count = kept + behind;
    tick_adapt(lb);
    lb_judge_panic(lb);
}
