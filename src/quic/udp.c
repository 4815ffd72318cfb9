/* UDP sockets in batches.
 *
 * One unconnected socket serves every peer, so an ICMP error that one of them provoked is reported
 * by the kernel at the next call on the socket, whoever that was for, and the packet of that call
 * does not leave.  Such a send is therefore tried again once: if it fails again the error is its
 * own. */
#include "quic/udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "base/address.h"

#define UDP_SIZE 1500       /* no packet of ours is larger; a larger one is not for us */
#define UDP_CONTROL 128     /* PKTINFO and TOS */
#define UDP_LOCAL_ERRORS 16 /* sends that failed here, kept until they are asked for */
#define UDP_ERROR_TRIES 64  /* pending errors that one receive steps over */

struct batch {
    struct mmsghdr headers[UDP_BATCH];
    struct iovec iov[UDP_BATCH];
    struct qhcp_packet packets[UDP_BATCH];
    union {
        char bytes[UDP_CONTROL];
        struct cmsghdr align;
    } control[UDP_BATCH];
    uint8_t data[UDP_BATCH][UDP_SIZE];
};

struct udp {
    int fd;
    bool wildcard; /* bound to any address: answers name the one they leave from */
    union qhcp_addr local;
    struct batch in, out;
    size_t out_next, out_count; /* packets of `out` that wait for the socket */
    struct udp_error local_errors[UDP_LOCAL_ERRORS];
    size_t n_local_errors;
    uint8_t quoted[UDP_SIZE];
};

static int set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

static int set_options(int fd, int family, int rcvbuf)
{
    int err = 0;

    if (family == AF_INET6) {
        err |= set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        err |= set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
        err |= set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
        err |= set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        err |= set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
    } else {
        err |= set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
        err |= set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
        err |= set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
        err |= set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    }
    if (rcvbuf > 0)
        err |= set_option(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf);
    return err == 0 ? 0 : QHCP_E_IO;
}

static bool is_wildcard(const union qhcp_addr *a)
{
    if (a->sa.sa_family == AF_INET)
        return a->in.sin_addr.s_addr == htonl(INADDR_ANY);
    return memcmp(&a->in6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0;
}

static void init_batch(struct batch *b)
{
    for (size_t i = 0; i < UDP_BATCH; i++) {
        b->iov[i].iov_base = b->data[i];
        b->headers[i].msg_hdr.msg_iov = &b->iov[i];
        b->headers[i].msg_hdr.msg_iovlen = 1;
        b->headers[i].msg_hdr.msg_name = &b->packets[i].remote;
        b->headers[i].msg_hdr.msg_control = &b->control[i];
        b->packets[i].data = b->data[i];
        b->packets[i].cap = UDP_SIZE;
    }
}

int udp_open(const union qhcp_addr *bind_to, int rcvbuf, struct udp **ret)
{
    struct udp *u = calloc(1, sizeof *u);
    socklen_t len = sizeof u->local;
    int saved;

    if (!u)
        return QHCP_E_NOMEM;
    u->fd = socket(bind_to->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (u->fd < 0)
        goto free_u;
    if (set_options(u->fd, bind_to->sa.sa_family, rcvbuf) != 0 ||
        bind(u->fd, &bind_to->sa, address_len(bind_to)) != 0 ||
        getsockname(u->fd, &u->local.sa, &len) != 0)
        goto close_fd;
    u->wildcard = is_wildcard(&u->local);
    init_batch(&u->in);
    init_batch(&u->out);
    *ret = u;
    return 0;

close_fd:
    saved = errno;
    close(u->fd);
    errno = saved;
free_u:
    saved = errno;
    free(u);
    errno = saved;
    return QHCP_E_IO;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    close(u->fd);
    free(u);
}

int udp_fd(const struct udp *u)
{
    return u->fd;
}

void udp_local(const struct udp *u, union qhcp_addr *ret)
{
    *ret = u->local;
}

/* The error is another packet's, told by the kernel in passing. */
static bool is_icmp(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH ||
           error == EACCES || error == EPROTO || error == ENOPROTOOPT || error == EOPNOTSUPP ||
           error == EMSGSIZE || error == EHOSTDOWN;
}

static void read_control(const struct udp *u, struct msghdr *h, struct qhcp_packet *p)
{
    p->local = u->local;
    p->ecn = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof info);
            p->local.in.sin_addr = info.ipi_addr;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof info);
            p->local.in6.sin6_addr = info.ipi6_addr;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            p->ecn = *CMSG_DATA(c) & 3;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int tclass;

            memcpy(&tclass, CMSG_DATA(c), sizeof tclass);
            p->ecn = (uint8_t)(tclass & 3);
        }
    }
}

