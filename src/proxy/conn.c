#include "proxy/conn.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/header.h"
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

void conn_close(struct conn *c, bool failed)
{
    struct worker *w = c->worker;

    if (c->dead)
        return;
    leave_server(c, failed);
    if (c->server.fd >= 0)
        close(c->server.fd);
    close(c->client.fd);
    relay_deinit(&c->up, &w->pipes);
    relay_deinit(&c->down, &w->pipes);
    if (c->queue)
        queue_remove(c->queue, c);
    sources_remove(&w->sources, c->key);
    c->dead = true; /* events of this turn may still name it */
    c->after = w->dead;
    w->dead = c;
    atomic_fetch_sub_explicit(&w->connections, 1, memory_order_relaxed);
}

static enum proxy_failure kind_of(int error)
{
    return error == ECONNREFUSED ? PROXY_REFUSED
           : error == ETIMEDOUT  ? PROXY_TIMED_OUT
           : error == ECONNRESET ? PROXY_RESET
                                 : PROXY_UNREACHABLE;
}

static bool dial(struct conn *c, const union qhcp_addr *to)
{
    socklen_t len = to->sa.sa_family == AF_INET6 ? sizeof to->in6 : sizeof to->in;
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    c->server = (struct side){.fd = fd, .nagle = true};
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

/* The connection to the server that was picked has failed, with this error. */
static void count_failure(struct conn *c, int error)
{
    struct entry *e = c->entry;

    atomic_fetch_add_explicit(&e->failures[kind_of(error)], 1, memory_order_relaxed);
    if (!c->connected)
        atomic_fetch_add_explicit(&e->refused, 1, memory_order_relaxed);
    worker_report(c->worker, e->id, error);
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

/* Errors that say something of this machine, and nothing of the server. */
static bool is_ours(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL || error == ENOSPC;
}

/* Tells the server who its client is.  Nothing was sent to it yet, so that it has room for that; 0,
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

/* The next server; closes where there is none. */
static void choose(struct conn *c)
{
    struct worker *w = c->worker;
    uint32_t tried[CONN_TRIES], index;
    bool ours;

    while (c->n_tried < CONN_TRIES) {
        const struct snapshot *s = worker_snapshot(w);
        struct balance_request r = {.now = w->now, .key = c->key, .tried = tried};

        r.n_tried = c->n_tried > 0 ? tried_indexes(c, s, tried) : 0;
        index = w->balance ? balance_pick(w->balance, &r) : BALANCE_NONE;
        if (index == BALANCE_NONE)
            break;
        c->entry = s->entries[index];
        load_begin(&c->entry->load, &w->table->all);
        atomic_fetch_add_explicit(&c->entry->connects, 1, memory_order_relaxed);
        c->tried[c->n_tried++] = (uint32_t)c->entry->slot;
        c->begun = w->now;
        if (dial(c, &s->targets[index])) {
            touch(c, &w->connecting);
            return;
        }
        ours = is_ours(errno);
        if (!ours)
            count_failure(c, errno);
        leave_server(c, !ours);
        if (ours) /* another server would not help */
            break;
    }
    if (c->n_tried == 0)
        worker_report(w, WORKER_NOBODY, 0);
    conn_close(c, false);
}

void conn_accepted(struct worker *w, int fd, const union qhcp_addr *from)
{
    uint64_t key = sources_key(from);
    struct conn *c;

    if (!sources_add(&w->sources, key, w->most_of_source)) {
        atomic_fetch_add_explicit(&w->crowded, 1, memory_order_relaxed);
        close(fd);
        return;
    }
    c = calloc(1, sizeof *c);
    if (!c) {
        sources_remove(&w->sources, key);
        close(fd);
        return;
    }
    c->worker = w;
    c->key = key;
    c->client = (struct side){.fd = fd};
    c->server.fd = -1;
    relay_init(&c->up);
    relay_init(&c->down);
    atomic_fetch_add_explicit(&w->connections, 1, memory_order_relaxed);
    choose(c);
}

/* What broke must not look like an end in good order: whoever is left is reset.  (And a client that
 * resets leaves no port of ours in TIME_WAIT.) */
static void reset(struct conn *c)
{
    struct linger at_once = {.l_onoff = 1};

    (void)setsockopt(c->client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)setsockopt(c->server.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
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

/* Both directions, until neither goes on. */
static void relay(struct conn *c)
{
    struct worker *w = c->worker;
    uint64_t up_before = c->up.bytes, down_before = c->down.bytes;
    bool client_broke, server_broke;
    enum relay_end up =
        relay_run(&c->up, &c->client, &c->server, w->scratch, &w->pipes, &client_broke);
    int error = errno;
    enum relay_end down =
        relay_run(&c->down, &c->server, &c->client, w->scratch, &w->pipes, &server_broke);

    time_answer(c, c->up.bytes > up_before, c->down.bytes > down_before);
    if (up == RELAY_BROKEN || down == RELAY_BROKEN) {
        bool of_server =
            (up == RELAY_BROKEN && !client_broke) || (down == RELAY_BROKEN && server_broke);

        error = up == RELAY_BROKEN ? error : errno;
        if (of_server && error == ECONNRESET)
            count_failure(c, error);
        reset(c);
        conn_close(c, of_server);
        return;
    }
    if (up == RELAY_ENDED && down == RELAY_ENDED) {
        conn_close(c, false);
        return;
    }
    if (c->up.bytes - c->counted_up + c->down.bytes - c->counted_down >= COUNT_EVERY)
        count_bytes(c);
    touch(c, up == RELAY_GOES_ON || down == RELAY_GOES_ON ? &w->busy : &w->idle);
}

static void count_connect(struct conn *c)
{
    qhcp_nsec took = c->worker->now - c->begun, bound = 100 * NSEC_PER_USEC;
    unsigned bucket = 0;

    for (; took > bound && bucket + 1 < PROXY_BUCKETS; bound *= 2)
        bucket++;
    atomic_fetch_add_explicit(&c->entry->connect_time[bucket], 1, memory_order_relaxed);
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
    close(c->server.fd);
    c->server.fd = -1;
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
    if ((w->config->send_proxy_v2 && send_header(c) != 0) || !watch(c, &c->client, 0)) {
        conn_close(c, false);
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
    if (c->connected)
        relay(c);
    else if (of_server)
        server_connects(c, events & (EPOLLERR | EPOLLHUP));
}

void conn_continue(struct conn *c)
{
    relay(c);
}

void conn_timed_out(struct conn *c)
{
    try_another(c, ETIMEDOUT);
}
