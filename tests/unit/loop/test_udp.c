/* Sockets on loopback: batches, addresses, and what ICMP does to the innocent (trap 6). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <cmocka.h>

#include "base/address.h"
#include "base/os/clock.h"
#include "loop/udp.h"

#include <qhcp/error.h>

static union qhcp_addr v4(const char *text)
{
    union qhcp_addr a = {.in = {.sin_family = AF_INET}};

    inet_pton(AF_INET, text, &a.in.sin_addr);
    return a;
}

static union qhcp_addr v6(const char *text)
{
    union qhcp_addr a = {.in6 = {.sin6_family = AF_INET6}};

    inet_pton(AF_INET6, text, &a.in6.sin6_addr);
    return a;
}

static struct udp *open_at(union qhcp_addr at, union qhcp_addr *ret_local)
{
    struct udp *u = NULL;

    assert_int_equal(udp_open(&at, 0, &u), 0);
    udp_local(u, ret_local);
    return u;
}

static void fill(struct qhcp_packet *p, const union qhcp_addr *remote, uint8_t byte)
{
    p->local = (union qhcp_addr){0};
    p->remote = *remote;
    memset(p->data, byte, 100);
    p->len = 100;
}

/* Reads what comes within a second, until `want` packets are there. */
static int collect(struct udp *u, int want, struct qhcp_packet *ret_last)
{
    struct pollfd fd = {.fd = udp_fd(u), .events = POLLIN};
    int have = 0;

    for (int turns = 0; have < want && turns < 100; turns++) {
        struct qhcp_packet *packets;
        int n;

        poll(&fd, 1, 10);
        n = udp_receive(u, &packets);
        assert_true(n >= 0);
        have += n;
        if (n > 0)
            *ret_last = packets[n - 1];
    }
    return have;
}

static void a_batch_arrives_with_both_addresses(void **state)
{
    union qhcp_addr a_addr, b_addr;
    struct udp *a = open_at(v4("127.0.0.1"), &a_addr), *b = open_at(v4("0.0.0.0"), &b_addr);
    struct qhcp_packet *room = udp_room(a), last = {0};
    union qhcp_addr to = v4("127.0.0.2");

    (void)state;
    to.in.sin_port = b_addr.in.sin_port;
    for (int i = 0; i < UDP_BATCH; i++) {
        assert_true(room[i].cap >= 1452);
        fill(&room[i], &to, (uint8_t)i);
    }
    assert_int_equal(udp_send(a, UDP_BATCH), UDP_BATCH);
    assert_int_equal(udp_pending(a), 0);
    assert_int_equal(collect(b, UDP_BATCH, &last), UDP_BATCH);
    assert_true(address_equal(&last.remote, &a_addr));
    assert_true(address_equal(&last.local, &to));
    assert_int_equal(last.data[0], UDP_BATCH - 1);
    assert_int_equal(last.len, 100);
    /* The answer leaves from the address that was spoken to. */
    room = udp_room(b);
    fill(&room[0], &a_addr, 7);
    room[0].local = last.local;
    assert_int_equal(udp_send(b, 1), 1);
    assert_int_equal(collect(a, 1, &last), 1);
    assert_true(address_equal(&last.remote, &to));
    udp_close(a);
    udp_close(b);
}

/* On the monotonic clock, and later batches do as well as the first.  A busy machine may deliver
 * one late, but not each. */
static void a_packet_says_when_it_came(void **state)
{
    union qhcp_addr a_addr, b_addr;
    struct udp *a = open_at(v4("127.0.0.1"), &a_addr), *b = open_at(v4("127.0.0.1"), &b_addr);
    struct qhcp_packet last = {0};
    qhcp_nsec before, sent;
    unsigned in_time = 0;

    (void)state;
    for (unsigned i = 0; i < 20 && in_time < 3; i++) {
        before = clock_monotonic();
        fill(udp_room(a), &b_addr, 1);
        assert_int_equal(udp_send(a, 1), 1);
        sent = clock_monotonic();
        poll(NULL, 0, 20); /* which is no part of it */
        assert_int_equal(collect(b, 1, &last), 1);
        assert_true(address_equal(&last.remote, &a_addr));
        if (last.received == 0)
            continue; /* somebody has set the wall clock just now */
        assert_in_range(last.received, before - NSEC_PER_MSEC, clock_monotonic());
        in_time += last.received <= sent + NSEC_PER_MSEC;
    }
    assert_int_equal(in_time, 3);
    udp_close(a);
    udp_close(b);
}