int udp_receive(struct udp *u, struct qhcp_packet **ret)
{
    struct batch *b = &u->in;
    int n, tries = 0;

    for (size_t i = 0; i < UDP_BATCH; i++) {
        b->iov[i].iov_len = UDP_SIZE;
        b->headers[i].msg_hdr.msg_namelen = sizeof b->packets[i].remote;
        b->headers[i].msg_hdr.msg_controllen = UDP_CONTROL;
    }
    do
        n = recvmmsg(u->fd, b->headers, UDP_BATCH, MSG_DONTWAIT, NULL);
    while (n < 0 && (errno == EINTR || is_icmp(errno)) && ++tries < UDP_ERROR_TRIES);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR || is_icmp(errno) ? 0 : QHCP_E_IO;
    for (int i = 0; i < n; i++) {
        b->packets[i].len = b->headers[i].msg_len;
        if (b->headers[i].msg_hdr.msg_flags & MSG_TRUNC)
            b->packets[i].len = 0; /* no peer of ours sends so large a packet */
        read_control(u, &b->headers[i].msg_hdr, &b->packets[i]);
    }
    *ret = b->packets;
    return n;
}

struct qhcp_packet *udp_room(struct udp *u)
{
    return u->out.packets;
}

static void add_control(struct msghdr *h, int level, int type, const void *p, size_t n)
{
    struct cmsghdr *c = (struct cmsghdr *)(void *)((char *)h->msg_control + h->msg_controllen);

    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), p, n);
    h->msg_controllen += CMSG_SPACE(n);
}

static void write_control(const struct udp *u, struct msghdr *h, const struct qhcp_packet *p)
{
    bool v6 = p->remote.sa.sa_family == AF_INET6;
    int tos = p->ecn;

    h->msg_controllen = 0;
    if (u->wildcard && p->local.sa.sa_family == u->local.sa.sa_family && !is_wildcard(&p->local)) {
        struct in_pktinfo info = {.ipi_spec_dst = p->local.in.sin_addr};
        struct in6_pktinfo info6 = {.ipi6_addr = p->local.in6.sin6_addr};

        if (v6)
            add_control(h, IPPROTO_IPV6, IPV6_PKTINFO, &info6, sizeof info6);
        else
            add_control(h, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    }
    if (tos != 0)
        add_control(h, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof tos);
}

static void keep_local_error(struct udp *u, const struct qhcp_packet *p, int error)
{
    if (u->n_local_errors < UDP_LOCAL_ERRORS)
        u->local_errors[u->n_local_errors++] =
            (struct udp_error){.remote = p->remote, .error = error};
}

int udp_flush(struct udp *u)
{
    struct batch *b = &u->out;
    bool retried = false;
    int sent = 0, n;

    while (u->out_next < u->out_count) {
        n = sendmmsg(u->fd, &b->headers[u->out_next], (unsigned)(u->out_count - u->out_next),
                     MSG_DONTWAIT);
        if (n > 0) {
            u->out_next += (size_t)n;
            sent += n;
            retried = false;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == ENOBUFS)
            return sent;
        if (!retried) {
            retried = true;
            continue;
        }
        keep_local_error(u, &b->packets[u->out_next], errno);
        u->out_next++;
        retried = false;
    }
    return sent;
}

int udp_send(struct udp *u, size_t n)
{
    struct batch *b = &u->out;

    for (size_t i = 0; i < n; i++) {
        b->iov[i].iov_len = b->packets[i].len;
        b->headers[i].msg_hdr.msg_namelen = address_len(&b->packets[i].remote);
        write_control(u, &b->headers[i].msg_hdr, &b->packets[i]);
    }
    u->out_next = 0;
    u->out_count = n;
    return udp_flush(u);
}

size_t udp_pending(const struct udp *u)
{
    return u->out_count - u->out_next;
}

static bool read_error(struct msghdr *h, struct udp_error *ret)
{
    struct sock_extended_err e;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        if ((c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) &&
            (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_RECVERR))
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof e);
        ret->error = (int)e.ee_errno;
        ret->icmp = e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6;
        return true;
    }
    return false;
}

int udp_next_error(struct udp *u, struct udp_error *ret)
{
    char control[512];
    struct iovec iov = {.iov_base = u->quoted, .iov_len = sizeof u->quoted};
    struct udp_error error = {.quoted = u->quoted};
    struct msghdr h;
    ssize_t n;

    if (u->n_local_errors > 0) {
        *ret = u->local_errors[--u->n_local_errors];
        return 1;
    }
    do {
        h = (struct msghdr){.msg_name = &error.remote,
                            .msg_namelen = sizeof error.remote,
                            .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof control};
        n = recvmsg(u->fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (n < 0)
            return 0;
    } while (!read_error(&h, &error));
    error.quoted_len = (size_t)n;
    *ret = error;
    return 1;
}
