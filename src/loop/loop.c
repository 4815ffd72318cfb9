#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <ev.h>

#include "quic/udp.h"

#define LOOP_SOCKETS 2 /* one per address family */
#define LOOP_SIGNALS 8
#define LOOP_READERS 4         /* loop_watch_readable */
#define LOOP_READ_BATCHES 16   /* per socket and wake-up: fair to timers and to the other socket */
#define LOOP_STALL_BATCHES 128 /* after a stall: more than the largest receive buffer holds */
#define LOOP_SEND_BATCHES 64   /* per wait: a fleet's first dials must not starve reading */
#define LOOP_ERRORS 256        /* entries of the error queue per wake-up */
#define LOOP_STALL (20 * NSEC_PER_MSEC) /* later than this is a stall */
#define LOOP_BLOCKED NSEC_PER_MSEC      /* between timers while a socket takes nothing */

struct loop_socket {
    struct loop *loop;
    struct udp *udp;
    int family;
    ev_io readable, writable;
};

struct loop_reader {
    ev_io readable;
    void (*fn)(void *ctx, qhcp_nsec now);
    void *ctx;
};

struct loop {
    struct loop_client client;
    struct ev_loop *ev;
    struct loop_socket sockets[LOOP_SOCKETS];
    size_t n_sockets;
    bool held;      /* nothing is read */
    size_t primary; /* the socket whose room the core fills first */
    int timer_fd;   /* CLOCK_MONOTONIC, absolute: epoll's own timeouts are whole milliseconds */
    ev_io timer;
    qhcp_nsec armed; /* what timer_fd is set to */
    ev_prepare before_wait;
    ev_idle again; /* running: do not wait, there is more to send */
    ev_signal signals[LOOP_SIGNALS];
    size_t n_signals;
    struct loop_reader readers[LOOP_READERS];
    size_t n_readers;
    ev_io writable; /* loop_watch_writable */
    void (*on_writable)(void *ctx);
    void *on_writable_ctx;
};

qhcp_nsec loop_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (qhcp_nsec)ts.tv_sec * NSEC_PER_SEC + (qhcp_nsec)ts.tv_nsec;
}

static void drain_errors(struct loop *l, struct loop_socket *s)
{
    struct udp_error e;

    for (size_t i = 0; i < LOOP_ERRORS && udp_next_error(s->udp, &e) == 1; i++)
        if (l->client.unreachable)
            l->client.unreachable(l->client.ctx, loop_now(), &e.remote, e.error, e.quoted,
                                  e.quoted_len);
}

/* Up to `batches` batches.  A wake-up that finds no datagram was for the error queue. */
static void read_socket(struct loop *l, struct loop_socket *s, size_t batches, bool woken)
{
    struct qhcp_packet *packets;
    uint32_t dropped;
    size_t i;

    for (i = 0; i < batches && !l->held; i++) {
        int n = udp_receive(s->udp, &packets);
        if (n <= 0)
            break;
        l->client.receive(l->client.ctx, loop_now(), packets, (size_t)n);
        if (n < UDP_BATCH) {
            i++;
            break; /* level-triggered: what came meanwhile wakes us again */
        }
    }
    if (i == 0 && woken)
        drain_errors(l, s);
    dropped = udp_take_dropped(s->udp);
    if (dropped > 0 && l->client.dropped)
        l->client.dropped(l->client.ctx, loop_now(), dropped);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_socket *s = w->data;

    (void)ev;
    (void)revents;
    read_socket(s->loop, s, LOOP_READ_BATCHES, true);
}

static void on_socket_writable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_socket *s = w->data;

    (void)revents;
    udp_flush(s->udp);
    if (udp_pending(s->udp) == 0)
        ev_io_stop(ev, w);
}

static void on_timer(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop *l = w->data;
    qhcp_nsec now = loop_now(), due = l->client.deadline(l->client.ctx);
    bool stalled = due < now && now - due > LOOP_STALL;

    (void)ev;
    (void)revents;
    l->armed = 0; /* fired: to be set anew, which also makes it unreadable */
    for (size_t i = 0; i < l->n_sockets; i++)
        read_socket(l, &l->sockets[i], stalled ? LOOP_STALL_BATCHES : LOOP_READ_BATCHES, stalled);
    now = loop_now();
    if (l->client.deadline(l->client.ctx) <= now)
        l->client.expire(l->client.ctx, now);
}

static bool any_pending(const struct loop *l)
{
    for (size_t i = 0; i < l->n_sockets; i++)
        if (udp_pending(l->sockets[i].udp) > 0)
            return true;
    return false;
}