static void version_six_works_alike_and_alone(void **state)
{
    union qhcp_addr a_addr, b_addr, to;
    struct udp *a, *b, *four;
    struct qhcp_packet last = {0};
    union qhcp_addr any = v6("::");

    (void)state;
    if (udp_open(&any, 0, &a) != 0)
        skip();
    udp_close(a);
    a = open_at(v6("::1"), &a_addr);
    b = open_at(v6("::"), &b_addr);
    to = v4("0.0.0.0"); /* the same port on IPv4 is free: the socket is IPv6's alone */
    to.in.sin_port = b_addr.in6.sin6_port;
    assert_int_equal(udp_open(&to, 0, &four), 0);
    udp_close(four);
    b_addr.in6.sin6_addr = in6addr_loopback;
    fill(udp_room(a), &b_addr, 1);
    assert_int_equal(udp_send(a, 1), 1);
    assert_int_equal(collect(b, 1, &last), 1);
    assert_true(address_equal(&last.local, &b_addr));
    assert_true(address_equal(&last.remote, &a_addr));
    udp_close(a);
    udp_close(b);
}

static void a_port_in_use_is_said_to_be(void **state)
{
    union qhcp_addr addr, foreign = v4("192.0.2.1");
    struct udp *u = open_at(v4("127.0.0.1"), &addr), *other;

    (void)state;
    errno = 0;
    assert_int_equal(udp_open(&addr, 0, &other), QHCP_E_IO);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(udp_open(&foreign, 0, &other), QHCP_E_IO);
    assert_int_equal(errno, EADDRNOTAVAIL);
    udp_close(u);
}

/* One closed port, one that lives, on one socket: each packet to the living arrives. */
static void a_dead_peers_icmp_costs_the_innocent_nothing(void **state)
{
    union qhcp_addr addr, alive_addr, dead_addr;
    struct udp *u = open_at(v4("127.0.0.1"), &addr), *alive = open_at(v4("127.0.0.1"), &alive_addr);
    struct udp *dead = open_at(v4("127.0.0.1"), &dead_addr);
    int got = 0, errors = 0;
    struct qhcp_packet last;

    (void)state;
    udp_close(dead);
    for (int round = 0; round < 50; round++) {
        struct qhcp_packet *room = udp_room(u);
        struct qhcp_packet *packets;
        struct udp_error e;

        for (int i = 0; i < 10; i++)
            fill(&room[i], i % 2 ? &dead_addr : &alive_addr, (uint8_t)round);
        assert_int_equal(udp_send(u, 10), 10);
        assert_int_equal(udp_pending(u), 0);
        got += collect(alive, 5, &last);
        if (round % 3 == 0) /* the last packet's error meets the next batch's first */
            continue;
        assert_int_equal(udp_receive(u, &packets), 0); /* a pending error is no failure */
        if (round % 3 == 1) /* sometimes nobody reads the queue for a while */
            continue;
        while (udp_next_error(u, &e) == 1) {
            assert_true(address_equal(&e.remote, &dead_addr));
            assert_int_equal(e.error, ECONNREFUSED);
            assert_true(e.icmp);
            assert_int_equal(e.quoted_len, 100);
            assert_true(e.quoted[0] <= round);
            errors++;
        }
    }
    assert_int_equal(got, 250);
    assert_true(errors > 50);
    udp_close(u);
    udp_close(alive);
}

