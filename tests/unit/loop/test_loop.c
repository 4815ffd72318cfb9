/* The event loop with a core made up by the test, and sockets of the test on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "loop/loop.h"

#define GIVE_UP (60 * NSEC_PER_SEC) /* a test that waits longer has failed */

/* The core: sends what stands in to_send, notes what happens. */
struct core {
    struct loop *loop;
    struct loop_part part;
    struct qhcp_packet to_send[4];
    size_t n_to_send;
    qhcp_nsec deadline, started;
    char order[16];         /* 'r'eceived, 'e'xpired, 'u'nreachable, 's'ignal */
    size_t n_order, wanted; /* stop after so many */
    int error, signum;
    union qhcp_addr unreachable, from;
    /* Once something was received: three datagrams from here, then a stall that lasts until after
     * the deadline; or -1. */
    int stall_fd;
    union qhcp_addr bound;
};

static void note(struct core *c, char what)
{
    if (c->n_order < sizeof c->order - 1)
        c->order[c->n_order++] = what;
    if (c->n_order >= c->wanted)
        loop_stop(c->loop);
}

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct core *c = ctx;

    (void)now;
    for (size_t i = 0; i < n; i++) {
        c->from = packets[i].remote;
        note(c, 'r');
    }
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct core *c = ctx;
    size_t sent = 0;

    (void)now;
    for (; sent < n && sent < c->n_to_send; sent++) {
        packets[sent].local = c->to_send[sent].local;
        packets[sent].remote = c->to_send[sent].remote;
        packets[sent].len = c->to_send[sent].len;
        packets[sent].ecn = 0;
        assert_true(packets[sent].cap >= packets[sent].len);
        memcpy(packets[sent].data, c->to_send[sent].data, c->to_send[sent].len);
    }
    c->n_to_send = 0;
    return sent;
}

static void on_unreachable(void *ctx, qhcp_nsec now, const union qhcp_addr *remote, int error,
                           const uint8_t *quoted, size_t quoted_len)
{
    struct core *c = ctx;

    (void)now;
    (void)quoted;
    (void)quoted_len;
    c->unreachable = *remote;
    c->error = error;
    note(c, 'u');
}

static qhcp_nsec on_deadline(void *ctx)
{
    struct core *c = ctx;

    return nsec_min(c->deadline, c->started + GIVE_UP);
}

static void on_expire(void *ctx, qhcp_nsec now)
{
    struct core *c = ctx;

    if (now >= c->started + GIVE_UP)
        fail_msg("nothing more happened after \"%s\"", c->order);
    assert_true(now >= c->deadline);
    c->deadline = NSEC_NEVER;
    note(c, 'e');
}

static void on_turn(void *ctx, qhcp_nsec now)
{
    struct core *c = ctx;
    const struct timespec stall = {.tv_nsec = 60000000};

    if (c->stall_fd < 0 || c->n_order == 0)
        return;
    for (int i = 0; i < 3; i++)
        assert_int_equal(sendto(c->stall_fd, "x", 1, 0, &c->bound.sa, address_len(&c->bound)), 1);
    c->stall_fd = -1;
    c->deadline = now + 30 * NSEC_PER_MSEC;
    nanosleep(&stall, NULL); /* the machine was busy elsewhere, and the deadline passed */
}

static void on_signal(void *ctx, qhcp_nsec now, int signum)
{
    struct core *c = ctx;

    (void)now;
    c->signum = signum;
    note(c, 's');
}

/* A loop around this core, a part of which it is. */
static void make_loop(struct core *c, const struct loop_client *client)
{
    c->part = (struct loop_part){
        .name = "core", .ctx = c, .deadline = on_deadline, .expire = on_expire, .turn = on_turn};
    assert_int_equal(loop_new(client, &c->loop), 0);
    loop_add(c->loop, &c->part);
}

static void free_loop(struct core *c)
{
    loop_remove(&c->part);
    loop_free(c->loop);
}

static void begin(struct core *c, size_t wanted)
{
    const struct loop_client client = {.ctx = c,
                                       .receive = on_receive,
                                       .send = on_send,
                                       .unreachable = on_unreachable,
                                       .signal = on_signal};

    *c = (struct core){
        .deadline = NSEC_NEVER, .started = loop_now(), .wanted = wanted, .stall_fd = -1};
    make_loop(c, &client);
}

static union qhcp_addr loopback(int family, uint16_t port)
{
    union qhcp_addr a = {0};

