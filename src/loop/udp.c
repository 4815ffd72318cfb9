/* UDP sockets in batches.  In: packets to send.  Out: packets that arrived, and what the network
 * says about those that did not (the error queue).  Everything is allocated when the socket is
 * opened.
 *
 * Trap 6: with IP_RECVERR one dead peer's ICMP is a pending error of the whole socket, and the next
 * call, a send to an innocent peer, fails with it and sends nothing.  So such a failure is no
 * verdict on the packet: it is sent again, once the pending error is read (which the failed call
 * has done).  The error's own story waits in the error queue, with the destination it belongs to.
 *
 * "Fragmentation needed" can be forged by anybody who guesses two ports, and the kernel would then
 * refuse every packet of a handshake for ten minutes.  PMTUDISC_PROBE sets DF and sends whatever
 * the kernel remembers of the path; our packets have at most 1,200 bytes, and claims below that
 * must be ignored (RFC 9000, 14.2.1).  Only the MTU of our own interface still counts. */
#include "loop/udp.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "loop/arrival.h"
#include "loop/steer.h"
#include "loop/udp_socket.h"

#include <qhcp/error.h>

#define PACKET_CAP 1500 /* what we send is at most 1,452; what is longer on arrival is not ours */
#define CONTROL_CAP 160
#define RETRIES 8 /* pending errors in a row before a packet's failure is its own */
#define QUOTE_CAP 256

struct slot {
    union qhcp_addr remote;
    struct iovec bytes;
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_CAP];
    uint8_t data[PACKET_CAP];
};

struct udp {
    int fd;
    int spares[UDP_SPARES]; /* bound to the same address, for udp_split and udp_join */
    size_t n_spares;
    union qhcp_addr local;
    size_t first, pending; /* packets of `room` that wait for the socket */
    bool blocked;          /* one did not leave; not told yet */
    size_t used;           /* of the headers for reading, that the last reading has changed */
    struct arrival_clock stamps;
    struct qhcp_packet in[UDP_BATCH], room[UDP_BATCH];
    struct mmsghdr in_headers[UDP_BATCH], out_headers[UDP_BATCH];
    struct slot in_slots[UDP_BATCH], out_slots[UDP_BATCH];
    uint8_t quote[QUOTE_CAP];
    uint32_t dropped, dropped_told; /* by the kernel, for lack of room in the receive buffer */
    /* An error that a send reported without an entry in the queue (no route, for one). */
    struct udp_error own[UDP_BATCH];
    size_t n_own;
};

size_t udp_grow(struct udp *u, int rcvbuf)
{
    int got = 0;
    socklen_t size = sizeof(got);

    (void)udp_socket_option(u->fd, SOL_SOCKET, SO_RCVBUF, rcvbuf);
    return getsockopt(u->fd, SOL_SOCKET, SO_RCVBUF, &got, &size) == 0 && got > 0 ? (size_t)got : 0;
}

/* A header for reading, as recvmmsg wants it. */
static void prepare_in(struct udp *u, size_t i)
{
    struct msghdr *header = &u->in_headers[i].msg_hdr;
    struct slot *slot = &u->in_slots[i];

    header->msg_name = &slot->remote;
    header->msg_namelen = sizeof(slot->remote);
    header->msg_control = slot->control;
    header->msg_controllen = sizeof(slot->control);
    header->msg_flags = 0;
}

static void wire_up(struct udp *u)
{
    for (size_t i = 0; i < UDP_BATCH; i++) {
        struct slot *in = &u->in_slots[i], *out = &u->out_slots[i];

        in->bytes = (struct iovec){.iov_base = in->data, .iov_len = sizeof(in->data)};
        out->bytes.iov_base = out->data;
        u->in_headers[i].msg_hdr.msg_iov = &in->bytes;
        u->in_headers[i].msg_hdr.msg_iovlen = 1;
        u->out_headers[i].msg_hdr.msg_iov = &out->bytes;
        u->out_headers[i].msg_hdr.msg_iovlen = 1;
        u->room[i].data = out->data;
        u->room[i].cap = sizeof(out->data);
        prepare_in(u, i);
    }
}

