#include "proxy/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/header.h"
#include "proxy/tune.h"
#include "proxy/worker.h"

#define COUNT_EVERY (1 << 20) /* bytes of a connection, besides at its end */

static void touch(struct conn *c, struct queue *q)
{
    if (c->queue)
        queue_remove(c->queue, c);
    c->since = c->worker->now;
    queue_add(q, c);
}

static bool watch(struct conn *c, struct side *s, uintptr_t mark)
{
    struct epoll_event e = {.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET};

    e.data.u64 = (uintptr_t)c | mark;
    return epoll_ctl(c->worker->epoll, EPOLL_CTL_ADD, s->fd, &e) == 0;
}

static void count_bytes(struct conn *c)
{
    if (c->up.bytes != c->counted_up)
        atomic_fetch_add_explicit(&c->entry->bytes_in, c->up.bytes - c->counted_up,
                                  memory_order_relaxed);
    if (c->down.bytes != c->counted_down)
        atomic_fetch_add_explicit(&c->entry->bytes_out, c->down.bytes - c->counted_down,
                                  memory_order_relaxed);
    c->counted_up = c->up.bytes;
    c->counted_down = c->down.bytes;
}

/* The server is let go of. */
static void leave_server(struct conn *c, bool failed)
{
    if (!c->entry)
        return;
    count_bytes(c);
    load_end(&c->entry->load, &c->worker->table->all, failed);
    c->entry = NULL;
}

static enum proxy_failure kind_of(int error)
{
    return error == ECONNREFUSED    ? PROXY_REFUSED
           : error == ETIMEDOUT     ? PROXY_TIMED_OUT
           : error == ECONNRESET    ? PROXY_RESET
           : error == EADDRNOTAVAIL ? PROXY_NO_PORT
                                    : PROXY_UNREACHABLE;
}

/* The connection to the server that was picked has failed, with this error. */
static void count_failure(struct conn *c, int error)
{
    struct entry *e = c->entry;

    atomic_fetch_add_explicit(&e->failures[kind_of(error)], 1, memory_order_relaxed);
    if (!c->connected && error != EADDRNOTAVAIL)
        atomic_fetch_add_explicit(&e->refused, 1, memory_order_relaxed);
    worker_report(c->worker, e->id, error);
}

/* Was its end the server's fault?  A server that has answered may end the connection as it likes:
 * many do so by a reset, where they do not read all that was sent.  One that ends it before it
 * answered anything, or resets it with a request unanswered, failed. */
static bool judge_server(struct conn *c, enum proxy_end how)
{
    bool asked = c->begun > 0, silent = c->down.bytes == 0;

    if (!c->connected || (!silent && !asked))
        return false;
    if (how == PROXY_SERVER_RESET || how == PROXY_SERVER_LOST) {
        count_failure(c, how == PROXY_SERVER_RESET ? ECONNRESET : ETIMEDOUT);
        return true;
    }
    if (!silent || !c->server.ended || c->client_first)
        return false;
    atomic_fetch_add_explicit(&c->entry->failures[PROXY_NO_ANSWER], 1, memory_order_relaxed);
    return true;
}

/* A connection that broke or was cut must not look like a regular end: the side that is left is
 * reset. (And a client that resets leaves no port of ours in TIME_WAIT.) */
static void end_side(struct side *s, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};

    if (s->fd < 0)
        return;
    if (reset)
        (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(s->fd);
    s->fd = -1;
}

static void tell_end(const struct conn *c, enum proxy_end how)
{
    struct proxy_ended e = {.from = c->from,
                            .to = c->to,
                            .how = how,
                            .tries = c->n_tried,
                            .bytes_in = c->up.bytes,
                            .bytes_out = c->down.bytes,
                            .connected_after = c->connected_after,
                            .lasted = c->worker->now - c->accepted};

    worker_ended(c->worker, &e);
}

