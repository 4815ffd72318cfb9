#include "check/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "check/kind.h"

#define CHECK_EVENTS 16 /* handled in one call: a flood must not keep the loop from its answers */

/* Adding a kind: its file, a name in kind.h and in spec.h, and a row here. */
static const struct kind *const kinds[] = {
    [SPEC_TCP] = &tcp_kind, [SPEC_HTTP] = &http_kind, [SPEC_EXEC] = &exec_kind,
    [SPEC_PID] = &pid_kind, [SPEC_UNIT] = &unit_kind,
};

struct check_set {
    struct check_host host;
    int epoll;
    size_t n;
    struct check *checks[LIMIT_CHECKS];
};

int check_new(const struct check_host *host, struct check_set **ret)
{
    struct check_set *set = calloc(1, sizeof *set);

    if (!set)
        return QHCP_E_NOMEM;
    set->host = *host;
    set->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (set->epoll < 0) {
        free(set);
        return QHCP_E_IO;
    }
    *ret = set;
    return 0;
}

static void free_check(struct check *c)
{
    if (c->self) {
        c->kind->stop(c);
        c->kind->close(c);
    }
    free(c);
}

void check_free(struct check_set *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->n; i++)
        free_check(set->checks[i]);
    close(set->epoll);
    free(set);
}

static void tell(struct check *c, enum qhcp_status status, const char *reason, qhcp_nsec duration)
{
    const struct check_result result = {.name = c->spec.name,
                                        .status = status,
                                        .reason = reason,
                                        .duration = duration,
                                        .news = !c->told || status != c->verdict};

    c->told = true;
    c->verdict = status;
    c->set->host.result(c->set->host.ctx, c->now, &result);
}

void check_say(struct check *c, enum qhcp_status status, const char *format, ...)
{
    char reason[CHECK_REASON];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    tell(c, status, reason, 0);
}

void check_end(struct check *c, enum qhcp_status result, const char *format, ...)
{
    char reason[CHECK_REASON];
    va_list args;

    if (!c->running)
        return;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    c->running = c->resolving = false;
    c->next_at = nsec_max(nsec_add(c->begun, c->spec.every), c->now);
    tell(c, streak_result(&c->streak, result), reason, c->now - c->begun);
}

int check_watch(struct check *c, struct check_watch *w, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = w};
    int how = w->fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    w->check = c;
    if (epoll_ctl(c->set->epoll, how, fd, &event) < 0)
        return QHCP_E_IO;
    w->fd = fd;
    return 0;
}

