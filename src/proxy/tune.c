#include "proxy/tune.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define PROBES 3
#define UNSENT                                                                                     \
    (256 << 10) /* bytes: a turn of the thread's is over before a fast peer has sent them */

static void set(int fd, int option, int value)
{
    (void)setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

void tune_keep_alive(int fd, qhcp_nsec idle)
{
    int on = 1, seconds = (int)((idle + NSEC_PER_SEC - 1) / NSEC_PER_SEC);

    if (idle == 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    set(fd, TCP_KEEPIDLE, seconds);
    set(fd, TCP_KEEPINTVL, (seconds + PROBES - 1) / PROBES);
    set(fd, TCP_KEEPCNT, PROBES);
}

void tune_unsent(int fd)
{
    set(fd, TCP_NOTSENT_LOWAT, UNSENT);
}