    if (family == AF_INET6)
        a.in6 = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    else
        a.in = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return a;
}

/* A socket of the test's own, and its address; -1: the machine lacks the family. */
static int peer(int family, union qhcp_addr *ret)
{
    union qhcp_addr a = loopback(family, 0);
    socklen_t len = sizeof a;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, &a.sa, address_len(&a)) < 0) {
        close(fd);
        return -1;
    }
    assert_int_equal(getsockname(fd, &a.sa, &len), 0);
    *ret = a;
    return fd;
}

static void expect_datagram(int fd, const char *text)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};
    char buf[64] = "";

    assert_int_equal(poll(&pfd, 1, 5000), 1);
    assert_int_equal(recv(fd, buf, sizeof buf - 1, 0), strlen(text));
    assert_string_equal(buf, text);
}

static struct qhcp_packet packet(const union qhcp_addr *to, const char *text)
{
    return (struct qhcp_packet){
        .remote = *to, .data = (uint8_t *)(uintptr_t)text, .len = strlen(text)};
}

static void a_datagram_comes_in_and_what_the_core_sends_goes_out(void **state)
{
    union qhcp_addr any = loopback(AF_INET, 0), mine, bound;
    struct core c;
    int fd = peer(AF_INET, &mine);

    (void)state;
    begin(&c, 1);
    assert_int_equal(loop_bind(c.loop, &any, 0, &bound), 0);
    c.to_send[0] = packet(&mine, "out");
    c.n_to_send = 1;
    assert_int_equal(sendto(fd, "in", 2, 0, &bound.sa, address_len(&bound)), 2);
    loop_run(c.loop);
    assert_string_equal(c.order, "r");
    assert_true(address_equal(&c.from, &mine));
    expect_datagram(fd, "out");
    free_loop(&c);
    close(fd);
}

static void one_batch_may_hold_packets_of_both_families(void **state)
{
    union qhcp_addr v4, v6, bind4 = loopback(AF_INET, 0), bind6 = loopback(AF_INET6, 0);
    int fd4 = peer(AF_INET, &v4), fd6 = peer(AF_INET6, &v6);
    struct core c;

    (void)state;
    if (fd6 < 0) {
        close(fd4);
        skip();
    }
    begin(&c, 1);
    assert_int_equal(loop_bind(c.loop, &bind4, 0, NULL), 0);
    assert_int_equal(loop_bind(c.loop, &bind6, 0, NULL), 0);
    assert_int_equal(loop_bind(c.loop, &bind6, 0, NULL), QHCP_E_EXISTS);
    c.to_send[0] = packet(&v6, "first, six");
    c.to_send[1] = packet(&v4, "second, four");
    c.to_send[2] = packet(&v6, "third");
    c.to_send[3] = packet(&v4, "fourth");
    c.n_to_send = 4;
    c.deadline = loop_now();
    loop_run(c.loop);
    expect_datagram(fd4, "second, four");
    expect_datagram(fd4, "fourth");
    expect_datagram(fd6, "first, six");
    expect_datagram(fd6, "third");
    free_loop(&c);
    close(fd4);
    close(fd6);
}

/* A port that nobody has at the moment, as packets of the core ask for one. */
static union qhcp_addr free_port(void)
{
    union qhcp_addr a;

    close(peer(AF_INET, &a));
    a.in.sin_addr.s_addr = htonl(INADDR_ANY);
    return a;
}

static void one_batch_may_ask_for_several_new_ports(void **state)
{
    union qhcp_addr mine, any = {.in = {.sin_family = AF_INET}};
    int fd = peer(AF_INET, &mine);
    struct core c;

    (void)state;
    begin(&c, 1);
    assert_int_equal(loop_bind(c.loop, &any, 0, NULL), 0);
    c.to_send[0] = packet(&mine, "first");
    c.to_send[1] = packet(&mine, "second");
    c.to_send[0].local = free_port();
    c.to_send[1].local = free_port();
    c.n_to_send = 2;
    c.deadline = loop_now();
    loop_run(c.loop);
    expect_datagram(fd, "first");
    expect_datagram(fd, "second");
    free_loop(&c);
    close(fd);
}

