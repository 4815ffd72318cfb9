#include "daemon/large_pages.h"

#define APART (5 * NSEC_PER_SEC)   /* walks: new servers come at any time */
#define PAUSE (20 * NSEC_PER_MSEC) /* moving a block holds up the thread that watches */

static qhcp_nsec deadline(void *ctx)
{
    return ((struct large_pages *)ctx)->at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct large_pages *l = ctx;

    if (l->walk.at >= l->walk.end)
        collapse_begin(&l->walk);
    l->at = nsec_add(now, collapse_next(&l->walk) ? PAUSE : APART);
    if (l->walk.impossible)
        l->at = NSEC_NEVER;
}

void large_pages_begin(struct large_pages *l, struct loop *loop)
{
    *l = (struct large_pages){.at = nsec_add(loop_now(), APART)};
    l->part =
        (struct loop_part){.name = "large pages", .ctx = l, .deadline = deadline, .expire = expire};
    loop_add(loop, &l->part);
}

void large_pages_end(struct large_pages *l)
{
    loop_remove(&l->part);
}
