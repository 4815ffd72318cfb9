#include "proxy/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "proxy/worker.h"

#define BACKLOG                                                                                    \
    4096 /* of each thread's listener; the kernel's somaxconn is the same by default               \
          */
#define REPORTS 64

struct proxy {
    struct proxy_config config;
    struct table table;
    int reports[2];
    unsigned n;
    struct worker *workers;
};

const char *proxy_failure_name(enum proxy_failure f)
{
    static const char *const names[] = {[PROXY_REFUSED] = "refused",
                                        [PROXY_TIMED_OUT] = "timed_out",
                                        [PROXY_UNREACHABLE] = "unreachable",
                                        [PROXY_RESET] = "reset"};

    return names[f];
}

static int listen_at(int family, uint16_t port)
{
    union qhcp_addr a = {.sa = {.sa_family = (sa_family_t)family}};
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, error;

    a.in.sin_port = htons(port); /* at the same place in both families */
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 && /* accepted ones have it */
        (family == AF_INET || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, &a.sa, address_len(&a)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* SO_REUSEPORT lets any process of this user share the port, by intention or not: the first socket
 * is opened without, so that somebody else's is noticed. */
static int probe_port(uint16_t port)
{
    union qhcp_addr a = {.sa = {.sa_family = AF_INET}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1, r;

    a.in.sin_port = htons(port);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    r = bind(fd, &a.sa, sizeof a.in) == 0 ? listen(fd, 1) : -1;
    if (r < 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return close(fd);
}

static int open_listeners(struct worker *w, uint16_t port)
{
    static const int families[] = {AF_INET, AF_INET6};

    for (unsigned i = 0; i < 2; i++) {
        int fd = listen_at(families[i], port);

        if (fd >= 0)
            w->listeners[w->n_listeners++] = fd;
        else if (families[i] == AF_INET || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
            return QHCP_E_IO;
    }
    return 0;
}

/* Those of another process, in turn, of each family by itself: connections wait in each of them. */
static void share_out(struct proxy *p)
{
    unsigned turns[2] = {0, 0};

    for (unsigned i = 0; i < p->config.n_listeners; i++) {
        int family = AF_INET;
        socklen_t len = sizeof family;
        struct worker *w;

        (void)getsockopt(p->config.listeners[i], SOL_SOCKET, SO_DOMAIN, &family, &len);
        w = &p->workers[turns[family == AF_INET6]++ % p->n];
        if (w->n_listeners < WORKER_LISTENERS)
            w->listeners[w->n_listeners++] = p->config.listeners[i];
    }
}

static int open_port(struct proxy *p, char *words, size_t words_cap)
{
    uint16_t port = p->config.port;
    int r = p->config.n_listeners == 0 && probe_port(port) < 0 ? QHCP_E_IO : 0;

    share_out(p);
    for (unsigned i = 0; i < p->n && r == 0; i++)
        if (p->workers[i].n_listeners == 0)
            r = open_listeners(&p->workers[i], port);
    if (r == 0)
        return 0;
    if (errno == EADDRINUSE)
        snprintf(
            words, words_cap,
            "TCP port %u is in use: stop the program that has it ('ss -tlpn sport = :%u' names "
            "it), or choose another port with --port",
            port, port);
    else
        snprintf(words, words_cap, "cannot listen on TCP port %u: %s", port, strerror(errno));
    return r;
}

static int prepare(struct proxy *p, char *words, size_t words_cap)
{
    int r = 0;

    if (pipe2(p->reports, O_NONBLOCK | O_CLOEXEC) < 0)
        r = QHCP_E_IO;
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->workers[i];

        w->config = &p->config;
        w->table = &p->table;
        w->reports = p->reports[1];
        w->epoll = w->wake = -1;
        w->accepts = 1;
        w->most = (p->config.max_connections + p->n - 1) / p->n;
        w->most_of_source = (uint32_t)((p->config.max_per_source + p->n - 1) / p->n);
        w->seed = (uint64_t)getpid() << 32 ^ (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15);
    }
    if (r == 0)
        r = open_port(p, words, words_cap);
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
    p->reports[0] = p->reports[1] = -1;
    p->workers = calloc(p->n, sizeof *p->workers);
    r = p->workers ? table_init(&p->table, config->algorithm) : QHCP_E_NOMEM;
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

int proxy_start(struct proxy *p)
{
    int r = 0;

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
    for (unsigned i = 0; p->workers && i < p->n; i++)
        worker_end(&p->workers[i]);
    table_deinit(&p->table);
    rcu_unregister_thread();
    for (unsigned i = 0; i < 2; i++)
        if (p->reports[i] >= 0)
            close(p->reports[i]);
    free(p->workers);
    free(p);
}

int proxy_publish(struct proxy *p, qhcp_nsec now, const struct proxy_server *servers, size_t n)
{
    int r;

    rcu_thread_online();
    r = table_publish(&p->table, now, p->config.algorithm, servers, n);
    rcu_thread_offline();
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
    ssize_t n;

    while ((n = read(p->reports[0], reports, sizeof reports)) > 0) {
        for (size_t i = 0; i < (size_t)n / sizeof reports[0]; i++) {
            if (reports[i].id == WORKER_NOBODY)
                nobody++;
            else
                p->config.server(p->config.ctx, reports[i].id, reports[i].error);
        }
    }
    if (nobody > 0)
        p->config.nobody(p->config.ctx, nobody);
}

void proxy_evict(struct proxy *p, size_t id)
{
    struct entry *e = table_find(&p->table, id);

    if (!e)
        return;
    atomic_store_explicit(&e->evicted, true, memory_order_relaxed);
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
    size_t n = 0;

    for (unsigned i = 0; i < p->n; i++)
        n += atomic_load_explicit(&p->workers[i].connections, memory_order_relaxed);
    return n;
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
        .errors = e->errors};
    for (unsigned i = 0; i < PROXY_FAILURES; i++)
        ret->failures[i] = atomic_load_explicit(&e->failures[i], memory_order_relaxed);
    for (unsigned i = 0; i < PROXY_BUCKETS; i++)
        ret->connect_time[i] = atomic_load_explicit(&e->connect_time[i], memory_order_relaxed);
    return true;
}
