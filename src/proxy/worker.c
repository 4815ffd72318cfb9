#include "proxy/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/os/clock.h"

#define EVENTS 256                         /* of one wait */
#define ACCEPTS 64                         /* clients of one listener in a turn */
#define ACCEPT_PAUSE (100 * NSEC_PER_MSEC) /* where no descriptors are left */
#define LISTENER_MARK ((uintptr_t)2)       /* in the lowest bits of epoll's word */
#define MARKS ((uintptr_t)3)

void queue_add(struct queue *q, struct conn *c)
{
    c->queue = q;
    c->after = NULL;
    c->before = q->last;
    if (q->last)
        q->last->after = c;
    else
        q->first = c;
    q->last = c;
}

void queue_remove(struct queue *q, struct conn *c)
{
    if (c->before)
        c->before->after = c->after;
    else
        q->first = c->after;
    if (c->after)
        c->after->before = c->before;
    else
        q->last = c->before;
    c->queue = NULL;
}

/* Lost where the owner does not keep up: the counts have it anyway. */
void worker_report(struct worker *w, size_t id, int error)
{
    struct report r = {.id = id, .error = error};

    (void)!write(w->reports, &r, sizeof r);
}

void worker_ended(struct worker *w, const struct proxy_ended *e)
{
    if (write(w->ended, e, sizeof *e) != (ssize_t)sizeof *e)
        atomic_fetch_add_explicit(w->lost, 1, memory_order_relaxed);
}

/* Returns the newest table of servers.  For a new one, it first makes this thread's own state of
 * the algorithm (turns, random numbers), from its state for the table before. */
const struct snapshot *worker_snapshot(struct worker *w)
{
    const struct snapshot *s = atomic_load_explicit(&w->table->current, memory_order_acquire);
    size_t size;
    void *mem;

    if (w->balance && w->version == s->version)
        return s;
    size = (balance_worker_size(s->balance) + BALANCE_ALIGN - 1) / BALANCE_ALIGN * BALANCE_ALIGN;
    mem = aligned_alloc(BALANCE_ALIGN, size);
    if (mem) /* otherwise no server is picked until there is memory */
        mem = balance_worker_init(mem, s->balance, w->balance, w->seed);
    free(w->balance);
    w->balance = mem;
    w->version = s->version;
    return s;
}

static void listen_on(struct worker *w, bool on)
{
    for (unsigned i = 0; i < w->n_listeners && on != w->accepting; i++) {
        struct epoll_event e = {.events = EPOLLIN};

        e.data.u64 = (uint64_t)i << 2 | LISTENER_MARK;
        (void)epoll_ctl(w->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, w->listeners[i], &e);
    }
    w->accepting = on;
}

/* Where one waits, there is seldom another: not asked for more than came the last time, twice over,
 * the call that finds nothing is saved.  True: there may be more. */
static bool accept_some(struct worker *w, int listener)
{
    unsigned most = w->accepts;

    w->accepts = 2 * most < ACCEPTS ? 2 * most : ACCEPTS;
    for (unsigned i = 0; i < most; i++) {
        union qhcp_addr from;
        socklen_t len = sizeof from;
        int fd;

        if (!places_take(w->places, w->index)) {
            listen_on(w, false); /* until one has ended */
            return false;
        }
        fd = accept4(listener, &from.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            conn_accepted(w, fd, &from);
            continue;
        }
        places_give_back(w->places);
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            listen_on(w, false);
            w->accept_again = nsec_add(w->now, ACCEPT_PAUSE);
            return false;
        }
        if (errno == EAGAIN) {
            w->accepts = i > 0 ? i : 1;
            return false;
        }
    }
    return true;
}

static void evict(struct worker *w)
{
    struct queue *queues[] = {&w->connecting, &w->idle, &w->half, &w->busy};

    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++) {
        for (struct conn *c = queues[i]->first, *next; c; c = next) {
            next = c->after;
            conn_evict(c);
        }
    }
}

/* Each of a queue once, though it may queue there again. */
static void each(struct queue *q, void (*f)(struct conn *c))
{
    struct conn *c = q->first, *next;

    *q = (struct queue){NULL, NULL};
    for (; c; c = next) {
        next = c->after;
        c->queue = NULL;
        f(c);
    }
}

/* Where there is another table; and those that waited for too long, which conn_retry closes then.
 */
static void retry_held(struct worker *w)
{
    const struct snapshot *s = atomic_load(&w->table->current);
    struct conn *c;

    if (!w->held.first)
        return;
    if (s->version != w->held_version) {
        w->held_version = s->version;
        each(&w->held, conn_retry);
    }
    while ((c = w->held.first) && nsec_add(c->since, w->config->hold) <= w->now) {
        queue_remove(&w->held, c);
        conn_retry(c);
    }
    atomic_store_explicit(&w->holding, w->held.first != NULL, memory_order_relaxed);
}

static void free_dead(struct worker *w)
{
    struct conn *c;

    while ((c = w->dead)) {
        w->dead = c->after;
        free(c);
    }
}

