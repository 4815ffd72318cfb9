/* stamp [-|SOCKET]: what comes, with its instant: each line of standard input is written as
 * "NANOSECONDS line", by CLOCK_MONOTONIC.  With an argument the same for datagrams, at standard
 * input (-) or at the Unix socket of that name; their instant is the kernel's, at which they were
 * sent, so that nobody's waking up is part of it. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char buf[1 << 20];

static unsigned long long nsec(const struct timespec *ts)
{
    return (unsigned long long)ts->tv_sec * 1000000000u + (unsigned long long)ts->tv_nsec;
}

static unsigned long long clock_of(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return nsec(&ts);
}

static void put(unsigned long long at, const char *p, size_t n)
{
    printf("%llu %.*s\n", at, (int)n, p);
    fflush(stdout);
}

static int lines(void)
{
    size_t have = 0;
    ssize_t n;

    while ((n = read(STDIN_FILENO, buf + have, sizeof buf - have)) > 0) {
        unsigned long long at = clock_of(CLOCK_MONOTONIC);
        char *p = buf, *end;

        have += (size_t)n;
        while ((end = memchr(p, '\n', have - (size_t)(p - buf)))) {
            put(at, p, (size_t)(end - p));
            p = end + 1;
        }
        have -= (size_t)(p - buf);
        memmove(buf, p, have);
        if (have == sizeof buf)
            have = 0; /* no line of ours is that long */
    }
    return 0;
}

static int bind_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof a.sun_path)
        errno = ENAMETOOLONG;
    else
        memcpy(a.sun_path, path, strlen(path) + 1);
    if (fd < 0 || a.sun_path[0] == '\0' || bind(fd, (struct sockaddr *)&a, sizeof a) < 0)
        return -1;
    return fd;
}

/* The wall clock less the monotonic one: of several readings the one that took the least time. */
static unsigned long long wall_ahead(void)
{
    unsigned long long best = ~0ull, ret = 0;

    for (int i = 0; i < 5; i++) {
        unsigned long long begun = clock_of(CLOCK_MONOTONIC), wall = clock_of(CLOCK_REALTIME);
        unsigned long long took = clock_of(CLOCK_MONOTONIC) - begun;

        if (took < best) {
            best = took;
            ret = wall - begun;
        }
    }
    return ret;
}

/* When it was sent: the kernel's clock is the wall's. */
static unsigned long long sent(struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);
    struct timespec stamp;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) {
        fprintf(stderr, "stamp: a datagram without its instant\n");
        _exit(1);
    }
    memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    return nsec(&stamp) - wall_ahead();
}

static int datagrams(const char *path)
{
    int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : bind_to(path), on = 1;
    char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec data = {.iov_base = buf, .iov_len = sizeof buf - 1};
    ssize_t n;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0) {
        fprintf(stderr, "stamp: %s: %s\n", path, strerror(errno));
        return 1;
    }
    put(clock_of(CLOCK_MONOTONIC), "bound", 5);
    for (;;) {
        struct msghdr m = {.msg_iov = &data,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        unsigned long long at;

        n = recvmsg(fd, &m, 0);
        if (n <= 0)
            return n == 0 ? 0 : 1;
        at = sent(&m);
        buf[n] = '\0';
        for (char *line = strtok(buf, "\n"); line; line = strtok(NULL, "\n"))
            put(at, line, strlen(line));
    }
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return argc > 1 ? datagrams(argv[1]) : lines();
}
