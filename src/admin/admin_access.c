#include "admin/admin_access.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_address.h"

/* By number: getpwuid may wait for a directory service. */
static bool local_who(const struct admin_address *at, int fd, struct admin_who *ret)
{
    struct ucred peer;
    socklen_t n = sizeof peer;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return false;
    if ((at->mode & 0060) == 0 && peer.uid != 0 && peer.uid != geteuid())
        return false;
    ret->scopes = ADMIN_READ | ADMIN_WRITE;
    snprintf(ret->by, sizeof ret->by, "%suid %u, process %d", peer.uid == 0 ? "root, " : "",
             (unsigned)peer.uid, (int)peer.pid);
    snprintf(ret->from, sizeof ret->from, "by the socket");
    return true;
}

bool admin_access_who(const struct admin_address *at, int fd, struct admin_who *ret)
{
    union qhcp_addr addr;
    socklen_t n = sizeof addr;

    *ret = (struct admin_who){.scopes = 0};
    if (at->local)
        return local_who(at, fd, ret);
    if (getpeername(fd, &addr.sa, &n) < 0)
        return false;
    memcpy(ret->from, "from ", 5);
    address_format(&addr, ret->from + 5, sizeof ret->from - 5);
    ret->scopes = at->loopback ? ADMIN_READ : 0;
    return true;
}

bool admin_access_uri(const char *uri)
{
    for (const unsigned char *p = (const unsigned char *)uri; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~')
            return false;
        if (*p == '%' && (!isxdigit(p[1]) || !isxdigit(p[2]) || (p[1] == '0' && p[2] == '0')))
            return false;
    }
    return true;
}

/* The length of the name before ":PORT"; 0 where what follows is no port. */
static size_t name_length(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL, *port;

    if (host[0] == '[' && !end)
        return 0;
    end = end ? end + 1 : host + strcspn(host, ":");
    if (*end == '\0')
        return (size_t)(end - host);
    port = end + 1;
    if (*end != ':' || port[strspn(port, "0123456789")] != '\0' || *port == '\0' ||
        strlen(port) > 5)
        return 0;
    return (size_t)(end - host);
}

bool admin_access_host(const char *host)
{
    char name[INET6_ADDRSTRLEN + 2];
    struct in6_addr ignored;
    size_t n = name_length(host);

    if (n == 0 || n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    if (name[0] == '[') {
        name[n - 1] = '\0';
        return inet_pton(AF_INET6, name + 1, &ignored) == 1;
    }
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &ignored) == 1;
}

bool admin_access_origin(const char *origin, const char *host, bool tls)
{
    const char *scheme = tls ? "https://" : "http://";
    size_t n = strlen(scheme);

    return host && strncasecmp(origin, scheme, n) == 0 && strcasecmp(origin + n, host) == 0;
}
