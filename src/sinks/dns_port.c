#include "sinks/dns_port.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "sinks/dns_limit.h"

#define BATCH 64
#define BACKLOG 128
#define PATIENCE (10 * NSEC_PER_SEC) /* with a connection that says nothing */
#define PAUSE (100 * NSEC_PER_MSEC)

/* ---- UDP ---- */

/* Where the answer leaves: from the address that was asked, which matters where there are many. */
static void keep_local(struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);

    if (!c || m->msg_flags & MSG_CTRUNC) {
        m->msg_controllen = 0;
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;

        memcpy(&info, CMSG_DATA(c), sizeof info);
        info = (struct in_pktinfo){.ipi_spec_dst = info.ipi_addr};
        memcpy(CMSG_DATA(c), &info, sizeof info);
    } else if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_PKTINFO) {
        m->msg_controllen = 0;
    }
}

/* False: none waits. */
static bool one_datagram(struct dns_port *p, qhcp_nsec now)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    union qhcp_addr from;
    struct iovec v = {p->in, sizeof p->in};
    struct msghdr m = {.msg_name = &from,
                       .msg_namelen = sizeof from,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(p->udp, &m, MSG_DONTWAIT);

    if (n < 0)
        return errno != EAGAIN;
    if (m.msg_flags & MSG_TRUNC)
        return true;
    v.iov_len =
        p->config.answer(p->config.ctx, now, &from, false, p->in, (size_t)n, p->out, DNS_UDP_MOST);
    v.iov_base = p->out;
    keep_local(&m);
    if (v.iov_len > 0) /* what the socket has no room for is lost, as datagrams are */
        (void)sendmsg(p->udp, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    return true;
}

static void on_datagrams(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)ready;
    for (int i = 0; i < BATCH && one_datagram(ctx, now); i++)
        ;
}

/* ---- TCP ---- */

static void hang_up(struct dns_connection *c)
{
    if (c->fd < 0)
        return;
    loop_unwatch(&c->watch);
    close(c->fd);
    free(c->out);
    c->out = NULL;
    c->fd = -1;
}

/* It has had its part. */
static bool is_done(const struct dns_connection *c)
{
    return c->queries == DNS_QUERIES && !c->out;
}

/* False: the connection is over. */
static bool flush(struct dns_connection *c)
{
    while (c->out && c->out_at < c->out_n) {
        ssize_t n =
            send(c->fd, c->out + c->out_at, c->out_n - c->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        c->out_at += (size_t)n;
    }
    free(c->out);
    c->out = NULL;
    loop_watch_change(&c->watch, LOOP_READABLE);
    return !is_done(c);
}

/* n bytes of the port's buffer; what does not leave now is kept. */
static bool give(struct dns_connection *c, size_t n)
{
    const uint8_t *p = c->port->out;
    ssize_t sent = send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN)
        return false;
    c->out_at = 0;
    c->out_n = n - (sent > 0 ? (size_t)sent : 0);
    if (c->out_n == 0)
        return true;
    c->out = malloc(c->out_n);
    if (!c->out)
        return false;
    memcpy(c->out, p + n - c->out_n, c->out_n);
    loop_watch_change(&c->watch, LOOP_WRITABLE);
    return true;
}

static bool answer(struct dns_connection *c, qhcp_nsec now)
{
    struct dns_port *p = c->port;
    size_t n = p->config.answer(p->config.ctx, now, &c->from, true, c->in + 2, c->n - 2, p->out + 2,
                                DNS_TCP_MOST);

    c->n = 0;
    c->until = nsec_add(now, PATIENCE);
    c->queries++;
    if (n == 0)
        return false;
    p->out[0] = (uint8_t)(n >> 8);
    p->out[1] = (uint8_t)n;
    return give(c, 2 + n) && !is_done(c);
}

/* Reads as much as one query, so that others get their turn between two.  False: it is over. */
static bool hear(struct dns_connection *c, qhcp_nsec now)
{
    for (;;) {
        size_t wanted = c->n < 2 ? 2 : 2 + (size_t)(c->in[0] << 8 | c->in[1]);
        ssize_t n;

        if (wanted > sizeof c->in)
            return false;
        if (c->n >= 2 && c->n == wanted)
            return answer(c, now);
        n = recv(c->fd, c->in + c->n, wanted - c->n, MSG_DONTWAIT);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0)
            return false;
        c->n += (size_t)n;
    }
}

static void on_connection(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct dns_connection *c = ctx;

    (void)ready;
    if (!(c->out ? flush(c) : hear(c, now)))
        hang_up(c);
}

/* Of the connections of that network, or of all (NULL), the one that was silent longest; *ret_n:
 * how many there are. */
static struct dns_connection *oldest(struct dns_port *p, const union qhcp_addr *from, size_t *ret_n)
{
    struct dns_connection *found = NULL;

    *ret_n = 0;
    for (size_t i = 0; i < DNS_CONNECTIONS; i++) {
        struct dns_connection *c = &p->connections[i];

        if (c->fd < 0 || (from && (c->from.sa.sa_family != from->sa.sa_family ||
                                   dns_limit_network(&c->from) != dns_limit_network(from))))
            continue;
        ++*ret_n;
        if (!found || c->until < found->until)
            found = c;
    }
    return found;
}

