#include "loop/resolve.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/time.h"
#include "loop/channel.h"
#include "loop/loop.h"

#define RESOLVE_PARALLEL 64 /* queries under way: polite to a DNS server, fast for a fleet */
#define RESOLVE_CACHE 64    /* slots: a list often names one host many times, by its ports */
#define RESOLVE_CACHE_AGE NSEC_PER_SEC

struct job {
    struct job *next;
    struct resolve *r; /* NULL: nobody waits for it any more */
    size_t index;
    uint16_t port;
    char host[];
};

struct cached {
    char host[254];
    qhcp_nsec until;
    size_t n;
    union qhcp_addr addrs[LIMIT_ADDRS];
};

struct resolve {
    struct loop_part part;
    struct channel channel;
    void (*done)(void *ctx, const struct resolve_answer *answer);
    void *ctx;
    struct job *first, **last; /* waiting their turn */
    size_t under_way;
    bool closing;
    qhcp_nsec pump_at; /* some may start; NSEC_NEVER: none */
    struct cached cache[RESOLVE_CACHE];
};

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
        snprintf(words, sizeof words, "cannot resolve %s: %s", job->host, channel_words(status));
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
    ares_getaddrinfo(r->channel.ares, job->host, NULL, &hints, on_answer, job);
}

/* Starts what may start; a batch at a time, so that sockets get their turn between. */
static void pump(struct resolve *r)
{
    if (r->under_way == 0)
        channel_refresh(&r->channel);
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
    return ((const struct resolve *)ctx)->pump_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct resolve *r = ctx;

    (void)now;
    pump(r);
    channel_asked(&r->channel);
}

int resolve_new(struct loop *loop, void (*done)(void *ctx, const struct resolve_answer *answer),
                void *ctx, struct resolve **ret)
{
    struct resolve *r = calloc(1, sizeof *r);
    int result;

    if (!r)
        return QHCP_E_NOMEM;
    *r = (struct resolve){.done = done, .ctx = ctx, .pump_at = NSEC_NEVER};
    r->part =
        (struct loop_part){.name = "resolve", .ctx = r, .deadline = deadline, .expire = expire};
    r->last = &r->first;
    result = channel_open(&r->channel, loop, NULL);
    if (result < 0) {
        free(r);
        return result;
    }
    loop_add(loop, &r->part);
    *ret = r;
    return 0;
}

void resolve_free(struct resolve *r)
{
    if (!r)
        return;
    r->closing = true;
    channel_close(&r->channel); /* calls on_answer for all that is under way */
    while (r->first) {
        struct job *job = r->first;
        r->first = job->next;
        free(job);
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