void check_unwatch(struct check *c, struct check_watch *w)
{
    if (w->fd >= 0)
        epoll_ctl(c->set->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->fd = -1;
}

/* This machine: 127.0.0.1, then ::1. */
static size_t own_addresses(uint16_t port, union qhcp_addr ret[SPEC_ADDRS])
{
    ret[0] = (union qhcp_addr){.in = {.sin_family = AF_INET, .sin_port = htons(port)}};
    ret[0].in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ret[1] = (union qhcp_addr){.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};
    ret[1].in6.sin6_addr = in6addr_loopback;
    return 2;
}

static size_t index_of(const struct check *c)
{
    size_t i = 0;

    while (c->set->checks[i] != c)
        i++;
    return i;
}

static void begin(struct check *c, qhcp_nsec now)
{
    const struct address *a = &c->spec.address;

    c->now = c->begun = now;
    c->running = true;
    c->run++;
    c->next_at = NSEC_NEVER;
    if (a->literal) {
        c->addrs[0] = a->addr;
        c->n_addrs = 1;
    } else if (a->host[0] == '\0') {
        c->n_addrs = a->port ? own_addresses(a->port, c->addrs) : 0;
    } else {
        c->resolving = true;
        c->set->host.resolve(c->set->host.ctx, (size_t)c->run * LIMIT_CHECKS + index_of(c), a->host,
                             a->port);
        return;
    }
    c->kind->begin(c);
}

void check_resolved(struct check_set *set, qhcp_nsec now, size_t id, const union qhcp_addr *addrs,
                    size_t n, const char *words)
{
    struct check *c = id % LIMIT_CHECKS < set->n ? set->checks[id % LIMIT_CHECKS] : NULL;

    if (!c || !c->resolving || (size_t)c->run != id / LIMIT_CHECKS)
        return; /* too late: that run is over */
    c->resolving = false;
    c->now = now;
    c->n_addrs = n < SPEC_ADDRS ? n : SPEC_ADDRS;
    if (n == 0) {
        check_end(c, QHCP_NOT_SERVING, "%s", words);
        return;
    }
    memcpy(c->addrs, addrs, c->n_addrs * sizeof addrs[0]);
    c->kind->begin(c);
}

static struct check *make_check(struct check_set *set, const struct spec *spec)
{
    struct check *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->set = set;
    c->kind = kinds[spec->kind];
    c->spec = *spec;
    for (size_t i = 0; i < SPEC_ARGUMENTS + 1 && spec->argv[i]; i++)
        c->spec.argv[i] = c->spec.text + (spec->argv[i] - spec->text);
    streak_init(&c->streak, spec->fall, spec->rise);
    c->wake_at = c->next_at = NSEC_NEVER;
    return c;
}

int check_add(struct check_set *set, qhcp_nsec now, const struct spec *spec, char *words,
              size_t words_cap)
{
    const struct check_result none = {.name = spec->name,
                                      .status = QHCP_NOT_SERVING,
                                      .reason = "its first run has not ended yet"};
    struct check *c;
    int err;

    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->checks[i]->spec.name, spec->name) == 0) {
            snprintf(words, words_cap,
                     "another check has the name \"%s\": give this one another name by name=",
                     spec->name);
            return QHCP_E_EXISTS;
        }
    }
    if (set->n == LIMIT_CHECKS) {
        snprintf(words, words_cap, "more than %d checks", LIMIT_CHECKS);
        return QHCP_E_FULL;
    }
    snprintf(words, words_cap, "out of memory");
    c = make_check(set, spec);
    if (!c)
        return QHCP_E_NOMEM;
    c->now = now;
    err = c->kind->open(c, words, words_cap);
    if (err != 0) {
        free_check(c);
        return err;
    }
    set->checks[set->n++] = c;
    if (c->kind->steady)
        c->kind->begin(c);
    else
        c->next_at = now;
    if (!c->told)
        set->host.result(set->host.ctx, now, &none);
    return 0;
}

bool check_settled(const struct check_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (!set->checks[i]->told)
            return false;
    return true;
}

int check_fd(const struct check_set *set)
{
    return set->epoll;
}

/* One event at a time: the next may belong to a watch that the last has ended. */
void check_ready(struct check_set *set, qhcp_nsec now)
{
    struct epoll_event event;

    for (int i = 0; i < CHECK_EVENTS && epoll_wait(set->epoll, &event, 1, 0) == 1; i++) {
        struct check_watch *w = event.data.ptr;
        struct check *c = w->check;
        c->now = now;
        c->kind->ready(c, w, event.events);
    }
}

static qhcp_nsec deadline_of(const struct check *c)
{
    qhcp_nsec at = nsec_min(c->next_at, c->wake_at);

    return c->running ? nsec_min(at, nsec_add(c->begun, c->spec.timeout)) : at;
}

qhcp_nsec check_deadline(const struct check_set *set)
{
    qhcp_nsec at = NSEC_NEVER;

    for (size_t i = 0; i < set->n; i++)
        at = nsec_min(at, deadline_of(set->checks[i]));
    return at;
}

static void time_out(struct check *c)
{
    qhcp_nsec ms = c->spec.timeout / NSEC_PER_MSEC;

    if (!c->resolving)
        c->kind->stop(c);
    check_end(c, QHCP_NOT_SERVING, "%s within %llu ms",
              c->resolving    ? "its name could not be resolved"
              : c->kind->late ? c->kind->late
                              : "no answer",
              (unsigned long long)ms);
}

/* True: a run began. */
static bool expire(struct check *c, qhcp_nsec now, bool may_begin)
{
    c->now = now;
    if (c->wake_at <= now) {
        c->wake_at = NSEC_NEVER;
        c->kind->wake(c);
    }
    if (c->running && nsec_add(c->begun, c->spec.timeout) <= now)
        time_out(c);
    if (c->running || c->next_at > now || !may_begin)
        return false;
    begin(c, now);
    return true;
}

/* At most one run begins: a command takes a millisecond to start, and a health answer that waits
 * must not wait for sixteen.  The deadline stays, so the next begins in the next turn. */
void check_expire(struct check_set *set, qhcp_nsec now)
{
    bool may_begin = true;

    check_ready(set, now);
    for (size_t i = 0; i < set->n; i++)
        may_begin &= !expire(set->checks[i], now, may_begin);
}
