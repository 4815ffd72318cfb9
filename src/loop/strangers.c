/* Datagrams for no known connection: first packets of new connections, stateless resets, garbage.
 *
 * For: in any flood, live connections are answered first, deadlines are kept, and what the kernel
 * drops for lack of room is a stranger's.  So it has a socket of its own (udp_split), which is read
 * after all else, a bounded time in a turn and a bounded part of one CPU; what has to wait longer
 * than its receive buffer is large the kernel drops, at no cost of ours.  An honest client sends
 * its first packet again. */
#include "loop/internal.h"

static int64_t allowed(struct loop *l, qhcp_nsec now)
{
    struct loop_allowance *a = &l->allowance;

    a->left += (int64_t)((now - a->at) / LOOP_STRANGERS_PART);
    if (a->left > (int64_t)LOOP_STRANGERS_SAVED)
        a->left = (int64_t)LOOP_STRANGERS_SAVED;
    a->at = now;
    return a->left;
}

static void pause_all(struct loop *l, qhcp_nsec debt)
{
    for (size_t i = 0; i < l->n_sockets; i++)
        if (l->sockets[i].strangers)
            ev_io_stop(l->ev, &l->sockets[i].strange);
    ev_timer_set(&l->resume, (double)(debt * LOOP_STRANGERS_PART) / NSEC_PER_SEC, 0.);
    ev_timer_start(l->ev, &l->resume);
}

static void on_resume(struct ev_loop *ev, ev_timer *w, int revents)
{
    struct loop *l = w->data;

    (void)revents;
    for (size_t i = 0; i < l->n_sockets && !l->held; i++)
        if (l->sockets[i].strangers)
            ev_io_start(ev, &l->sockets[i].strange);
}

/* Their answers leave within the time that is theirs. */
void strangers_read(struct loop_socket *s)
{
    struct loop *l = s->loop;
    struct qhcp_packet *packets;
    int n = LOOP_STRANGERS_BATCH;
    qhcp_nsec began, now;
    uint32_t dropped;

    if (!s->strangers || l->held)
        return;
    sockets_drain_errors(l, s->strangers); /* of our own packets */
    sockets_send(l);                       /* what was due is not theirs */
    began = now = loop_now();
    while (n == LOOP_STRANGERS_BATCH && now - began < LOOP_STRANGERS_SLICE) {
        n = udp_receive_some(s->strangers, LOOP_STRANGERS_BATCH, &packets);
        if (n > 0)
            l->client.receive(l->client.ctx, now, packets, (size_t)n);
        now = loop_now();
    }
    dropped = udp_take_dropped(s->strangers);
    if (dropped > 0 && l->client.flooded)
        l->client.flooded(l->client.ctx, now, dropped);
    sockets_send(l);
    now = loop_now();
    (void)allowed(l, now);
    l->allowance.left -= (int64_t)(now - began);
}

static void on_strange(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_socket *s = w->data;
    struct loop *l = s->loop;

    (void)ev;
    (void)revents;
    strangers_read(s);
    if (l->allowance.left <= 0)
        pause_all(l, (qhcp_nsec)-l->allowance.left + LOOP_STRANGERS_SLICE);
}

void strangers_init(struct loop *l)
{
    l->allowance = (struct loop_allowance){.at = loop_now(), .left = LOOP_STRANGERS_SAVED};
    ev_timer_init(&l->resume, on_resume, 0., 0.);
    l->resume.data = l;
}

void strangers_deinit(struct loop *l)
{
    ev_timer_stop(l->ev, &l->resume);
}

int strangers_split(struct loop_socket *s)
{
    struct loop *l = s->loop;
    struct udp *ours;
    int r = udp_split(s->udp, s->rcvbuf, &l->steering, &ours);

    if (r != 0)
        return r;
    s->strangers = s->udp;
    s->udp = ours;
    ev_io_init(&s->strange, on_strange, udp_fd(s->strangers), EV_READ);
    ev_set_priority(&s->strange, LOOP_LAST);
    s->strange.data = s;
    strangers_hold(s, l->held);
    return 0;
}

void strangers_close(struct loop_socket *s)
{
    if (!s->strangers)
        return;
    ev_io_stop(s->loop->ev, &s->strange);
    udp_close(s->strangers);
    s->strangers = NULL;
}

void strangers_hold(struct loop_socket *s, bool hold)
{
    if (!s->strangers)
        return;
    if (hold)
        ev_io_stop(s->loop->ev, &s->strange);
    else if (!ev_is_active(&s->loop->resume))
        ev_io_start(s->loop->ev, &s->strange);
}
