#include "daemon/activated.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "daemon/listen.h"
#include "loop/loop.h"

#define FIRST 3     /* SD_LISTEN_FDS_START */
#define NAME_MAX 64 /* of a descriptor, in words */

/* A number of the environment; -1: there is none. */
static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    long n = text ? strtol(text, &end, 10) : -1;

    return text && end != text && *end == '\0' && n >= 0 ? n : -1;
}

/* The name of the descriptor i, from "a:b:c". */
static void name_of(const char *names, int i, char ret[NAME_MAX])
{
    for (; names && i > 0; i--) {
        names = strchr(names, ':');
        names += names ? 1 : 0;
    }
    snprintf(ret, NAME_MAX, "%.*s", names ? (int)strcspn(names, ":") : 7,
             names ? names : "unnamed");
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

static bool same_address(int a, int b)
{
    union qhcp_addr x = {.in = {.sin_port = 0}}, y = {.in = {.sin_port = 0}};
    socklen_t n = sizeof x, m = sizeof y;

    return getsockname(a, &x.sa, &n) == 0 && getsockname(b, &y.sa, &m) == 0 && n == m &&
           memcmp(&x, &y, n) == 0;
}

/* What is wrong with it; NULL: nothing, it has its place. */
static const char *sort(struct activated *a, int fd)
{
    int family = option(fd, SO_DOMAIN), type = option(fd, SO_TYPE), six = family == AF_INET6;
    bool inet = family == AF_INET || six;

    if (inet && type == SOCK_STREAM && option(fd, SO_ACCEPTCONN) == 1) {
        if (a->n_tcp == ACTIVATED_TCP)
            return "is one TCP socket too many";
        a->tcp[a->n_tcp++] = fd;
        return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0 ? NULL : strerror(errno);
    }
    if (!inet || type != SOCK_DGRAM)
        return "is neither a UDP socket nor a listening TCP socket";
    if (a->n_udp[six] == ACTIVATED_UDP)
        return "is one UDP socket too many";
    if (a->n_udp[six] > 0 && !same_address(a->udp[six][0], fd))
        return "has another address than the UDP socket before it: one for each of IPv4 and IPv6 "
               "is possible";
    a->udp[six][a->n_udp[six]++] = fd;
    return NULL;
}

int activated_take(struct activated *ret, char *words, size_t words_cap)
{
    long pid = number_of("LISTEN_PID"), n = number_of("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    struct activated a = {.n_tcp = 0};
    char name[NAME_MAX];

    *ret = a;
    if (pid != getpid() || n <= 0)
        return 0; /* they are for another process */
    for (int i = 0; i < n; i++) {
        const char *wrong =
            fcntl(FIRST + i, F_SETFD, FD_CLOEXEC) == 0 ? sort(&a, FIRST + i) : "is not open";

        if (wrong) {
            name_of(names, i, name);
            snprintf(words, words_cap, "LISTEN_FDS: descriptor %d (%s) %s", FIRST + i, name, wrong);
            return QHCP_E_ARG;
        }
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    *ret = a;
    return 0;
}

static int refuse(int r, const union qhcp_addr *bound, uint16_t port, char *words, size_t words_cap)
{
    unsigned has = ntohs(bound->in.sin_port); /* at the same place in both families */

    if (r == 0 && has == port)
        return 0;
    if (r == 0)
        snprintf(words, words_cap,
                 "the UDP socket that the service manager opened has port %u, and --port is %u: "
                 "make them the same",
                 has, port);
    else if (errno == EINVAL)
        snprintf(words, words_cap,
                 "the IPv6 socket that the service manager opened gets IPv4 too: set "
                 "BindIPv6Only=ipv6-only in the socket unit");
    else
        snprintf(words, words_cap, "the UDP socket that the service manager opened: %s",
                 strerror(errno));
    return r < 0 ? r : QHCP_E_ARG;
}

int activated_udp(struct activated *a, struct loop *l, uint16_t port, size_t *ret_n,
                  union qhcp_addr *ret_bound, char *words, size_t words_cap)
{
    union qhcp_addr bound;
    int r = 0;

    *ret_n = 0;
    for (int six = 0; six < 2 && r == 0; six++) {
        if (a->n_udp[six] == 0)
            continue;
        r = loop_adopt(l, a->udp[six], a->n_udp[six], LISTEN_RCVBUF, &bound);
        a->n_udp[six] = 0; /* the loop's now */
        r = refuse(r, &bound, port, words, words_cap);
        if (ret_bound && *ret_n == 0)
            *ret_bound = bound;
        ++*ret_n;
    }
    return r;
}

uint16_t activated_port(const struct activated *a)
{
    union qhcp_addr at = {.in = {.sin_port = 0}};
    socklen_t n = sizeof at;

    return a->n_tcp > 0 && getsockname(a->tcp[0], &at.sa, &n) == 0 ? ntohs(at.in.sin_port) : 0;
}