static void a_packet_that_cannot_be_sent_is_reported_and_holds_up_nothing(void **state)
{
    union qhcp_addr addr, alive_addr, nowhere = v4("0.0.0.0");
    struct udp *u = open_at(v4("127.0.0.1"), &addr), *alive = open_at(v4("127.0.0.1"), &alive_addr);
    union qhcp_addr outside = v4("192.0.2.1"); /* from a loopback address there is no way there */
    struct qhcp_packet *room = udp_room(u), last;
    struct udp_error e;

    (void)state;
    (void)nowhere;
    outside.in.sin_port = htons(9);
    fill(&room[0], &alive_addr, 1);
    fill(&room[1], &outside, 2);
    fill(&room[2], &alive_addr, 3);
    assert_int_equal(udp_send(u, 3), 2);
    assert_int_equal(udp_pending(u), 0);
    assert_int_equal(collect(alive, 2, &last), 2);
    assert_int_equal(udp_next_error(u, &e), 1);
    assert_true(address_equal(&e.remote, &outside));
    assert_false(e.icmp);
    assert_int_equal(udp_next_error(u, &e), 0);
    udp_close(u);
    udp_close(alive);
}

static void a_packet_larger_than_any_of_ours_is_dropped(void **state)
{
    union qhcp_addr a_addr, b_addr;
    struct udp *a = open_at(v4("127.0.0.1"), &a_addr), *b = open_at(v4("127.0.0.1"), &b_addr);
    static uint8_t big[9000];
    struct qhcp_packet last = {0};

    (void)state;
    assert_int_equal(sendto(udp_fd(a), big, sizeof(big), 0, &b_addr.sa, sizeof(b_addr.in)),
                     sizeof(big));
    fill(udp_room(a), &b_addr, 5);
    assert_int_equal(udp_send(a, 1), 1);
    assert_int_equal(collect(b, 1, &last), 1);
    assert_int_equal(last.data[0], 5);
    udp_close(a);
    udp_close(b);
}

static void what_the_buffer_had_no_room_for_is_counted(void **state)
{
    union qhcp_addr a_addr, b_addr, at = v4("127.0.0.1");
    struct udp *a = open_at(at, &a_addr), *b = NULL;
    struct qhcp_packet *room, last = {0};
    int sent = 0, received;
    uint32_t dropped;

    (void)state;
    assert_int_equal(udp_open(&at, 4096, &b), 0);
    udp_local(b, &b_addr);
    for (int turn = 0; turn < 2; turn++) {
        room = udp_room(a);
        fill(&room[0], &b_addr, 1);
        assert_int_equal(udp_send(a, 1), 1);
        assert_int_equal(collect(b, 1, &last), 1);
        assert_int_equal(udp_take_dropped(b), 0); /* all had room */
    }
    for (; sent < 10 * UDP_BATCH; sent += UDP_BATCH) {
        room = udp_room(a);
        for (int i = 0; i < UDP_BATCH; i++)
            fill(&room[i], &b_addr, 2);
        assert_int_equal(udp_send(a, UDP_BATCH), UDP_BATCH);
    }
    received = collect(b, sent, &last);
    assert_in_range(received, 1, sent - 1);
    room = udp_room(a);
    fill(&room[0], &b_addr, 3);
    assert_int_equal(udp_send(a, 1), 1); /* a packet tells what was dropped before it */
    assert_int_equal(collect(b, 1, &last), 1);
    dropped = udp_take_dropped(b);
    assert_int_equal(dropped, sent - received);
    assert_int_equal(udp_take_dropped(b), 0);
    udp_close(a);
    udp_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_buffer_had_no_room_for_is_counted),
        cmocka_unit_test(a_batch_arrives_with_both_addresses),
        cmocka_unit_test(a_packet_says_when_it_came),
        cmocka_unit_test(version_six_works_alike_and_alone),
        cmocka_unit_test(a_port_in_use_is_said_to_be),
        cmocka_unit_test(a_dead_peers_icmp_costs_the_innocent_nothing),
        cmocka_unit_test(a_packet_that_cannot_be_sent_is_reported_and_holds_up_nothing),
        cmocka_unit_test(a_packet_larger_than_any_of_ours_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
