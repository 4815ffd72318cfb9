#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy/listen.h"
#include "proxy/planner.h"
#include "proxy/worker.h"

#define REPORTS 64
#define ENDED_PIPE (1 << 20) /* bytes: some thousands of connections that have ended */

struct proxy {
    struct proxy_config config;
    struct table table;
    struct planner planner;
    struct places places;
    struct clients clients;
    _Atomic int64_t pipes; /* that may still be opened */
    _Atomic uint64_t lost; /* connections that `ended` did not get */
    int reports[2], ended[2];
    unsigned n;
    struct worker *workers;
};

static void wake(void *ctx, unsigned thread)
{
    struct proxy *p = ctx;

    worker_order(&p->workers[thread], WORKER_RUN);
}

static int prepare(struct proxy *p, char *words, size_t words_cap)
{
    int r = 0;

    if (pipe2(p->reports, O_NONBLOCK | O_CLOEXEC) < 0 ||
        (p->config.ended && pipe2(p->ended, O_NONBLOCK | O_CLOEXEC) < 0))
        r = QHCP_E_IO;
    if (p->ended[1] >= 0)
        (void)fcntl(p->ended[1], F_SETPIPE_SZ, ENDED_PIPE);
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->workers[i];

        w->config = &p->config;
        w->index = i;
        w->table = &p->table;
        w->places = &p->places;
        w->clients = &p->clients;
        w->pipes.left = &p->pipes;
        w->reports = p->reports[1];
        w->ended = p->ended[1];
        w->lost = &p->lost;
        w->epoll = w->wake = -1;
        w->accepts = 1;
        w->seed = (uint64_t)getpid() << 32 ^ (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
    }
    if (r == 0)
        r = listen_open(&p->config, p->workers, p->n, words, words_cap);
    if (r < 0 && words[0] == '\0')
        snprintf(words, words_cap, "cannot start to forward: %s", strerror(errno));
    return r;
}

