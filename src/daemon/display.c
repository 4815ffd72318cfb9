#include "daemon/display.h"

static void on_writable(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct display *d = ctx;

    (void)now;
    (void)ready;
    output_flush(&d->status.out);
}

static qhcp_nsec deadline(void *ctx)
{
    return status_deadline(&((struct display *)ctx)->status);
}

static void expire(void *ctx, qhcp_nsec now)
{
    status_expire(&((struct display *)ctx)->status, now);
}

static void turn(void *ctx, qhcp_nsec now)
{
    struct display *d = ctx;

    (void)now;
    loop_watch_change(&d->watch, output_waiting(&d->status.out) ? LOOP_WRITABLE : 0);
}

void display_begin(struct display *d, struct loop *loop)
{
    d->part = (struct loop_part){
        .name = "display", .ctx = d, .deadline = deadline, .expire = expire, .turn = turn};
    loop_watch(loop, &d->watch, d->status.out.fd, 0, on_writable, d);
    loop_add(loop, &d->part);
}

void display_end(struct display *d)
{
    loop_remove(&d->part);
    loop_unwatch(&d->watch);
}
