/* stamp [SOCKET]: what comes, with the instant at which it came: each line of standard input, or
 * each datagram at the Unix socket of that name, is written as "NANOSECONDS line", by
 * CLOCK_MONOTONIC.
 *
 * The measuring program has more to do than to wait for verdicts; this has not. */
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

static unsigned long long now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (unsigned long long)ts.tv_sec * 1000000000u + (unsigned long long)ts.tv_nsec;
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
        unsigned long long at = now();
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

static int datagrams(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t n;

    if (strlen(path) >= sizeof a.sun_path)
        errno = ENAMETOOLONG;
    else
        memcpy(a.sun_path, path, strlen(path) + 1);
    if (fd < 0 || a.sun_path[0] == '\0' || bind(fd, (struct sockaddr *)&a, sizeof a) < 0) {
        fprintf(stderr, "stamp: %s: %s\n", path, strerror(errno));
        return 1;
    }
    put(now(), "bound", 5);
    while ((n = recv(fd, buf, sizeof buf - 1, 0)) >= 0) {
        unsigned long long at = now();

        buf[n] = '\0';
        put(at, buf, strcspn(buf, "\n"));
    }
    return 1;
}

int main(int argc, char **argv)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return argc > 1 ? datagrams(argv[1]) : lines();
}
