#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "loop/internal.h"

qhcp_nsec loop_now(void)
{
    return clock_monotonic();
}

/* Others look at it, and nothing else depends on it. */
static void set_armed(struct loop *l, qhcp_nsec at)
{
    atomic_store_explicit(&l->armed, at, memory_order_relaxed);
}

static qhcp_nsec armed(const struct loop *l)
{
    return atomic_load_explicit(&l->armed, memory_order_relaxed);
}

static void on_timer(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop *l = w->data;
    qhcp_nsec now = loop_now(), due = parts_deadline(l);
    bool stalled = due < now && now - due > LOOP_STALL;

    (void)ev;
    (void)revents;
    set_armed(l, 0); /* fired: to be set anew, which also makes it unreadable */
    for (size_t i = 0; i < l->n_sockets; i++) {
        sockets_read(l, &l->sockets[i], stalled ? LOOP_STALL_BATCHES : LOOP_READ_BATCHES, stalled);
        if (stalled)
            strangers_read(&l->sockets[i]); /* a reset may be among them */
    }
    patient_read(l, now, stalled);
    parts_expire(l);
}

/* While a socket takes nothing, the core stays due, and nothing that it could do would change that:
 * the timer must not fire until it can, and other events must not put it off for ever. */
static qhcp_nsec not_at_once(const struct loop *l, qhcp_nsec due)
{
    qhcp_nsec now = loop_now(), soon = now + LOOP_BLOCKED;

    if (due >= soon || !sockets_pending(l))
        return due;
    return armed(l) > now && armed(l) < soon ? armed(l) : soon;
}

static void arm(struct loop *l)
{
    qhcp_nsec due = not_at_once(l, nsec_min(parts_deadline(l), l->patience_at));
    struct itimerspec spec = {0};

    if (due == armed(l))
        return;
    if (due != NSEC_NEVER) {
        spec.it_value.tv_sec = (time_t)(due / NSEC_PER_SEC);
        spec.it_value.tv_nsec = (long)(due % NSEC_PER_SEC);
        if (due == 0)
            spec.it_value.tv_nsec = 1; /* zero would disarm */
    }
    if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        set_armed(l, due);
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct loop *l = w->data;

    (void)revents;
    /* Sending can end connections, and the turn can ask for more to be sent: neither may wait. */
    bool all = sockets_send(l);
    parts_turn(l);
    all = sockets_send(l) && all;
    sockets_tell_blocked(l);
    if (all && !l->turn_again)
        ev_idle_stop(ev, &l->again);
    else
        ev_idle_start(ev, &l->again);
    arm(l);
}

static void on_again(struct ev_loop *ev, ev_idle *w, int revents)
{
    (void)ev; /* nothing to do: its being there keeps the loop from waiting */
    (void)w;
    (void)revents;
}

static void on_signal(struct ev_loop *ev, ev_signal *w, int revents)
{
    struct loop *l = w->data;

    (void)ev;
    (void)revents;
    l->client.signal(l->client.ctx, loop_now(), w->signum);
}

int loop_new(const struct loop_client *client, struct loop **ret)
{
    struct loop *l = calloc(1, sizeof *l);

    if (!l)
        return QHCP_E_NOMEM;
    if (client)
        l->client = *client;
    l->last_part = &l->parts;
    l->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    if (!l->ev) /* for memory it does not return without */
        goto free_loop;
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->timer_fd < 0)
        goto free_ev;
    ev_io_init(&l->timer, on_timer, l->timer_fd, EV_READ);
    ev_prepare_init(&l->before_wait, on_before_wait);
    ev_idle_init(&l->again, on_again);
    l->timer.data = l->before_wait.data = l;
    ev_set_priority(&l->timer, LOOP_FIRST);
    ev_io_start(l->ev, &l->timer);
    ev_prepare_start(l->ev, &l->before_wait);
    l->patience_at = NSEC_NEVER;
    set_armed(l, NSEC_NEVER);
    strangers_init(l);
    *ret = l;
    return 0;
free_ev:
    ev_loop_destroy(l->ev);
free_loop:
    free(l);
    return QHCP_E_IO;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    assert(!l->parts && l->n_watches == 0);
    loop_unbind(l);
    strangers_deinit(l);
    for (size_t i = 0; i < l->n_signals; i++)
        ev_signal_stop(l->ev, &l->signals[i]);
    ev_io_stop(l->ev, &l->timer);
    ev_prepare_stop(l->ev, &l->before_wait);
    ev_idle_stop(l->ev, &l->again);
    close(l->timer_fd);
    ev_loop_destroy(l->ev);
    free(l);
}

/* With the first signal libev takes a descriptor, and aborts where there is none.  So this takes it
 * first, to see whether there is one: nothing else opens descriptors meanwhile. */
static int room_for_signals(const struct loop *l)
{
    int fd = l->n_signals > 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (l->n_signals > 0)
        return 0;
    if (fd < 0)
        return QHCP_E_IO;
    close(fd);
    return 0;
}

int loop_catch(struct loop *l, int signum)
{
    if (l->n_signals == LOOP_SIGNALS)
        return QHCP_E_FULL;
    if (room_for_signals(l) < 0)
        return QHCP_E_IO;
    ev_signal *w = &l->signals[l->n_signals++];
    ev_signal_init(w, on_signal, signum);
    w->data = l;
    ev_signal_start(l->ev, w);
    return 0;
}

void loop_run(struct loop *l)
{
    ev_run(l->ev, 0);
    sockets_send(l);
}

void loop_give_way(const struct loop *to)
{
    if (to && armed(to) <= loop_now())
        (void)sched_yield();
}

void loop_stop(struct loop *l)
{
    ev_break(l->ev, EVBREAK_ALL);
}
