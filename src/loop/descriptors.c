/* Watches of descriptors.  libev takes care that one which is removed, even while its event waits
 * to be called, is not called any more. */
#include "loop/internal.h"

static void on_ready(struct ev_loop *ev, ev_io *io, int revents)
{
    struct loop_watch *w = io->data;

    (void)ev;
    w->fn(w->ctx, loop_now(), (unsigned)revents & (LOOP_READABLE | LOOP_WRITABLE));
}

void loop_watch(struct loop *l, struct loop_watch *w, int fd, unsigned events,
                void (*fn)(void *ctx, qhcp_nsec now, unsigned ready), void *ctx)
{
    loop_unwatch(w);
    *w = (struct loop_watch){.loop = l, .fn = fn, .ctx = ctx};
    ev_io_init(&w->io, on_ready, fd, (int)events);
    w->io.data = w;
    l->n_watches++;
    if (events != 0)
        ev_io_start(l->ev, &w->io);
}

void loop_watch_change(struct loop_watch *w, unsigned events)
{
    if (((unsigned)w->io.events & (LOOP_READABLE | LOOP_WRITABLE)) == events)
        return;
    ev_io_stop(w->loop->ev, &w->io);
    ev_io_set(&w->io, w->io.fd, (int)events);
    if (events != 0)
        ev_io_start(w->loop->ev, &w->io);
}

void loop_unwatch(struct loop_watch *w)
{
    if (!w->loop)
        return;
    ev_io_stop(w->loop->ev, &w->io);
    w->loop->n_watches--;
    w->loop = NULL;
}