void conn_close(struct conn *c, enum proxy_end how)
{
    bool reset = c->connected && how != PROXY_BY_CLIENT && how != PROXY_BY_SERVER;
    struct worker *w = c->worker;

    if (c->dead)
        return;
    if (w->config->ended)
        tell_end(c, how);
    if (c->entry) {
        atomic_fetch_add_explicit(&c->entry->ends[how], 1, memory_order_relaxed);
        leave_server(c, judge_server(c, how));
    }
    end_side(&c->server, reset);
    end_side(&c->client, reset);
    relay_deinit(&c->up, &w->pipes);
    relay_deinit(&c->down, &w->pipes);
    if (c->queue)
        queue_remove(c->queue, c);
    clients_remove(w->clients, c->key);
    places_give_back(w->places);
    c->dead = true; /* events of this turn may still name it */
    c->after = w->dead;
    w->dead = c;
}

static bool dial(struct conn *c, const union qhcp_addr *to)
{
    socklen_t len = to->sa.sa_family == AF_INET6 ? sizeof to->in6 : sizeof to->in;
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    c->server = (struct side){.fd = fd, .nagle = true};
    c->to = *to;
    tune_keep_alive(fd, c->worker->config->server_keep_alive);
    if ((connect(fd, &to->sa, len) < 0 && errno != EINPROGRESS) ||
        !watch(c, &c->server, CONN_SERVER)) {
        int error = errno;

        close(fd);
        c->server.fd = -1;
        errno = error;
        return false;
    }
    return true;
}

/* Indexes move from one snapshot to the next, slots do not. */
static size_t tried_indexes(const struct conn *c, const struct snapshot *s, uint32_t *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < s->fleet.n && n < c->n_tried; i++)
        for (unsigned k = 0; k < c->n_tried; k++)
            if (s->fleet.servers[i].slot == c->tried[k])
                ret[n++] = (uint32_t)i;
    return n;
}

/* Errors that say something of this machine, and nothing of the server: another one would not help.
 * (EADDRNOTAVAIL is not among them: source ports run out towards one server.) */
static bool is_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == ENOSPC;
}

/* Tells the server the client's address.  Nothing was sent to it yet, so there is room for that; 0,
 * or errno. */
