/* The loop's UDP sockets.  In: datagrams, and what the network says of those that did not arrive.
 * Out: what the core fills, from the socket of its address family; or from a port that the core
 * asks for (packet->local), on which a socket is opened when it is first seen: a NAT between here
 * and a server may lead one port to where the server once was.  A few such ports exist at a time;
 * the one that was not used for longest gives way. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/address.h"
#include "loop/internal.h"

void sockets_drain_errors(struct loop *l, struct udp *u)
{
    struct udp_error e;

    for (size_t i = 0; i < LOOP_ERRORS && udp_next_error(u, &e) == 1; i++)
        if (l->client.unreachable)
            l->client.unreachable(l->client.ctx, loop_now(), &e.remote, e.error, e.quoted,
                                  e.quoted_len);
}

/* The number of batches, of which the last one alone may be short. */
static size_t read_batches(struct loop *l, struct udp *u, size_t most, bool *ret_all)
{
    struct qhcp_packet *packets;

    *ret_all = true;
    for (size_t i = 0; i < most && !l->held; i++) {
        int n = udp_receive(u, &packets);
        if (n <= 0)
            return i;
        l->client.receive(l->client.ctx, loop_now(), packets, (size_t)n);
        if (n < UDP_BATCH)
            return i + 1; /* level-triggered: what came meanwhile wakes us again */
    }
    *ret_all = l->held;
    return most;
}

static void tell_dropped(struct loop *l, const struct loop_socket *s, struct udp *u)
{
    uint32_t dropped = udp_take_dropped(u);

    if (dropped > 0 && l->client.dropped && s < &l->sockets[l->n_bound])
        l->client.dropped(l->client.ctx, loop_now(), dropped);
}

bool sockets_read_from(struct loop *l, struct loop_socket *s, struct udp *u, size_t batches)
{
    bool all;

    (void)read_batches(l, u, batches, &all);
    tell_dropped(l, s, u);
    return !all;
}

void sockets_read(struct loop *l, struct loop_socket *s, size_t batches, bool woken)
{
    bool all;

    if (read_batches(l, s->udp, batches, &all) == 0 && woken)
        sockets_drain_errors(l, s->udp);
    tell_dropped(l, s, s->udp);
}

static void on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_socket *s = w->data;

    (void)ev;
    (void)revents;
    sockets_read(s->loop, s, LOOP_READ_BATCHES, true);
}

static void on_socket_writable(struct ev_loop *ev, ev_io *w, int revents)
{
    struct loop_socket *s = w->data;

    (void)revents;
    udp_flush(s->udp);
    if (udp_pending(s->udp) == 0)
        ev_io_stop(ev, w);
}

bool sockets_pending(const struct loop *l)
{
    for (size_t i = 0; i < l->n_sockets; i++)
        if (udp_pending(l->sockets[i].udp) > 0)
            return true;
    return false;
}

static void watch(struct loop *l, struct loop_socket *s)
{
    ev_io_init(&s->readable, on_readable, udp_fd(s->udp), EV_READ);
    ev_io_init(&s->writable, on_socket_writable, udp_fd(s->udp), EV_WRITE);
    ev_set_priority(&s->readable, LOOP_FIRST);
    s->readable.data = s->writable.data = s;
    if (!l->held)
        ev_io_start(l->ev, &s->readable);
}

static void use_socket(struct loop *l, struct loop_socket *s, struct udp *udp)
{
    union qhcp_addr bound;

    udp_local(udp, &bound);
    *s = (struct loop_socket){.loop = l, .udp = udp, .family = bound.sa.sa_family};
    s->port = ntohs(bound.in.sin_port); /* at the same place in both families */
    watch(l, s);
}

static void close_socket(struct loop *l, struct loop_socket *s)
{
    ev_io_stop(l->ev, &s->readable);
    ev_io_stop(l->ev, &s->writable);
    strangers_close(s);
    patient_close(s);
    udp_close(s->udp);
}

/* A socket on a port that the core asks for, instead of the one that was not used for longest if
 * there are too many.  NULL: it cannot be had. */
static struct loop_socket *open_extra(struct loop *l, const union qhcp_addr *addr)
{
    struct loop_socket *s = &l->sockets[l->n_bound];
    struct udp *udp;

    if (udp_open(addr, 0, &udp) < 0)
        return NULL;
    for (size_t i = l->n_bound + 1; i < l->n_bound + LOOP_EXTRA; i++)
        if (l->sockets[i].used < s->used)
            s = &l->sockets[i];
    if (s == &l->sockets[l->n_sockets])
        l->n_sockets++;
    else
        close_socket(l, s);
    use_socket(l, s, udp);
    return s;
}

/* The one that this packet leaves from; NULL: there is none. */
static struct loop_socket *socket_for(struct loop *l, const struct qhcp_packet *packet)
{
    uint16_t port = address_is_any(&packet->local) ? ntohs(packet->local.in.sin_port) : 0;
    struct loop_socket *usual = NULL, *extra;

    for (size_t i = 0; i < l->n_sockets; i++) {
        struct loop_socket *s = &l->sockets[i];

        if (s->family != packet->remote.sa.sa_family)
            continue;
        if (port == 0 || s->port == port)
            return s;
        usual = usual ? usual : s;
    }
    extra = usual ? open_extra(l, &packet->local) : NULL;
    return extra ? extra : usual;
}

static void copy_packet(struct qhcp_packet *dst, const struct qhcp_packet *src)
{
    dst->local = src->local;
    dst->remote = src->remote;
    dst->ecn = src->ecn;
    dst->len = src->len;
    memcpy(dst->data, src->data, src->len);
}

/* Copies what goes to another socket than the first one over into that one's room, and closes the
 * gaps. */