/* While a socket takes nothing, the core stays due, and nothing that it could do would change that:
 * the timer must not fire until it can, nor be put off for ever by what else happens. */
static qhcp_nsec not_at_once(const struct loop *l, qhcp_nsec due)
{
    qhcp_nsec now = loop_now(), soon = now + LOOP_BLOCKED;

    if (due >= soon || !any_pending(l))
        return due;
    return l->armed > now && l->armed < soon ? l->armed : soon;
}

static void arm(struct loop *l)
{
    qhcp_nsec due = not_at_once(l, l->client.deadline(l->client.ctx));
    struct itimerspec spec = {0};

    if (due == l->armed)
        return;
    if (due != NSEC_NEVER) {
        spec.it_value.tv_sec = (time_t)(due / NSEC_PER_SEC);
        spec.it_value.tv_nsec = (long)(due % NSEC_PER_SEC);
        if (due == 0)
            spec.it_value.tv_nsec = 1; /* zero would disarm */
    }
    if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
        l->armed = due;
}

static void copy_packet(struct qhcp_packet *dst, const struct qhcp_packet *src)
{
    dst->local = src->local;
    dst->remote = src->remote;
    dst->ecn = src->ecn;
    dst->len = src->len;
    memcpy(dst->data, src->data, src->len);
}

/* Copies what goes to the other family's socket over into its room, closes the gaps, and returns
 * how many packets are left in the first room.  Without another socket such packets have no route.
 */
static size_t split(struct loop *l, struct qhcp_packet *room, size_t n, size_t *ret_other)
{
    struct loop_socket *first = &l->sockets[l->primary];
    struct qhcp_packet *to =
        l->n_sockets == LOOP_SOCKETS ? udp_room(l->sockets[1 - l->primary].udp) : NULL;
    size_t kept = 0, moved = 0;

    for (size_t i = 0; i < n; i++) {
        if (room[i].remote.sa.sa_family == first->family) {
            if (kept != i)
                copy_packet(&room[kept], &room[i]);
            kept++;
        } else if (to) {
            copy_packet(&to[moved++], &room[i]);
        } else if (l->client.unreachable) {
            l->client.unreachable(l->client.ctx, loop_now(), &room[i].remote, ENETUNREACH, NULL, 0);
        }
    }
    *ret_other = moved;
    return kept;
}

static void send_from(struct loop *l, struct loop_socket *s, size_t n)
{
    if (n == 0)
        return;
    if (udp_send(s->udp, n) < (int)n)
        drain_errors(l, s);
    if (udp_pending(s->udp) > 0)
        ev_io_start(l->ev, &s->writable);
}

/* Sends until the core has nothing more; false: it may have. */
static bool send_all(struct loop *l)
{
    for (size_t i = 0; i < LOOP_SEND_BATCHES; i++) {
        struct loop_socket *first = &l->sockets[l->primary];
        struct loop_socket *other = &l->sockets[1 - l->primary];
        size_t other_n;
        if (l->n_sockets == 0 || any_pending(l))
            return true; /* EV_WRITE brings us back */
        struct qhcp_packet *room = udp_room(first->udp);
        size_t n = l->client.send(l->client.ctx, loop_now(), room, UDP_BATCH);
        if (n == 0)
            return true;
        n = split(l, room, n, &other_n);
        send_from(l, first, n);
        if (other_n > 0)
            send_from(l, other, other_n);
        if (other_n > n)
            l->primary = 1 - l->primary;
    }
    return false;
}

static void tell_blocked(struct loop *l)
{
    for (size_t i = 0; i < l->n_sockets; i++)
        if (udp_take_blocked(l->sockets[i].udp) && l->client.blocked)
            l->client.blocked(l->client.ctx, loop_now());
}

static void on_before_wait(struct ev_loop *ev, ev_prepare *w, int revents)
{
    struct loop *l = w->data;

    (void)revents;
    /* Sending can end connections, and the turn can ask for more to be sent: neither may wait. */
    bool all = send_all(l);
    if (l->client.turn) {
        l->client.turn(l->client.ctx, loop_now());
        all = send_all(l) && all;
    }
    tell_blocked(l);
    if (all)
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
    int r = QHCP_E_NOMEM;

    if (!l)
        return r;
    l->client = *client;
    l->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    if (!l->ev)
        goto free_loop;
    l->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (l->timer_fd < 0) {
        r = QHCP_E_IO;
        goto free_ev;
    }
    ev_io_init(&l->timer, on_timer, l->timer_fd, EV_READ);
    ev_prepare_init(&l->before_wait, on_before_wait);
    ev_idle_init(&l->again, on_again);
    l->timer.data = l->before_wait.data = l;
    ev_io_start(l->ev, &l->timer);
    ev_prepare_start(l->ev, &l->before_wait);
    l->armed = NSEC_NEVER;
    *ret = l;
    return 0;
free_ev:
    ev_loop_destroy(l->ev);
free_loop:
    free(l);
    return r;
}