/* Around a descriptor, which it gets, also where it fails (-1: its opening has). */
static int wrap(int fd, struct udp **ret)
{
    struct udp *u = fd >= 0 ? calloc(1, sizeof(*u)) : NULL;
    socklen_t size = sizeof(u->local);
    int saved = errno;

    if (fd < 0)
        return QHCP_E_IO;
    if (u != NULL && getsockname(fd, &u->local.sa, &size) == 0) {
        u->fd = fd;
        wire_up(u);
        *ret = u;
        return 0;
    }
    saved = u ? errno : saved;
    close(fd);
    errno = saved;
    int r = u ? QHCP_E_IO : QHCP_E_NOMEM;
    free(u);
    return r;
}

/* Those that were given for its address besides, and that nobody took. */
static void close_spares(struct udp *u)
{
    while (u->n_spares > 0)
        close(u->spares[--u->n_spares]);
}

/* Another socket at its address: a given one, or a new one. */
static int open_beside(struct udp *u, int rcvbuf, struct udp **ret)
{
    int r;

    if (u->n_spares == 0)
        return wrap(udp_socket_open(&u->local, rcvbuf, true), ret);
    r = wrap(u->spares[0], ret);
    u->n_spares--;
    memmove(&u->spares[0], &u->spares[1], u->n_spares * sizeof u->spares[0]);
    if (r == 0) { /* and so on */
        memcpy((*ret)->spares, u->spares, u->n_spares * sizeof u->spares[0]);
        (*ret)->n_spares = u->n_spares;
        u->n_spares = 0;
    }
    return r;
}

int udp_adopt(const int *fds, size_t n, int rcvbuf, struct udp **ret)
{
    int r = 0, saved;

    for (size_t i = 0; i < n && r == 0; i++)
        r = udp_socket_adopt(fds[i], rcvbuf);
    saved = errno;
    for (size_t i = 0; i < n && r != 0; i++)
        close(fds[i]);
    errno = saved;
    if (r != 0)
        return QHCP_E_IO;
    r = wrap(fds[0], ret);
    for (size_t i = 1; i < n; i++) {
        if (r == 0 && (*ret)->n_spares < UDP_SPARES)
            (*ret)->spares[(*ret)->n_spares++] = fds[i];
        else
            close(fds[i]);
    }
    return r;
}

int udp_open(const union qhcp_addr *bind_to, int rcvbuf, struct udp **ret)
{
    return wrap(udp_socket_open(bind_to, rcvbuf, false), ret);
}

/* The first socket is bound before it shares its address, so that no other program's port is shared
 * without its knowledge: another program that wants the port is refused until then, and needs our
 * user and SO_REUSEPORT from then on. */
int udp_split(struct udp *u, int rcvbuf, const struct qhcp_steering *steering, struct udp **ret)
{
    struct udp *ours;
    int saved;

    if (udp_socket_option(u->fd, SOL_SOCKET, SO_REUSEPORT, 1) != 0)
        return QHCP_E_IO;
    if (open_beside(u, rcvbuf, &ours) != 0)
        goto alone;
    if (steer_attach(ours->fd, steering, false) != 0)
        goto close_ours;
    *ret = ours;
    return 0;

close_ours:
    saved = errno;
    udp_close(ours);
    errno = saved;
alone:
    saved = errno;
    close_spares(u);
    (void)udp_socket_option(u->fd, SOL_SOCKET, SO_REUSEPORT, 0);
    errno = saved;
    return QHCP_E_IO;
}

int udp_join(struct udp *ours, int rcvbuf, struct udp **ret)
{
    return open_beside(ours, rcvbuf, ret);
}

int udp_steer(struct udp *ours, const struct qhcp_steering *steering, bool patient)
{
    return steer_attach(ours->fd, steering, patient) == 0 ? 0 : QHCP_E_IO;
}