/* A free place; if there is none, or that network has its part, another connection gives way. */
static struct dns_connection *place(struct dns_port *p, const union qhcp_addr *from)
{
    size_t n;
    struct dns_connection *c = oldest(p, from, &n);

    if (n >= p->config.each) {
        hang_up(c);
        return c;
    }
    for (size_t i = 0; i < DNS_CONNECTIONS; i++)
        if (p->connections[i].fd < 0)
            return &p->connections[i];
    c = oldest(p, NULL, &n);
    hang_up(c);
    return c;
}

static void on_accept(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct dns_port *p = ctx;

    (void)ready;
    for (int i = 0; i < BATCH; i++) {
        union qhcp_addr from;
        socklen_t n = sizeof from;
        int fd = accept4(p->tcp, &from.sa, &n, SOCK_CLOEXEC | SOCK_NONBLOCK);
        struct dns_connection *c;

        if (fd < 0 && errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
            return;
        if (fd < 0) {
            loop_watch_change(&p->tcp_watch, 0);
            p->nap = nsec_add(now, PAUSE);
            return;
        }
        c = place(p, &from);
        c->fd = fd;
        c->n = 0;
        c->queries = 0;
        c->from = from;
        c->until = nsec_add(now, PATIENCE);
        loop_watch(p->config.loop, &c->watch, fd, LOOP_READABLE, on_connection, c);
    }
}

static qhcp_nsec deadline(void *ctx)
{
    const struct dns_port *p = ctx;
    qhcp_nsec at = p->nap;

    for (size_t i = 0; i < DNS_CONNECTIONS; i++)
        if (p->connections[i].fd >= 0)
            at = nsec_min(at, p->connections[i].until);
    return at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct dns_port *p = ctx;

    for (size_t i = 0; i < DNS_CONNECTIONS; i++)
        if (p->connections[i].fd >= 0 && p->connections[i].until <= now)
            hang_up(&p->connections[i]);
    if (p->nap <= now) {
        p->nap = NSEC_NEVER;
        loop_watch_change(&p->tcp_watch, LOOP_READABLE);
    }
}

/* ---- both ---- */

static int open_socket(const union qhcp_addr *addr, int type)
{
    const int on = 1;
    int fd = socket(addr->sa.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

    if (fd < 0)
        return -1;
    if (addr->sa.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (type == SOCK_STREAM)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    else if (address_is_any(addr) && addr->sa.sa_family == AF_INET)
        (void)setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    else if (address_is_any(addr))
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    if (bind(fd, &addr->sa, address_len(addr)) == 0 &&
        (type != SOCK_STREAM || listen(fd, BACKLOG) == 0))
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int cannot(const union qhcp_addr *addr, char *words, size_t words_cap)
{
    char text[ADDRESS_TEXT];

    address_format(addr, text, sizeof text);
    snprintf(words, words_cap, "cannot listen at %s: %s%s", text, strerror(errno),
             errno == EADDRINUSE      ? "; choose another port"
             : errno == EACCES        ? "; ports below 1024 need CAP_NET_BIND_SERVICE"
             : errno == EADDRNOTAVAIL ? "; this machine does not have that address"
                                      : "");
    return QHCP_E_IO;
}

int dns_port_begin(struct dns_port *p, const struct dns_port_config *config, char *words,
                   size_t words_cap)
{
    union qhcp_addr addr = config->addr;
    socklen_t n = sizeof addr;
    int udp = open_socket(&addr, SOCK_DGRAM), tcp, r;

    if (udp < 0)
        return cannot(&addr, words, words_cap);
    (void)getsockname(udp, &addr.sa, &n);
    tcp = open_socket(&addr, SOCK_STREAM);
    if (tcp < 0) {
        r = cannot(&addr, words, words_cap);
        close(udp);
        return r;
    }
    p->config = *config;
    p->config.addr = addr;
    p->udp = udp;
    p->tcp = tcp;
    p->nap = NSEC_NEVER;
    for (size_t i = 0; i < DNS_CONNECTIONS; i++) {
        p->connections[i].port = p;
        p->connections[i].fd = -1;
    }
    p->part = (struct loop_part){.name = "dns", .ctx = p, .deadline = deadline, .expire = expire};
    loop_watch(config->loop, &p->udp_watch, udp, LOOP_READABLE, on_datagrams, p);
    loop_watch(config->loop, &p->tcp_watch, tcp, LOOP_READABLE, on_accept, p);
    loop_add(config->loop, &p->part);
    return 0;
}

void dns_port_end(struct dns_port *p)
{
    if (!p->part.loop)
        return;
    loop_remove(&p->part);
    loop_unwatch(&p->udp_watch);
    loop_unwatch(&p->tcp_watch);
    close(p->udp);
    close(p->tcp);
    for (size_t i = 0; i < DNS_CONNECTIONS; i++)
        hang_up(&p->connections[i]);
}