void loop_unbind(struct loop *l)
{
    for (size_t i = 0; i < l->n_sockets; i++) {
        ev_io_stop(l->ev, &l->sockets[i].readable);
        ev_io_stop(l->ev, &l->sockets[i].writable);
        udp_close(l->sockets[i].udp);
    }
    l->n_sockets = 0;
    l->primary = 0;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    loop_unbind(l);
    for (size_t i = 0; i < l->n_signals; i++)
        ev_signal_stop(l->ev, &l->signals[i]);
    for (size_t i = 0; i < l->n_readers; i++)
        ev_io_stop(l->ev, &l->readers[i].readable);
    ev_io_stop(l->ev, &l->writable);
    ev_io_stop(l->ev, &l->timer);
    ev_prepare_stop(l->ev, &l->before_wait);
    ev_idle_stop(l->ev, &l->again);
    close(l->timer_fd);
    ev_loop_destroy(l->ev);
    free(l);
}

int loop_bind(struct loop *l, const union qhcp_addr *addr, int rcvbuf, union qhcp_addr *ret_bound)
{
    struct loop_socket *s = &l->sockets[l->n_sockets];

    for (size_t i = 0; i < l->n_sockets; i++)
        if (l->sockets[i].family == addr->sa.sa_family)
            return QHCP_E_EXISTS;
    int r = udp_open(addr, rcvbuf, &s->udp);
    if (r < 0)
        return r;
    s->loop = l;
    s->family = addr->sa.sa_family;
    ev_io_init(&s->readable, on_readable, udp_fd(s->udp), EV_READ);
    ev_io_init(&s->writable, on_socket_writable, udp_fd(s->udp), EV_WRITE);
    s->readable.data = s->writable.data = s;
    ev_io_start(l->ev, &s->readable);
    l->n_sockets++;
    if (ret_bound)
        udp_local(s->udp, ret_bound);
    return 0;
}

void loop_hold(struct loop *l, bool hold)
{
    l->held = hold;
    for (size_t i = 0; i < l->n_sockets; i++) {
        if (hold)
            ev_io_stop(l->ev, &l->sockets[i].readable);
        else
            ev_io_start(l->ev, &l->sockets[i].readable);
    }
}

int loop_catch(struct loop *l, int signum)
{
    if (l->n_signals == LOOP_SIGNALS)
        return QHCP_E_FULL;
    ev_signal *w = &l->signals[l->n_signals++];
    ev_signal_init(w, on_signal, signum);
    w->data = l;
    ev_signal_start(l->ev, w);
    return 0;
}

static void on_writable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop *l = w->data;

    (void)ev;
    (void)revents;
    l->on_writable(l->on_writable_ctx);
}

void loop_watch_writable(struct loop *l, int fd, bool on, void (*fn)(void *ctx), void *ctx)
{
    if (on == (bool)ev_is_active(&l->writable))
        return;
    ev_io_stop(l->ev, &l->writable);
    if (!on)
        return;
    l->on_writable = fn;
    l->on_writable_ctx = ctx;
    ev_io_init(&l->writable, on_writable, fd, EV_WRITE);
    l->writable.data = l;
    ev_io_start(l->ev, &l->writable);
}

static void on_reader(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_reader *r = w->data;

    (void)ev;
    (void)revents;
    r->fn(r->ctx, loop_now());
}

int loop_watch_readable(struct loop *l, int fd, void (*fn)(void *ctx, qhcp_nsec now), void *ctx)
{
    struct loop_reader *r = &l->readers[l->n_readers];

    if (l->n_readers == LOOP_READERS)
        return QHCP_E_FULL;
    l->n_readers++;
    r->fn = fn;
    r->ctx = ctx;
    ev_io_init(&r->readable, on_reader, fd, EV_READ);
    r->readable.data = r;
    ev_io_start(l->ev, &r->readable);
    return 0;
}

void loop_run(struct loop *l)
{
    ev_run(l->ev, 0);
    send_all(l);
}

void loop_stop(struct loop *l)
{
    ev_break(l->ev, EVBREAK_ALL);
}

struct ev_loop *loop_ev(struct loop *l)
{
    return l->ev;
}
