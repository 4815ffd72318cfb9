/* Our own addresses: which one leads to a peer, and that they may have changed.
 *
 * For: a machine whose address changes (DHCP, a VPN) must not wait until its servers' silence has
 * convicted them.  In: rtnetlink's notices, whose contents are not looked at: what matters to a
 * peer is the source address that the kernel would choose now, and connect(2) on a UDP socket tells
 * that without a packet. */
#include "loop/route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

#define NOTICES 256 /* in one go: a router sees thousands, and the sockets wait meanwhile */

bool route_source(void *ctx, const union qhcp_addr *remote, union qhcp_addr *ret)
{
    int fd = socket(remote->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    union qhcp_addr source = {0};
    socklen_t size = sizeof source;
    bool ok;

    (void)ctx;
    if (fd < 0)
        return false;
    ok = connect(fd, &remote->sa, address_len(remote)) == 0 &&
         getsockname(fd, &source.sa, &size) == 0;
    close(fd);
    if (!ok)
        return false;
    source.in.sin_port = 0; /* at the same place in both families */
    *ret = source;
    return true;
}

static void on_notice(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct route *r = ctx;
    char notices[8192];

    /* ENOBUFS: more has happened than there was room for, which is all that we want to know. */
    for (int i = 0; i < NOTICES; i++)
        if (recv(r->watch.io.fd, notices, sizeof notices, MSG_DONTWAIT) <= 0 && errno != ENOBUFS)
            break;
    (void)ready;
    r->fn(r->ctx, now);
}

int route_watch(struct loop *loop, struct route *r, void (*fn)(void *ctx, qhcp_nsec now), void *ctx)
{
    struct sockaddr_nl groups = {.nl_family = AF_NETLINK,
                                 .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                              RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd < 0)
        return QHCP_E_IO;
    if (bind(fd, (struct sockaddr *)&groups, sizeof groups) != 0) {
        close(fd);
        return QHCP_E_IO;
    }
    r->fn = fn;
    r->ctx = ctx;
    loop_watch(loop, &r->watch, fd, LOOP_READABLE, on_notice, r);
    return 0;
}

void route_unwatch(struct route *r)
{
    if (!r->watch.loop)
        return;
    loop_unwatch(&r->watch);
    close(r->watch.io.fd);
}