static int send_header(struct conn *c)
{
    uint8_t header[HEADER_MAX];
    union qhcp_addr from = {0}, to = {0};
    socklen_t from_len = sizeof from, to_len = sizeof to;
    int on = 1;
    size_t n;

    if (getpeername(c->client.fd, &from.sa, &from_len) < 0 ||
        getsockname(c->client.fd, &to.sa, &to_len) < 0)
        return errno;
    n = header_make(header, &from, &to);
    c->server.nagle = false;
    (void)setsockopt(c->server.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return send(c->server.fd, header, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n ? 0
                                                                                    : ECONNRESET;
}

static void pick(struct conn *c, const struct snapshot *s, uint32_t index)
{
    c->entry = s->entries[index];
    c->epoch = atomic_load_explicit(&c->entry->epoch, memory_order_acquire);
    load_begin(&c->entry->load, &c->worker->table->all);
    atomic_fetch_add_explicit(&c->entry->connects, 1, memory_order_relaxed);
    c->tried[c->n_tried++] = (uint32_t)c->entry->id;
    c->begun = c->worker->now;
}

/* A table that came since this one was looked at is looked at at once, in this turn (worker.c). */
static void hold(struct conn *c)
{
    c->since = c->accepted;
    queue_add(&c->worker->held, c);
    atomic_store(&c->worker->holding, true);
}

/* No server is left to try.  Where some may come, it waits for them: a load balancer that has just
 * started knows of none. */
static void find_nobody(struct conn *c, const struct snapshot *s)
{
    struct worker *w = c->worker;

    if (c->n_tried == 0 && s->undecided && w->now < nsec_add(c->accepted, w->config->hold)) {
        hold(c);
        return;
    }
    if (c->n_tried == 0)
        worker_report(w, WORKER_NOBODY, 0);
    conn_close(c, PROXY_NOBODY);
}

/* The next server; holds or closes if there is none. */
static void choose(struct conn *c)
{
    const struct snapshot *s = worker_snapshot(c->worker);
    struct worker *w = c->worker;
    uint32_t tried[CONN_TRIES];

    while (c->n_tried < CONN_TRIES) {
        struct balance_request r = {.now = w->now, .key = c->key, .tried = tried};
        uint32_t index;
        bool ours;

        r.n_tried = c->n_tried > 0 ? tried_indexes(c, s, tried) : 0;
        index = w->balance ? balance_pick(w->balance, &r) : BALANCE_NONE;
        if (index == BALANCE_NONE)
            break;
        pick(c, s, index);
        if (dial(c, &s->targets[index])) {
            touch(c, &w->connecting);
            return;
        }
        ours = is_ours(errno);
        if (!ours)
            count_failure(c, errno);
        leave_server(c, !ours);
        if (ours) {
            conn_close(c, PROXY_OURS);
            return;
        }
    }
    find_nobody(c, s);
}

static struct conn *make(struct worker *w, int fd, const union qhcp_addr *from, uint64_t key)
{
    struct conn *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->worker = w;
    c->key = key;
    c->from = *from;
    c->accepted = w->now;
    c->client = (struct side){.fd = fd};
    c->server.fd = -1;
    relay_init(&c->up);
    relay_init(&c->down);
    return c;
}

void conn_accepted(struct worker *w, int fd, const union qhcp_addr *from)
{
    uint64_t key = clients_key(from);
    int r = clients_add(w->clients, key, (uint32_t)w->config->max_per_source);
    struct conn *c = r == 0 ? make(w, fd, from, key) : NULL;

    if (c) {
        choose(c);
        return;
    }
    if (r == 0)
        clients_remove(w->clients, key);
    else if (r == QHCP_E_FULL)
        atomic_fetch_add_explicit(&w->crowded, 1, memory_order_relaxed);
    close(fd);
    places_give_back(w->places);
}

/* From the last bytes that the client sent to the first that the server answers: a request's
 * latency, where requests are answered one after another, whatever their protocol. */
static void time_answer(struct conn *c, bool asked, bool answered)
{
    qhcp_nsec now = c->worker->now;

    if (asked)
        c->begun = now;
    else if (answered && c->begun > 0)
        load_latency(&c->entry->load, now, (float)(now - c->begun) / (float)NSEC_PER_USEC);
    if (answered)
        c->begun = 0;
}

static enum proxy_end broken(bool of_server, int error)
{
    bool reset = error == ECONNRESET || error == EPIPE;

    return of_server ? (reset ? PROXY_SERVER_RESET : PROXY_SERVER_LOST)
                     : (reset ? PROXY_CLIENT_RESET : PROXY_CLIENT_LOST);
}

/* Where it waits, after a turn that broke nothing. */
static void wait_on(struct conn *c, enum relay_end up, enum relay_end down)
{
    struct worker *w = c->worker;

    if (up == RELAY_ENDED && down == RELAY_ENDED) {
        conn_close(c, c->client_first ? PROXY_BY_CLIENT : PROXY_BY_SERVER);
        return;
    }
    /* Neither reads nor writes notice a reset after the end of a side's data.  After a reset of the
     * server's, the client has all its data, and no peer. */
    if ((c->server.error && down == RELAY_ENDED) || (c->client.error && c->client.ended)) {
        conn_close(c, c->client.error ? PROXY_CLIENT_RESET : PROXY_BY_SERVER);
        return;
    }
    if (c->up.bytes - c->counted_up + c->down.bytes - c->counted_down >= COUNT_EVERY)
        count_bytes(c);
    if (up == RELAY_GOES_ON || down == RELAY_GOES_ON)
        touch(c, &w->busy);
    else
        touch(c, up == RELAY_ENDED || down == RELAY_ENDED ? &w->half : &w->idle);
}

/* Both directions, until neither goes on. */
static void relay(struct conn *c)
{
    struct worker *w = c->worker;
    uint64_t up_before = c->up.bytes, down_before = c->down.bytes;
    bool server_ended = c->server.ended, up_at_sender, down_at_sender;
    enum relay_end up =
        relay_run(&c->up, &c->client, &c->server, w->scratch, &w->pipes, &up_at_sender);
    int error = errno;
    enum relay_end down =
        relay_run(&c->down, &c->server, &c->client, w->scratch, &w->pipes, &down_at_sender);

    c->client_first = c->client_first || (c->client.ended && !server_ended);
    time_answer(c, c->up.bytes > up_before, c->down.bytes > down_before);
    if (up == RELAY_BROKEN)
        conn_close(c, broken(!up_at_sender, error));
    else if (down == RELAY_BROKEN)
        conn_close(c, broken(down_at_sender, errno));
    else
        wait_on(c, up, down);
}

static void count_connect(struct conn *c)
{
    qhcp_nsec took = c->worker->now - c->begun, bound = 100 * NSEC_PER_USEC;
    unsigned bucket = 0;

    for (; took > bound && bucket + 1 < PROXY_BUCKETS; bound *= 2)
        bucket++;
    atomic_fetch_add_explicit(&c->entry->connect_time[bucket], 1, memory_order_relaxed);
    c->connected_after = c->worker->now - c->accepted;
    c->begun = 0;
    if (atomic_load_explicit(&c->entry->refused, memory_order_relaxed) > 0) {
        atomic_store_explicit(&c->entry->refused, 0, memory_order_relaxed);
        worker_report(c->worker, c->entry->id, 0);
    }
}

static void try_another(struct conn *c, int error)
{
    count_failure(c, error);
    leave_server(c, true);
    end_side(&c->server, false);
    choose(c);
}

void conn_evict(struct conn *c)
{
    struct entry *e = c->entry;

    if (!e || atomic_load_explicit(&e->epoch, memory_order_acquire) == c->epoch)
        return;
    if (c->connected) {
        conn_close(c, (enum proxy_end)atomic_load_explicit(&e->evicted, memory_order_relaxed));
        return;
    }
    leave_server(c, false);
    end_side(&c->server, false);
    choose(c);
}

static void server_connects(struct conn *c, bool failed)
{
    const struct worker *w = c->worker;
    int error = 0;
    socklen_t len = sizeof error;

    if (failed && getsockopt(c->server.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        error = errno;
    if (error != 0) {
        try_another(c, error);
        return;
    }
    count_connect(c);
    c->connected = true;
    if (w->config->send_proxy_v2 && send_header(c) != 0) {
        conn_close(c, PROXY_CLIENT_RESET);
        return;
    }
    if (!watch(c, &c->client, 0)) {
        conn_close(c, PROXY_OURS);
        return;
    }
    c->client.writable = true; /* its data, if any, is the first event of the set */
    relay(c);
}

void conn_event(struct conn *c, bool of_server, uint32_t events)
{
    struct side *s = of_server ? &c->server : &c->client;

    if (c->dead)
        return;
    s->readable = s->readable || (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    s->writable = s->writable || (events & (EPOLLOUT | EPOLLHUP | EPOLLERR));
    s->hangup = s->hangup || (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    s->error = s->error || (events & EPOLLERR);
    if (c->connected)
        relay(c);
    else if (of_server)
        server_connects(c, events & (EPOLLERR | EPOLLHUP));
}

void conn_continue(struct conn *c)
{
    relay(c);
}

void conn_retry(struct conn *c)
{
    choose(c);
}

void conn_timed_out(struct conn *c)
{
    try_another(c, ETIMEDOUT);
}
