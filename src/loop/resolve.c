#include "loop/resolve.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include <ares.h>

#include "base/limits.h"
#include "base/time.h"
#include "loop/loop.h"

#define RESOLVE_PARALLEL 64  /* queries under way: polite to a DNS server, fast for a fleet */
#define RESOLVE_TIMEOUT 2000 /* ms for the first try of a DNS server; c-ares doubles it */
#define RESOLVE_TRIES 2
#define RESOLVE_CACHE 64 /* slots: a list often names one host many times, by its ports */
#define RESOLVE_CACHE_AGE NSEC_PER_SEC
#define RESOLVE_CONF "/etc/resolv.conf"

struct job {
    struct job *next;
    struct resolve *r; /* NULL: nobody waits for it any more */
    size_t index;
    uint16_t port;
    char host[];
};

struct watch { /* one descriptor of c-ares */
    struct watch *next;
    struct resolve *r;
    int fd;
    struct loop_watch watch;
};

struct cached {
    char host[254];
    qhcp_nsec until;
    size_t n;
    union qhcp_addr addrs[LIMIT_ADDRS];
};

struct resolve {
    struct loop *loop;
    struct loop_part part;
    void (*done)(void *ctx, const struct resolve_answer *answer);
    void *ctx;
    ares_channel channel;
    struct timespec conf_time; /* of resolv.conf, when channel was made */
    struct job *first, **last; /* waiting their turn */
    size_t under_way;
    bool closing;
    struct watch *watches;
    qhcp_nsec pump_at;  /* some may start; NSEC_NEVER: none */
    qhcp_nsec query_at; /* c-ares has something to do; NSEC_NEVER: not by itself */
    struct cached cache[RESOLVE_CACHE];
};

static void rearm(struct resolve *r)
{
    struct timeval tv;

    r->query_at = NSEC_NEVER;
    if (ares_timeout(r->channel, NULL, &tv))
        r->query_at = nsec_add(loop_now(), (qhcp_nsec)tv.tv_sec * NSEC_PER_SEC +
                                               (qhcp_nsec)tv.tv_usec * NSEC_PER_USEC);
}

static void on_io(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct watch *w = ctx; /* which may be freed below */
    struct resolve *r = w->r;
    int fd = w->fd;

    (void)now;
    ares_process_fd(r->channel, ready & LOOP_READABLE ? fd : ARES_SOCKET_BAD,
                    ready & LOOP_WRITABLE ? fd : ARES_SOCKET_BAD);
    rearm(r);
}

/* c-ares opened, closed, or waits otherwise for a socket. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    struct resolve *r = data;
    struct watch **p = &r->watches, *w;
    unsigned events = (readable ? LOOP_READABLE : 0u) | (writable ? LOOP_WRITABLE : 0u);

    while (*p && (*p)->fd != fd)
        p = &(*p)->next;
    w = *p;
    if (w && events != 0) {
        loop_watch_change(&w->watch, events);
    } else if (w) {
        *p = w->next;
        loop_unwatch(&w->watch);
        free(w);
    } else if (events != 0 && (w = calloc(1, sizeof *w))) {
        *w = (struct watch){.next = r->watches, .r = r, .fd = fd};
        r->watches = w;
        loop_watch(r->loop, &w->watch, fd, events, on_io, w);
    } /* without memory the query runs into its time-out */
}

