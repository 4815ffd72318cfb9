#include "loop/udp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

int udp_socket_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

static int configure(int fd, sa_family_t family, int rcvbuf)
{
    if (rcvbuf > 0 && udp_socket_option(fd, SOL_SOCKET, SO_RCVBUF, rcvbuf) != 0)
        return -1;
    if (udp_socket_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) != 0 ||
        udp_socket_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1) != 0)
        return -1;
    if (family == AF_INET6)
        return udp_socket_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) != 0 ||
                       udp_socket_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) != 0 ||
                       udp_socket_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) != 0 ||
                       udp_socket_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
                                         IPV6_PMTUDISC_PROBE) != 0
                   ? -1
                   : 0;
    return udp_socket_option(fd, IPPROTO_IP, IP_RECVERR, 1) != 0 ||
                   udp_socket_option(fd, IPPROTO_IP, IP_PKTINFO, 1) != 0 ||
                   udp_socket_option(fd, IPPROTO_IP, IP_RECVTOS, 1) != 0 ||
                   udp_socket_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) != 0
               ? -1
               : 0;
}

int udp_socket_open(const union qhcp_addr *bind_to, int rcvbuf, bool shared)
{
    sa_family_t family = bind_to->sa.sa_family;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), saved;

    if (fd < 0)
        return -1;
    if (configure(fd, family, rcvbuf) == 0 &&
        (family != AF_INET6 || udp_socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == 0) &&
        (!shared || udp_socket_option(fd, SOL_SOCKET, SO_REUSEPORT, 1) == 0) &&
        bind(fd, &bind_to->sa, address_len(bind_to)) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

int udp_socket_adopt(int fd, int rcvbuf)
{
    int family = 0, only = 0, flags = fcntl(fd, F_GETFL);
    socklen_t size = sizeof(family), only_size = sizeof(only);

    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0)
        return -1;
    if (family == AF_INET6 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &only_size) == 0 &&
        only == 0) {
        errno = EINVAL;
        return -1;
    }
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
                   fcntl(fd, F_SETFD, FD_CLOEXEC) != 0
               ? -1
               : configure(fd, (sa_family_t)family, rcvbuf);
}

bool udp_socket_pending_error(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
    case EPROTO:
    case ENOPROTOOPT:
    case EOPNOTSUPP:
    case EACCES:
    case EMSGSIZE:
        return true;
    default:
        return false;
    }
}