static void without_a_socket_of_its_family_a_packet_has_no_route(void **state)
{
    union qhcp_addr v6 = loopback(AF_INET6, 9), v4, bind4 = loopback(AF_INET, 0);
    int fd = peer(AF_INET, &v4);
    struct core c;

    (void)state;
    begin(&c, 1);
    assert_int_equal(loop_bind(c.loop, &bind4, 0, NULL), 0);
    c.to_send[0] = packet(&v6, "nowhere");
    c.to_send[1] = packet(&v4, "somewhere");
    c.n_to_send = 2;
    loop_run(c.loop);
    assert_string_equal(c.order, "u");
    assert_int_equal(c.error, ENETUNREACH);
    assert_true(address_equal(&c.unreachable, &v6));
    expect_datagram(fd, "somewhere");
    free_loop(&c);
    close(fd);
}

static void a_closed_port_is_told_as_unreachable_and_its_neighbour_is_not(void **state)
{
    union qhcp_addr closed, open, any = loopback(AF_INET, 0);
    int fd = peer(AF_INET, &closed), other = peer(AF_INET, &open);
    struct core c;

    (void)state;
    close(fd);
    begin(&c, 1);
    assert_int_equal(loop_bind(c.loop, &any, 0, NULL), 0);
    c.to_send[0] = packet(&closed, "knock");
    c.to_send[1] = packet(&open, "hello");
    c.n_to_send = 2;
    loop_run(c.loop);
    assert_string_equal(c.order, "u");
    assert_int_equal(c.error, ECONNREFUSED);
    assert_true(address_equal(&c.unreachable, &closed));
    expect_datagram(other, "hello");
    free_loop(&c);
    close(other);
}

static void after_a_stall_datagrams_come_before_the_deadline(void **state)
{
    union qhcp_addr mine, any = loopback(AF_INET, 0);
    int fd = peer(AF_INET, &mine);
    struct core c;

    (void)state;
    begin(&c, 5);
    assert_int_equal(loop_bind(c.loop, &any, 0, &c.bound), 0);
    assert_int_equal(sendto(fd, "x", 1, 0, &c.bound.sa, address_len(&c.bound)), 1);
    c.stall_fd = fd;
    loop_run(c.loop);
    assert_string_equal(c.order, "rrrre");
    free_loop(&c);
    close(fd);
}

static void a_deadline_is_kept_within_a_millisecond_or_so(void **state)
{
    qhcp_nsec best = NSEC_NEVER;
    struct core c;

    (void)state;
    for (int i = 0; i < 20; i++) { /* the best of some: the machine may be busy */
        begin(&c, 1);
        qhcp_nsec due = c.deadline = loop_now() + 300 * NSEC_PER_USEC;
        loop_run(c.loop);
        qhcp_nsec now = loop_now();
        assert_true(now >= due);
        best = nsec_min(best, now - due);
        free_loop(&c);
    }
    assert_true(best < NSEC_PER_MSEC);
}

static void a_deadline_in_the_past_is_due_at_once(void **state)
{
    struct core c;

    (void)state;
    begin(&c, 1);
    c.deadline = 0;
    loop_run(c.loop);
    assert_string_equal(c.order, "e");
    free_loop(&c);
}

static void signals_arrive_between_other_events(void **state)
{
    struct core c;

    (void)state;
    begin(&c, 1);
    assert_int_equal(loop_catch(c.loop, SIGUSR1), 0);
    raise(SIGUSR1);
    loop_run(c.loop);
    assert_string_equal(c.order, "s");
    assert_int_equal(c.signum, SIGUSR1);
    free_loop(&c);
}

static void a_port_in_use_is_told_with_its_errno(void **state)
{
    union qhcp_addr mine;
    int fd = peer(AF_INET, &mine);
    struct core c;

    (void)state;
    begin(&c, 1);
    assert_int_equal(loop_bind(c.loop, &mine, 0, NULL), QHCP_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
    assert_int_equal(loop_bind(c.loop, &mine, 0, NULL), 0);
    free_loop(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_datagram_comes_in_and_what_the_core_sends_goes_out),
        cmocka_unit_test(one_batch_may_hold_packets_of_both_families),
        cmocka_unit_test(one_batch_may_ask_for_several_new_ports),
        cmocka_unit_test(without_a_socket_of_its_family_a_packet_has_no_route),
        cmocka_unit_test(a_closed_port_is_told_as_unreachable_and_its_neighbour_is_not),
        cmocka_unit_test(after_a_stall_datagrams_come_before_the_deadline),
        cmocka_unit_test(a_deadline_is_kept_within_a_millisecond_or_so),
        cmocka_unit_test(a_deadline_in_the_past_is_due_at_once),
        cmocka_unit_test(signals_arrive_between_other_events),
        cmocka_unit_test(a_port_in_use_is_told_with_its_errno),
    };

    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