static int open_channel(struct resolve *r)
{
    struct ares_options options = {.timeout = RESOLVE_TIMEOUT,
                                   .tries = RESOLVE_TRIES,
                                   .sock_state_cb = on_socket,
                                   .sock_state_cb_data = r};
    struct stat st = {0};

    stat(RESOLVE_CONF, &st);
    if (ares_init_options(&r->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS)
        return QHCP_E_IO;
    r->conf_time = st.st_mtim;
    return 0;
}

/* c-ares reads resolv.conf once; a laptop's or a container's changes. */
static void reopen_if_changed(struct resolve *r)
{
    ares_channel old = r->channel;
    struct stat st = {0};

    stat(RESOLVE_CONF, &st);
    if (r->under_way > 0 ||
        (st.st_mtim.tv_sec == r->conf_time.tv_sec && st.st_mtim.tv_nsec == r->conf_time.tv_nsec))
        return;
    if (open_channel(r) == 0)
        ares_destroy(old);
    else
        r->channel = old;
}

static struct cached *cache_slot(struct resolve *r, const char *host)
{
    unsigned hash = 2166136261u; /* FNV-1a */

    for (const char *p = host; *p != '\0'; p++)
        hash = (hash ^ (unsigned char)*p) * 16777619u;
    return &r->cache[hash % RESOLVE_CACHE];
}

static void cache_store(struct resolve *r, const char *host, const union qhcp_addr *addrs, size_t n)
{
    struct cached *c = cache_slot(r, host);

    if (strlen(host) >= sizeof c->host)
        return;
    snprintf(c->host, sizeof c->host, "%s", host);
    memcpy(c->addrs, addrs, n * sizeof *addrs);
    c->n = n;
    c->until = nsec_add(loop_now(), RESOLVE_CACHE_AGE);
}

static void answer(struct job *job, const union qhcp_addr *addrs, size_t n, const char *words,
                   bool silent)
{
    union qhcp_addr with_port[LIMIT_ADDRS];
    struct resolve_answer a = {job->index, job->host, job->port, with_port, n, words, silent};

    for (size_t i = 0; i < n; i++) {
        with_port[i] = addrs[i];
        if (addrs[i].sa.sa_family == AF_INET6)
            with_port[i].in6.sin6_port = htons(job->port);
        else
            with_port[i].in.sin_port = htons(job->port);
    }
    job->r->done(job->r->ctx, &a);
}

static bool is_localhost(const char *host)
{
    size_t n = strlen(host);

    return strcasecmp(host, "localhost") == 0 ||
           (n > 10 && strcasecmp(host + n - 10, ".localhost") == 0);
}

/* The loopback addresses that are not there yet; ::1 first. */
static size_t add_loopback(union qhcp_addr *addrs, size_t n)
{
    bool v4 = false, v6 = false;

    for (size_t i = 0; i < n; i++) {
        v4 |= addrs[i].sa.sa_family == AF_INET;
        v6 |= addrs[i].sa.sa_family == AF_INET6;
    }
    if (!v6 && n < LIMIT_ADDRS) {
        memmove(addrs + 1, addrs, n * sizeof *addrs);
        addrs[0] =
            (union qhcp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
        n++;
    }
    if (!v4 && n < LIMIT_ADDRS)
        addrs[n++] = (union qhcp_addr){
            .in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    return n;
}

static size_t collect(const struct ares_addrinfo *info, union qhcp_addr *ret)
{
    const struct ares_addrinfo_node *node = info ? info->nodes : NULL;
    size_t n = 0;

    for (; node && n < LIMIT_ADDRS; node = node->ai_next) {
        union qhcp_addr a = {0};
        bool twice = false;
        if (node->ai_addrlen > sizeof a ||
            (node->ai_family != AF_INET && node->ai_family != AF_INET6))
            continue;
        memcpy(&a, node->ai_addr, node->ai_addrlen);
        for (size_t i = 0; i < n; i++)
            twice |= memcmp(&ret[i], &a, sizeof a) == 0;
        if (!twice)
            ret[n++] = a;
    }
    return n;
}

static const char *reason(int status)
{
    switch (status) {
    case ARES_SUCCESS:
    case ARES_ENODATA:
        return "the name has no address";
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
        return "no such name";
    case ARES_ETIMEOUT:
        return RESOLVE_SILENT;
    case ARES_ECONNREFUSED:
        return "the DNS servers cannot be reached";
    case ARES_ESERVFAIL:
        return "the DNS server failed";
    case ARES_EREFUSED:
        return "the DNS server refuses";
    default:
        return ares_strerror(status);
    }
}

static void pump_soon(struct resolve *r)
{
    if (r->first && r->pump_at == NSEC_NEVER)
        r->pump_at = loop_now();
}

static void on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct job *job = arg;
    struct resolve *r = job->r;
    union qhcp_addr addrs[LIMIT_ADDRS];
    char words[400];
    size_t n = collect(info, addrs);

    (void)timeouts;
    if (info)
        ares_freeaddrinfo(info);
    r->under_way--;
    if (!r->closing) {
        if (is_localhost(job->host))
            n = add_loopback(addrs, n);
        if (n > 0)
            cache_store(r, job->host, addrs, n);
        snprintf(words, sizeof words, "cannot resolve %s: %s", job->host, reason(status));
        answer(job, addrs, n, n > 0 ? "" : words, n == 0 && status == ARES_ETIMEOUT);
    }
    free(job);
    pump_soon(r);
}

static void start_job(struct resolve *r, struct job *job)
{
    const struct cached *c = cache_slot(r, job->host);
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};

    if (c->n > 0 && loop_now() < c->until && strcmp(c->host, job->host) == 0) {
        answer(job, c->addrs, c->n, "", false);
        free(job);
        return;
    }
    r->under_way++;
    ares_getaddrinfo(r->channel, job->host, NULL, &hints, on_answer, job);
}

/* Starts what may start; a batch at a time, so that sockets get their turn between. */
static void pump(struct resolve *r)
{
    reopen_if_changed(r);
    for (size_t i = 0; i < RESOLVE_PARALLEL && r->first && r->under_way < RESOLVE_PARALLEL; i++) {
        struct job *job = r->first;
        r->first = job->next;
        if (!r->first)
            r->last = &r->first;
        start_job(r, job);
    }
    r->pump_at = NSEC_NEVER;
    if (r->under_way < RESOLVE_PARALLEL)
        pump_soon(r);
}

static qhcp_nsec deadline(void *ctx)
{
    const struct resolve *r = ctx;

    return nsec_min(r->pump_at, r->query_at);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct resolve *r = ctx;

    if (r->pump_at <= now)
        pump(r);
    if (r->query_at <= now)
        ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    rearm(r);
}

int resolve_new(struct loop *loop, void (*done)(void *ctx, const struct resolve_answer *answer),
                void *ctx, struct resolve **ret)
{
    struct resolve *r = calloc(1, sizeof *r);
    int result;

    if (!r)
        return QHCP_E_NOMEM;
    *r = (struct resolve){.loop = loop, .done = done, .ctx = ctx};
    r->part =
        (struct loop_part){.name = "resolve", .ctx = r, .deadline = deadline, .expire = expire};
    r->last = &r->first;
    r->pump_at = r->query_at = NSEC_NEVER;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        result = QHCP_E_NOMEM;
        goto free_resolve;
    }
    result = open_channel(r);
    if (result < 0)
        goto cleanup_library;
    loop_add(loop, &r->part);
    *ret = r;
    return 0;
cleanup_library:
    ares_library_cleanup();
free_resolve:
    free(r);
    return result;
}

void resolve_free(struct resolve *r)
{
    if (!r)
        return;
    r->closing = true;
    ares_destroy(
        r->channel); /* calls on_answer for all that is under way, on_socket for all sockets */
    ares_library_cleanup();
    while (r->first) {
        struct job *job = r->first;
        r->first = job->next;
        free(job);
    }
    while (r->watches) {
        struct watch *w = r->watches;
        r->watches = w->next;
        loop_unwatch(&w->watch);
        free(w);
    }
    loop_remove(&r->part);
    free(r);
}

int resolve_start(struct resolve *r, size_t index, const char *host, uint16_t port)
{
    size_t n = strlen(host) + 1;
    struct job *job = malloc(sizeof *job + n);

    if (!job)
        return QHCP_E_NOMEM;
    *job = (struct job){.r = r, .index = index, .port = port};
    memcpy(job->host, host, n);
    *r->last = job;
    r->last = &job->next;
    pump_soon(r);
    return 0;
}