void udp_close(struct udp *u)
{
    if (u == NULL)
        return;
    close_spares(u);
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

/* Where a packet was sent to, its ECN bits, and when it came.  Without the kernel's word: our bound
 * address, and 0. */
static void read_control(struct udp *u, struct msghdr *header, struct qhcp_packet *packet)
{
    packet->local = u->local;
    packet->ecn = 0;
    packet->received = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            packet->local.in.sin_addr = info.ipi_addr;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            packet->local.in6.sin6_addr = info.ipi6_addr;
            packet->local.in6.sin6_scope_id =
                IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr) ? info.ipi6_ifindex : 0;
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
            packet->ecn = *(const uint8_t *)CMSG_DATA(c) & 3;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
            int class;

            memcpy(&class, CMSG_DATA(c), sizeof(class));
            packet->ecn = (uint8_t)(class & 3);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;

            memcpy(&stamp, CMSG_DATA(c), sizeof(stamp));
            packet->received = arrival_time(&u->stamps, &stamp);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&u->dropped, CMSG_DATA(c), sizeof(u->dropped));
        }
    }
}

int udp_receive(struct udp *u, struct qhcp_packet **ret)
{
    return udp_receive_some(u, UDP_BATCH, ret);
}

/* What recvmmsg says; 0 where nothing waits. */
static int read_batch(struct udp *u, size_t most)
{
    int n = -1;

    for (; u->used > 0; u->used--)
        prepare_in(u, u->used - 1);
    for (unsigned i = 0; n < 0 && i < RETRIES; i++) {
        n = recvmmsg(u->fd, u->in_headers, (unsigned)most, MSG_DONTWAIT, NULL);
        if (n < 0 && errno != EINTR && !udp_socket_pending_error(errno))
            break;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
                  udp_socket_pending_error(errno)))
        n = 0;
    return n;
}

int udp_receive_some(struct udp *u, size_t most, struct qhcp_packet **ret)
{
    int n = read_batch(u, most), kept = 0;

    if (n < 0)
        return QHCP_E_IO;
    u->used = (size_t)n;
    if (n > 0)
        arrival_look(&u->stamps);
    for (int i = 0; i < n; i++) {
        struct msghdr *header = &u->in_headers[i].msg_hdr;
        struct qhcp_packet *packet = &u->in[kept];

        if (header->msg_flags & MSG_TRUNC)
            continue; /* longer than any packet of ours */
        packet->remote = u->in_slots[i].remote;
        packet->data = u->in_slots[i].data;
        packet->len = u->in_headers[i].msg_len;
        packet->cap = sizeof(u->in_slots[i].data);
        read_control(u, header, packet);
        kept++;
    }
    *ret = u->in;
    return kept;
}

uint32_t udp_take_dropped(struct udp *u)
{
    uint32_t n = u->dropped - u->dropped_told;

    u->dropped_told = u->dropped;
    return n;
}

struct qhcp_packet *udp_room(struct udp *u)
{
    return u->room;
}

static void put_control(struct msghdr *header, int level, int type, const void *p, size_t n)
{
    struct cmsghdr *c;

    header->msg_controllen = CMSG_SPACE(n);
    memset(header->msg_control, 0, header->msg_controllen);
    c = CMSG_FIRSTHDR(header);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(n);
    memcpy(CMSG_DATA(c), p, n);
}

/* A packet leaves from the address that the peer spoke to, where that is known and the socket has
 * several. */
