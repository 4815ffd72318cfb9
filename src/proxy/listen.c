#include "proxy/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "proxy/tune.h"
#include "proxy/worker.h"

#define BACKLOG                                                                                    \
    4096 /* of each thread's listener; the kernel's somaxconn is the same by default               \
          */

/* What the sockets that are accepted have from the start. */
static void prepare(const struct proxy_config *config, int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    tune_unsent(fd);
    tune_keep_alive(fd, config->client_keep_alive);
}

/* A socket at this address; shared: beside other sockets of the same user.  -1, with errno. */
static int listen_at(const union qhcp_addr *a, bool shared, int backlog)
{
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1, error;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
        (a->sa.sa_family == AF_INET ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, &a->sa, address_len(a)) == 0 && listen(fd, backlog) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* The addresses to listen at; how many. */
static unsigned addresses(const struct proxy_config *config, union qhcp_addr ret[2])
{
    static const sa_family_t families[] = {AF_INET, AF_INET6};
    unsigned n = 0;

    for (unsigned i = 0; i < 2; i++)
        if (config->bind[i].sa.sa_family != AF_UNSPEC)
            ret[n++] = config->bind[i];
    for (unsigned i = 0; i < 2 && config->bind[0].sa.sa_family == AF_UNSPEC; i++)
        ret[n++] = (union qhcp_addr){.sa = {.sa_family = families[i]}};
    for (unsigned i = 0; i < n; i++)
        ret[i].in.sin_port = htons(config->port); /* at the same place in both families */
    return n;
}

/* Not having IPv6 is no failure, where it was not asked for. */
static bool may_be_missing(const struct proxy_config *config, const union qhcp_addr *a)
{
    return config->bind[0].sa.sa_family == AF_UNSPEC && a->sa.sa_family == AF_INET6 &&
           (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
}

/* SO_REUSEPORT lets any process of this user share the port, by intention or not: the first socket
 * is opened without it, so that another program's is noticed. */
static int probe(const struct proxy_config *config, const union qhcp_addr *a)
{
    int fd = listen_at(a, false, 1);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || may_be_missing(config, a) ? 0 : QHCP_E_IO;
}

static int open_one(const struct proxy_config *config, struct worker *w, const union qhcp_addr *a)
{
    int fd = listen_at(a, true, BACKLOG);

    if (fd >= 0)
        w->listeners[w->n_listeners++] = fd;
    return fd >= 0 || may_be_missing(config, a) ? 0 : QHCP_E_IO;
}

/* Those of another process, in turn, of each family by itself: connections wait in each of them. */
static void share_out(const struct proxy_config *config, struct worker *workers, unsigned n)
{
    unsigned turns[2] = {0, 0};

    for (unsigned i = 0; i < config->n_listeners; i++) {
        int family = AF_INET;
        socklen_t len = sizeof family;
        struct worker *w;

        (void)getsockopt(config->listeners[i], SOL_SOCKET, SO_DOMAIN, &family, &len);
        w = &workers[turns[family == AF_INET6]++ % n];
        if (w->n_listeners < WORKER_LISTENERS)
            w->listeners[w->n_listeners++] = config->listeners[i];
    }
}

/* A thread that got none shares the first one of each family with other threads: nobody but their
 * owner could open one beside them. */
static int share_others(const struct proxy_config *config, struct worker *w)
{
    bool has[2] = {false, false};

    for (unsigned i = 0; i < config->n_listeners && w->n_listeners < WORKER_LISTENERS; i++) {
        int family = AF_INET, fd;
        socklen_t len = sizeof family;

        (void)getsockopt(config->listeners[i], SOL_SOCKET, SO_DOMAIN, &family, &len);
        if (has[family == AF_INET6])
            continue;
        fd = fcntl(config->listeners[i], F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return QHCP_E_IO;
        has[family == AF_INET6] = true;
        w->listeners[w->n_listeners++] = fd;
    }
    return 0;
}

static void say(uint16_t port, const union qhcp_addr *a, char *words, size_t words_cap)
{
    char where[ADDRESS_TEXT];

    address_format(a, where, sizeof where);
    if (errno == EADDRINUSE)
        snprintf(
            words, words_cap,
            "TCP port %u is in use: stop the program that has it ('ss -tlpn sport = :%u' names "
            "it), or choose another port with --port",
            port, port);
    else if (errno == EADDRNOTAVAIL)
        snprintf(words, words_cap,
                 "cannot listen on %s: this machine does not have that address (--bind)", where);
    else
        snprintf(words, words_cap, "cannot listen on TCP port %u: %s", port, strerror(errno));
}

/* At each of n addresses; *ret_failed: the one that could not be had. */
static int open_own(const struct proxy_config *config, struct worker *w, const union qhcp_addr *at,
                    unsigned n, const union qhcp_addr **ret_failed)
{
    for (unsigned i = 0; i < n; i++) {
        *ret_failed = &at[i];
        if (open_one(config, w, &at[i]) < 0)
            return QHCP_E_IO;
    }
    return 0;
}

int listen_open(const struct proxy_config *config, struct worker *workers, unsigned n, char *words,
                size_t words_cap)
{
    union qhcp_addr at[2];
    const union qhcp_addr *failed = at;
    unsigned n_at = addresses(config, at);
    int r = 0;

    share_out(config, workers, n);
    for (unsigned i = 0; i < n_at && config->n_listeners == 0 && r == 0; i++) {
        failed = &at[i];
        r = probe(config, failed);
    }
    for (unsigned i = 0; i < n && r == 0; i++) {
        if (workers[i].n_listeners == 0 && config->shared)
            r = share_others(config, &workers[i]);
        else if (workers[i].n_listeners == 0)
            r = open_own(config, &workers[i], at, n_at, &failed);
        for (unsigned k = 0; k < workers[i].n_listeners; k++)
            prepare(config, workers[i].listeners[k]);
    }
    if (r < 0)
        say(config->port, failed, words, words_cap);
    return r;
}