int proxy_new(const struct proxy_config *config, struct proxy **ret, char *words, size_t words_cap)
{
    size_t size = (sizeof(struct proxy) + LOAD_LINE - 1) / LOAD_LINE * LOAD_LINE;
    struct proxy *p = aligned_alloc(LOAD_LINE, size);
    int r;

    words[0] = '\0';
    if (!p) {
        snprintf(words, words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    memset(p, 0, size);
    rcu_register_thread(); /* call_rcu wants it; offline but where it is called */
    p->config = *config;
    p->n = config->threads;
    p->reports[0] = p->reports[1] = p->ended[0] = p->ended[1] = -1;
    p->places = (struct places){.most = config->max_connections, .ctx = p, .wake = wake};
    p->pipes = (int64_t)config->max_pipes;
    p->workers = calloc(p->n, sizeof *p->workers);
    r = p->workers ? table_init(&p->table, config->algorithm) : QHCP_E_NOMEM;
    if (r == 0)
        r = clients_init(&p->clients, config->max_connections);
    if (r == 0)
        r = prepare(p, words, words_cap);
    rcu_thread_offline();
    if (r < 0) {
        proxy_free(p);
        return r;
    }
    *ret = p;
    return 0;
}

/* The planner's.  Whoever holds clients looks at the new table.  A thread that is about to say so
 * looks at the table after that (both in one order: memory_order_seq_cst), so that one of the two
 * sees the other. */
static void on_in_force(void *ctx)
{
    struct report r = {.id = WORKER_IN_FORCE};
    struct proxy *p = ctx;

    for (unsigned i = 0; i < p->n; i++)
        if (atomic_load(&p->workers[i].holding))
            wake(p, i);
    (void)!write(p->reports[1], &r, sizeof r);
}

int proxy_start(struct proxy *p)
{
    int r = planner_start(&p->planner, &p->table, p, on_in_force);

    for (unsigned i = 0; i < p->n && r == 0; i++)
        r = worker_start(&p->workers[i]);
    return r;
}

unsigned proxy_listeners(const struct proxy *p, int *ret, unsigned n)
{
    unsigned found = 0;

    for (unsigned i = 0; i < p->n; i++)
        for (unsigned k = 0; k < p->workers[i].n_listeners && found < n; k++)
            ret[found++] = p->workers[i].listeners[k];
    return found;
}

void proxy_free(struct proxy *p)
{
    if (!p)
        return;
    planner_end(&p->planner);
    for (unsigned i = 0; p->workers && i < p->n; i++)
        worker_end(&p->workers[i]);
    for (unsigned i = 0; p->workers && i < p->n; i++)
        worker_deinit(&p->workers[i]);
    clients_deinit(&p->clients);
    table_deinit(&p->table);
    rcu_unregister_thread();
    for (unsigned i = 0; i < 2; i++) {
        if (p->reports[i] >= 0)
            close(p->reports[i]);
        if (p->ended[i] >= 0)
            close(p->ended[i]);
    }
    free(p->workers);
    free(p);
}

int proxy_publish(struct proxy *p, qhcp_nsec now, const struct proxy_rows *rows)
{
    int r;

    rcu_thread_online();
    r = table_publish(&p->table, now, p->config.algorithm, rows);
    rcu_thread_offline();
    planner_wake(&p->planner);
    return r;
}

void proxy_algorithm(struct proxy *p, const struct balance_algorithm *a)
{
    p->config.algorithm = a;
}

int proxy_fd(const struct proxy *p)
{
    return p->reports[0];
}

void proxy_ready(struct proxy *p)
{
    struct report reports[REPORTS];
    uint64_t nobody = 0;
    bool in_force = false;
    ssize_t n;

    while ((n = read(p->reports[0], reports, sizeof reports)) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof reports[0]; i++) {
            if (reports[i].id == WORKER_NOBODY)
                nobody++;
            else if (reports[i].id == WORKER_IN_FORCE)
                in_force = true;
            else
                p->config.server(p->config.ctx, reports[i].id, reports[i].error);
        }
    }
    if (nobody > 0)
        p->config.nobody(p->config.ctx, nobody);
    if (in_force && atomic_load(&p->table.in_force) == p->table.version)
        p->config.in_force(p->config.ctx);
}

int proxy_ended_fd(const struct proxy *p)
{
    return p->ended[0];
}

void proxy_ended_ready(struct proxy *p)
{
    struct proxy_ended ended[REPORTS];
    ssize_t n;

    while (p->ended[0] >= 0 && (n = read(p->ended[0], ended, sizeof ended)) > 0)
        for (size_t i = 0; i < (size_t)n / sizeof ended[0]; i++)
            p->config.ended(p->config.ctx, &ended[i]);
}

uint64_t proxy_ended_lost(const struct proxy *p)
{
    return atomic_load_explicit(&p->lost, memory_order_relaxed);
}

void proxy_evict(struct proxy *p, size_t id, enum proxy_end how)
{
    struct entry *e = table_find(&p->table, id);

    if (!e)
        return;
    atomic_store_explicit(&e->evicted, (int)how, memory_order_relaxed);
    atomic_fetch_add_explicit(&e->epoch, 1, memory_order_release);
    for (unsigned i = 0; i < p->n; i++) {
        atomic_store_explicit(&p->workers[i].evict, true, memory_order_release);
        worker_order(&p->workers[i], WORKER_RUN);
    }
}

void proxy_stop(struct proxy *p, bool handed_over)
{
    for (unsigned i = 0; i < p->n; i++)
        worker_order(&p->workers[i], handed_over ? WORKER_LET_GO : WORKER_STOP_ACCEPTING);
}

bool proxy_accepting(const struct proxy *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (!atomic_load_explicit(&p->workers[i].deaf, memory_order_acquire))
            return true;
    return false;
}

size_t proxy_connections(const struct proxy *p)
{
    return atomic_load_explicit(&p->places.taken, memory_order_relaxed);
}

uint64_t proxy_crowded(const struct proxy *p)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < p->n; i++)
        n += atomic_load_explicit(&p->workers[i].crowded, memory_order_relaxed);
    return n;
}

uint32_t proxy_in_flight(const struct proxy *p, size_t id)
{
    const struct entry *e = table_find(&p->table, id);

    return e ? load_in_flight(&e->load) : 0;
}

bool proxy_counts(const struct proxy *p, qhcp_nsec now, size_t id, struct proxy_counts *ret)
{
    const struct entry *e = table_find(&p->table, id);

    if (!e)
        return false;
    *ret = (struct proxy_counts){
        .target = e->target,
        .weight = e->weight,
        .priority = e->priority,
        .in_flight = load_in_flight(&e->load),
        .connects = atomic_load_explicit(&e->connects, memory_order_relaxed),
        .latency_us = load_latency_known(&e->load) ? (unsigned)load_latency_us(&e->load, now) : 0,
        .bytes_in = atomic_load_explicit(&e->bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&e->bytes_out, memory_order_relaxed),
        .errors = atomic_load_explicit(&e->errors, memory_order_relaxed)};
    for (unsigned i = 0; i < PROXY_FAILURES; i++)
        ret->failures[i] = atomic_load_explicit(&e->failures[i], memory_order_relaxed);
    for (unsigned i = 0; i < PROXY_ENDS; i++)
        ret->ends[i] = atomic_load_explicit(&e->ends[i], memory_order_relaxed);
    for (unsigned i = 0; i < PROXY_BUCKETS; i++)
        ret->connect_time[i] = atomic_load_explicit(&e->connect_time[i], memory_order_relaxed);
    return true;
}