static void split(struct loop *l, struct qhcp_packet *room, size_t n)
{
    qhcp_nsec now = loop_now();

    for (size_t i = 0; i < n; i++) {
        struct loop_socket *s = socket_for(l, &room[i]);
        struct qhcp_packet *to;

        if (!s) {
            if (l->client.unreachable)
                l->client.unreachable(l->client.ctx, loop_now(), &room[i].remote, ENETUNREACH, NULL,
                                      0);
            continue;
        }
        s->used = now; /* from here on: the next packet may open another socket in its place */
        to = &udp_room(s->udp)[s->filled++];
        if (to != &room[i])
            copy_packet(to, &room[i]);
    }
}

static void send_filled(struct loop *l, struct loop_socket *s)
{
    size_t n = s->filled;

    s->filled = 0;
    if (n == 0)
        return;
    if (udp_send(s->udp, n) < (int)n)
        sockets_drain_errors(l, s->udp);
    if (s->strangers && n > LOOP_MANY)
        sockets_drain_errors(l, s->strangers); /* before its queue is full */
    if (s->patient && n > LOOP_MANY)
        sockets_drain_errors(l, s->patient);
    if (udp_pending(s->udp) > 0)
        ev_io_start(l->ev, &s->writable);
}

bool sockets_send(struct loop *l)
{
    for (size_t i = 0; i < LOOP_SEND_BATCHES; i++) {
        struct loop_socket *first = &l->sockets[l->primary], *other = &l->sockets[1 - l->primary];

        if (l->n_bound == 0 || sockets_pending(l))
            return true; /* EV_WRITE brings us back */
        struct qhcp_packet *room = udp_room(first->udp);
        size_t n = l->client.send(l->client.ctx, loop_now(), room, UDP_BATCH);
        if (n == 0)
            return true;
        split(l, room, n);
        if (l->n_bound == LOOP_BOUND && other->filled > first->filled)
            l->primary = 1 - l->primary;
        for (size_t k = 0; k < l->n_sockets; k++)
            send_filled(l, &l->sockets[k]);
    }
    return false;
}

void sockets_tell_blocked(struct loop *l)
{
    for (size_t i = 0; i < l->n_sockets; i++)
        if (udp_take_blocked(l->sockets[i].udp) && l->client.blocked)
            l->client.blocked(l->client.ctx, loop_now());
}

void loop_unbind(struct loop *l)
{
    for (size_t i = 0; i < l->n_sockets; i++)
        close_socket(l, &l->sockets[i]);
    memset(l->sockets, 0, sizeof l->sockets);
    l->n_bound = l->n_sockets = 0;
    l->primary = 0;
}

static int steer(struct loop *l, struct loop_socket *s)
{
    int r;

    ev_io_stop(l->ev, &s->readable);
    r = strangers_split(s);
    watch(l, s);
    if (r == 0)
        (void)patient_follow(s);
    return r;
}

int loop_steer(struct loop *l, const struct qhcp_steering *steering)
{
    int r = 0;

    l->steering = *steering;
    l->steered = true;
    for (size_t i = 0; i < l->n_bound && r == 0; i++)
        if (!l->sockets[i].strangers && udp_pending(l->sockets[i].udp) == 0)
            r = steer(l, &l->sockets[i]);
    return r;
}

static int begin_socket(struct loop *l, struct udp *udp, int rcvbuf, union qhcp_addr *ret_bound)
{
    use_socket(l, &l->sockets[l->n_bound], udp);
    l->sockets[l->n_bound].rcvbuf = rcvbuf;
    if (l->steered)
        (void)steer(l, &l->sockets[l->n_bound]);
    if (ret_bound)
        udp_local(udp, ret_bound);
    l->n_sockets = ++l->n_bound;
    return 0;
}

static bool has_family(const struct loop *l, int family)
{
    for (size_t i = 0; i < l->n_bound; i++)
        if (l->sockets[i].family == family)
            return true;
    return false;
}

int loop_bind(struct loop *l, const union qhcp_addr *addr, int rcvbuf, union qhcp_addr *ret_bound)
{
    struct udp *udp;
    int r;

    if (has_family(l, addr->sa.sa_family))
        return QHCP_E_EXISTS;
    r = udp_open(addr, rcvbuf, &udp);
    return r < 0 ? r : begin_socket(l, udp, rcvbuf, ret_bound);
}

int loop_adopt(struct loop *l, const int *fds, size_t n, int rcvbuf, union qhcp_addr *ret_bound)
{
    union qhcp_addr local;
    struct udp *udp;
    int r = udp_adopt(fds, n, rcvbuf, &udp);

    if (r < 0)
        return r;
    udp_local(udp, &local);
    if (has_family(l, local.sa.sa_family)) {
        udp_close(udp);
        return QHCP_E_EXISTS;
    }
    return begin_socket(l, udp, rcvbuf, ret_bound);
}

size_t loop_grow(struct loop *l, int rcvbuf)
{
    size_t least = SIZE_MAX, got;

    for (size_t i = 0; i < l->n_bound; i++) {
        l->sockets[i].rcvbuf = rcvbuf;
        got = udp_grow(l->sockets[i].udp, rcvbuf);
        if (l->sockets[i].patient)
            got = udp_grow(l->sockets[i].patient, rcvbuf);
        least = got < least ? got : least;
    }
    return l->n_bound > 0 ? least : 0;
}

void loop_hold(struct loop *l, bool hold)
{
    l->held = hold;
    for (size_t i = 0; i < l->n_sockets; i++) {
        if (hold)
            ev_io_stop(l->ev, &l->sockets[i].readable);
        else
            ev_io_start(l->ev, &l->sockets[i].readable);
        strangers_hold(&l->sockets[i], hold);
    }
}