static void expire(struct worker *w)
{
    struct conn *c;

    each(&w->busy, conn_continue);
    while ((c = w->connecting.first) && nsec_add(c->since, w->config->connect_timeout) <= w->now)
        conn_timed_out(c);
    while ((c = w->idle.first) && nsec_add(c->since, w->config->idle_timeout) <= w->now)
        conn_close(c, PROXY_IDLE);
    while ((c = w->half.first) && nsec_add(c->since, w->config->half_close_timeout) <= w->now)
        conn_close(c, PROXY_HALF_CLOSED);
    retry_held(w);
    free_dead(w);
    if (!w->accepting && w->accept_again <= w->now && w->n_listeners > 0 &&
        !places_waits(w->places, w->index))
        listen_on(w, true);
}

static qhcp_nsec end_of(const struct queue *q, qhcp_nsec timeout)
{
    return q->first ? nsec_add(q->first->since, timeout) : NSEC_NEVER;
}

static int wait_ms(const struct worker *w)
{
    const struct proxy_config *c = w->config;
    qhcp_nsec at = nsec_min(end_of(&w->connecting, c->connect_timeout), end_of(&w->held, c->hold));

    if (w->busy.first)
        return 0;
    at = nsec_min(at, end_of(&w->idle, c->idle_timeout));
    at = nsec_min(at, end_of(&w->half, c->half_close_timeout));
    if (!w->accepting && w->accept_again > w->now)
        at = nsec_min(at, w->accept_again);
    if (at == NSEC_NEVER)
        return -1;
    return at <= w->now ? 0 : (int)nsec_min((at - w->now) / NSEC_PER_MSEC + 1, 60000);
}

/* Those that wait in a listener's backlog would be reset with it. */
static void accept_rest(struct worker *w, int listener)
{
    w->now = clock_monotonic();
    while (accept_some(w, listener)) {
    }
}

/* The owner's word; true: the end. */
static bool ordered(struct worker *w)
{
    int order = atomic_load_explicit(&w->order, memory_order_acquire);

    if (order >= WORKER_LET_GO && w->n_listeners > 0) {
        listen_on(w, false);
        while (w->n_listeners > 0) {
            w->n_listeners--;
            if (order == WORKER_STOP_ACCEPTING)
                accept_rest(w, w->listeners[w->n_listeners]);
            close(w->listeners[w->n_listeners]);
        }
        atomic_store_explicit(&w->deaf, true, memory_order_release);
    }
    return order == WORKER_END;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct epoll_event events[EVENTS];
    uint64_t ignored;

    rcu_register_thread();
    listen_on(w, true);
    while (!ordered(w)) {
        int wait = wait_ms(w), n;

        if (wait != 0)
            rcu_thread_offline();
        n = epoll_wait(w->epoll, events, EVENTS, wait);
        if (wait != 0)
            rcu_thread_online();
        else
            rcu_quiescent_state();
        w->now = clock_monotonic();
        for (int i = 0; i < n; i++) {
            uintptr_t word = (uintptr_t)events[i].data.u64;

            if (word == 0)
                (void)!read(w->wake, &ignored, sizeof ignored);
            else if (word & LISTENER_MARK)
                (void)accept_some(w, w->listeners[word >> 2]);
            else
                conn_event((struct conn *)(word & ~MARKS), word & CONN_SERVER, events[i].events);
        }
        if (atomic_exchange_explicit(&w->evict, false, memory_order_acquire))
            evict(w);
        expire(w);
    }
    rcu_unregister_thread();
    return NULL;
}

static void close_all(struct worker *w)
{
    struct queue *queues[] = {&w->connecting, &w->idle, &w->half, &w->held, &w->busy};

    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++)
        while (queues[i]->first)
            conn_close(queues[i]->first, PROXY_STOPPED);
    free_dead(w);
}

int worker_start(struct worker *w)
{
    struct epoll_event e = {.events = EPOLLIN};

    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    w->scratch = malloc(RELAY_SCRATCH);
    if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &e) < 0)
        return QHCP_E_IO;
    if (!w->scratch || pthread_create(&w->thread, NULL, run, w) != 0)
        return QHCP_E_NOMEM;
    w->running = true;
    return 0;
}

void worker_order(struct worker *w, enum worker_order order)
{
    uint64_t one = 1;

    if ((int)order > atomic_load_explicit(&w->order, memory_order_relaxed))
        atomic_store_explicit(&w->order, (int)order, memory_order_release);
    (void)!write(w->wake, &one, sizeof one);
}

void worker_end(struct worker *w)
{
    if (w->running) {
        worker_order(w, WORKER_END);
        pthread_join(w->thread, NULL);
        w->running = false;
    }
}

void worker_deinit(struct worker *w)
{
    close_all(w);
    while (w->n_listeners > 0)
        close(w->listeners[--w->n_listeners]);
    pipes_deinit(&w->pipes);
    free(w->scratch);
    free(w->balance);
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->wake >= 0)
        close(w->wake);
    w->wake = -1; /* a place that another thread gives back does not wake this one */
}
