#include "check/connect.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"

int connect_begin(const union qhcp_addr *address)
{
    int fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), off = 0;

    if (fd >= 0) /* the handshake's last packet waits for what there is to say, up to 200 ms */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
    if (fd < 0 || connect(fd, &address->sa, address_len(address)) == 0 || errno == EINPROGRESS)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A connect to an unused port of the ephemeral range can meet itself: two ends of one socket, and
 * no service. */
static bool is_itself(int fd)
{
    union qhcp_addr mine = {0}, theirs = {0};
    socklen_t n = sizeof mine, m = sizeof theirs;

    return getsockname(fd, &mine.sa, &n) == 0 && getpeername(fd, &theirs.sa, &m) == 0 &&
           address_equal(&mine, &theirs);
}

int connect_end(int fd)
{
    int error = 0;
    socklen_t n = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
        error = errno;
    return error == 0 && is_itself(fd) ? ECONNREFUSED : error;
}

void connect_say_local(int fd)
{
    static const char header[] =
        "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"; /* version 2, LOCAL, no addresses */

    (void)!send(fd, header, sizeof header - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void connect_close(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

const char *connect_words(int error)
{
    return error == ECONNREFUSED ? "connection refused" : strerror(error);
}
