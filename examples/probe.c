/* A minimal load balancer's eye: watches one server and prints what changes.
 *
 *     cc probe.c $(pkg-config --cflags --libs qhcp) -o probe && ./probe 127.0.0.1:4243 [CA-FILE]
 *
 * The core has no loop: this is one, around one UDP socket.  Ends with 0 at the first "up", with 1
 * at the first "down". */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qhcp/lb.h>

static int verdict = -1;

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

/* Addresses are given as literals here; a real program asks its resolver. */
static void no_names(void *ctx, size_t id, const char *host, uint16_t port)
{
    (void)port;
    qhcp_lb_resolved(*(struct qhcp_lb **)ctx, monotonic(), id, NULL, 0, "give an address literal");
    fprintf(stderr, "probe: %s is a name\n", host);
}

static void on_event(void *ctx, const struct qhcp_event *e)
{
    (void)ctx;
    printf("%s: %s -> %s: %s\n", e->address, qhcp_state_name(e->from), qhcp_state_name(e->to),
           e->reason);
    if (e->to == QHCP_UP)
        verdict = 0;
    else if (e->to == QHCP_DOWN)
        verdict = 1;
}

static void send_all(int fd, struct qhcp_lb *lb)
{
    uint8_t data[1500];
    struct qhcp_packet out = {.data = data, .cap = sizeof data};

    while (qhcp_lb_send(lb, monotonic(), &out, 1) == 1)
        (void)sendto(fd, out.data, out.len, 0, &out.remote.sa, sizeof out.remote.in);
}

static void receive_all(int fd, struct qhcp_lb *lb)
{
    uint8_t data[1500];

    for (;;) {
        struct qhcp_packet in = {.data = data};
        socklen_t n = sizeof in.remote;
        ssize_t got = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, &in.remote.sa, &n);

        if (got < 0)
            return;
        in.len = (size_t)got;
        qhcp_lb_receive(lb, monotonic(), &in, 1);
        send_all(fd, lb);
    }
}

static int wait_ms(const struct qhcp_lb *lb)
{
    qhcp_nsec at = qhcp_lb_deadline(lb), now = monotonic();

    if (at <= now)
        return 0;
    return at - now > 1000000000 ? 1000 : (int)((at - now) / 1000000) + 1;
}

static void run(int fd, struct qhcp_lb *lb, int seconds)
{
    qhcp_nsec end = monotonic() + (qhcp_nsec)seconds * 1000000000;

    send_all(fd, lb);
    while (monotonic() < end && !qhcp_lb_stopped(lb)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (verdict >= 0)
            qhcp_lb_stop(lb, monotonic());
        send_all(fd, lb);
        (void)poll(&p, 1, wait_ms(lb));
        receive_all(fd, lb);
        qhcp_lb_expire(lb, monotonic());
        send_all(fd, lb);
    }
}

int main(int argc, char **argv)
{
    struct qhcp_lb *lb = NULL;
    struct qhcp_lb_config config = {.liveness_interval = 100000000, /* 100 ms */
                                    .cert_file = argc > 2 ? argv[2] : NULL,
                                    .ctx = &lb,
                                    .wall_clock = wall_clock,
                                    .resolve = no_names,
                                    .event = on_event};
    char words[512];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (argc < 2 || fd < 0) {
        fprintf(stderr, "usage: probe ADDRESS:PORT [CA-FILE]\n");
        return 2;
    }
    if (qhcp_lb_new(&config, monotonic(), &lb, words, sizeof words) != 0 ||
        qhcp_lb_add(lb, monotonic(), argv[1], words, sizeof words) != 0) {
        fprintf(stderr, "probe: %s\n", words);
        qhcp_lb_free(lb);
        return 2;
    }
    run(fd, lb, 10);
    qhcp_lb_free(lb);
    close(fd);
    return verdict < 0 ? 1 : verdict;
}