static void write_control(const struct udp *u, struct slot *slot, const union qhcp_addr *local,
                          struct msghdr *header)
{
    header->msg_control = slot->control;
    header->msg_controllen = 0;
    if (local->sa.sa_family != u->local.sa.sa_family)
        return;
    if (local->sa.sa_family == AF_INET && u->local.in.sin_addr.s_addr == INADDR_ANY &&
        local->in.sin_addr.s_addr != INADDR_ANY) {
        struct in_pktinfo info = {.ipi_spec_dst = local->in.sin_addr};

        put_control(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else if (local->sa.sa_family == AF_INET6 &&
               IN6_IS_ADDR_UNSPECIFIED(&u->local.in6.sin6_addr) &&
               !IN6_IS_ADDR_UNSPECIFIED(&local->in6.sin6_addr)) {
        struct in6_pktinfo info = {.ipi6_addr = local->in6.sin6_addr,
                                   .ipi6_ifindex = local->in6.sin6_scope_id};

        put_control(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
}

/* The first waiting packet cannot be sent: it is dropped, and reported as if the network had
 * refused it (unless this machine is out of memory). */
static void drop_first(struct udp *u, int error)
{
    const struct slot *slot = &u->out_slots[u->first];

    if (error == ENOBUFS || error == ENOMEM)
        u->blocked = true;
    else if (u->n_own < UDP_BATCH)
        u->own[u->n_own++] = (struct udp_error){.remote = slot->remote, .error = error};
    u->first++;
    u->pending--;
}

/* The number sent. */
static int flush(struct udp *u)
{
    unsigned failures = 0;
    int sent = 0;

    while (u->pending > 0) {
        int n = sendmmsg(u->fd, u->out_headers + u->first, (unsigned)u->pending, MSG_DONTWAIT);

        if (n > 0) {
            u->first += (size_t)n;
            u->pending -= (size_t)n;
            sent += n;
            failures = 0;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            u->blocked = true;
            break;
        } else if (errno != EINTR && ++failures >= RETRIES) {
            drop_first(u, errno);
            failures = 0;
        } else if (errno != EINTR && !udp_socket_pending_error(errno)) {
            drop_first(u, errno); /* EINVAL, EPERM, EADDRNOTAVAIL, ENOBUFS: this packet's own */
            failures = 0;
        }
    }
    return sent;
}

int udp_send(struct udp *u, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct qhcp_packet *packet = &u->room[i];
        struct msghdr *header = &u->out_headers[i].msg_hdr;
        struct slot *slot = &u->out_slots[i];

        slot->remote = packet->remote;
        slot->bytes.iov_len = packet->len;
        header->msg_name = &slot->remote;
        header->msg_namelen = address_len(&slot->remote);
        write_control(u, slot, &packet->local, header);
    }
    u->first = 0;
    u->pending = n;
    return flush(u);
}

size_t udp_pending(const struct udp *u)
{
    return u->pending;
}

bool udp_take_blocked(struct udp *u)
{
    bool blocked = u->blocked || u->pending > 0;

    u->blocked = false;
    return blocked;
}

int udp_flush(struct udp *u)
{
    return flush(u);
}

static bool read_error(struct msghdr *header, struct udp_error *ret)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        struct sock_extended_err e;

        if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
            !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            continue;
        memcpy(&e, CMSG_DATA(c), sizeof(e));
        ret->error = (int)e.ee_errno;
        ret->icmp = e.ee_origin == SO_EE_ORIGIN_ICMP || e.ee_origin == SO_EE_ORIGIN_ICMP6;
        return true;
    }
    return false;
}

int udp_next_error(struct udp *u, struct udp_error *ret)
{
    for (unsigned i = 0; i < 2 * UDP_BATCH; i++) { /* entries that say nothing are skipped */
        struct udp_error error = {.quoted = u->quote};
        struct iovec bytes = {.iov_base = u->quote, .iov_len = sizeof(u->quote)};
        _Alignas(struct cmsghdr) uint8_t control[512];
        struct msghdr header = {.msg_name = &error.remote,
                                .msg_namelen = sizeof(error.remote),
                                .msg_iov = &bytes,
                                .msg_iovlen = 1,
                                .msg_control = control,
                                .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(u->fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT);

        if (n < 0)
            break;
        if (!read_error(&header, &error) || header.msg_namelen == 0)
            continue;
        if (error.icmp && error.error == EMSGSIZE)
            continue; /* a claim about the path, and we send nothing that could be smaller */
        error.quoted_len = (size_t)n;
        if (!error.icmp) /* the kernel's own word needs no quote to be believed */
            error.quoted = NULL, error.quoted_len = 0;
        *ret = error;
        return 1;
    }
    if (u->n_own == 0)
        return 0;
    *ret = u->own[--u->n_own];
    return 1;
}
