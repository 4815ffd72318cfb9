/* A minimal server that reports its health: embed these lines in yours.
 *
 *     cc server.c $(pkg-config --cflags --libs qhcp) -o server && ./server 4243
 *
 * It reports CPU, memory and a value of its own ("jobs_waiting"); at SIGTERM it drains and leaves.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qhcp/server.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    stop = number;
}

static qhcp_nsec monotonic(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (qhcp_nsec)t.tv_sec * 1000000000 + (qhcp_nsec)t.tv_nsec;
}

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return (int64_t)time(NULL);
}

static void on_log(void *ctx, enum qhcp_log_level level, const char *text)
{
    (void)ctx;
    if (level <= QHCP_LOG_INFO)
        fprintf(stderr, "server: %s\n", text);
}

static int open_socket(uint16_t port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0)
        return fd;
    fprintf(stderr, "server: cannot bind UDP port %u: %s\n", port, strerror(errno));
    return -1;
}

static void send_all(int fd, struct qhcp_server *s)
{
    uint8_t data[1500];
    struct qhcp_packet out = {.data = data, .cap = sizeof data};

    while (qhcp_server_send(s, monotonic(), &out, 1) == 1)
        (void)sendto(fd, out.data, out.len, 0, &out.remote.sa, sizeof out.remote.in);
}

static void receive_all(int fd, struct qhcp_server *s)
{
    uint8_t data[1500];

    for (;;) {
        struct qhcp_packet in = {.data = data};
        socklen_t n = sizeof in.remote;
        ssize_t got = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, &in.remote.sa, &n);

        if (got < 0)
            return;
        in.len = (size_t)got;
        qhcp_server_receive(s, monotonic(), &in, 1);
        send_all(fd, s);
    }
}

static int wait_ms(const struct qhcp_server *s)
{
    qhcp_nsec at = qhcp_server_deadline(s), now = monotonic();

    if (at <= now)
        return 0;
    return at - now > 200000000 ? 200 : (int)((at - now) / 1000000) + 1;
}

static void run(int fd, struct qhcp_server *s)
{
    for (uint64_t jobs = 0; !qhcp_server_stopped(s); jobs++) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (stop)
            qhcp_server_stop(s, monotonic(), 5000000000, "SIGTERM"); /* 5 s */
        (void)qhcp_server_set_metric(s, "jobs_waiting", 0, jobs % 7);
        send_all(fd, s);
        (void)poll(&p, 1, wait_ms(s));
        receive_all(fd, s);
        qhcp_server_expire(s, monotonic());
        send_all(fd, s);
    }
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? atoi(argv[1]) : 4243, fd;
    struct qhcp_server_config config = {
        .address = "127.0.0.1", .port = (uint16_t)port, .wall_clock = wall_clock, .log = on_log};
    struct qhcp_server *s = NULL;
    char words[512];

    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    fd = port > 0 && port < 65536 ? open_socket((uint16_t)port) : -1;
    if (fd < 0)
        return 2;
    if (qhcp_server_new(&config, monotonic(), &s, words, sizeof words) != 0) {
        fprintf(stderr, "server: %s\n", words);
        close(fd);
        return 2;
    }
    run(fd, s);
    qhcp_server_free(s);
    close(fd);
    return 0;
}
