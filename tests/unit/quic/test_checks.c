/* What a check costs and how it fails: packets, held acknowledgements, a silent peer, loss. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "world.h"

#include <qhcp/error.h>

static void answer(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    uint8_t reply[60] = {0};

    (void)p, (void)size;
    (void)n;
    assert_int_equal(quic_conn_datagram(c, reply, sizeof(reply), 0), 0);
}

static void hold(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n, (void)p, (void)size;
    quic_conn_hold_ack(c);
}

static uint64_t packets(const struct pair *p)
{
    return p->client.sent + p->server.sent;
}

static void check(struct pair *p, qhcp_nsec interval, unsigned times)
{
    uint8_t request[12] = {0};

    for (unsigned i = 0; i < times; i++) {
        assert_int_equal(quic_conn_datagram(p->client.conn, request, sizeof(request), i + 1), 0);
        world_run(&p->world, interval, NULL);
    }
}

static void a_check_a_second_costs_two_packets(void **state)
{
    struct pair p;
    uint64_t before;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    p.client.on_datagram = hold;
    pair_connect(&p);
    check(&p, NSEC_PER_SEC, 5);
    before = packets(&p);
    check(&p, NSEC_PER_SEC, 60);
    assert_int_equal(packets(&p) - before, 120);
    assert_int_equal(p.client.datagrams, 65);
    assert_int_equal(p.client.fates[QUIC_FATE_ACKED], 65);
    world_pair_deinit(&p);
}

static void without_the_hold_a_check_costs_three_packets(void **state)
{
    struct pair p;
    uint64_t before;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    pair_connect(&p);
    check(&p, NSEC_PER_SEC, 5);
    before = packets(&p);
    check(&p, NSEC_PER_SEC, 60);
    assert_int_equal(packets(&p) - before, 180);
    world_pair_deinit(&p);
}

static void two_packets_hold_at_other_intervals_too(void **state)
{
    static const qhcp_nsec intervals[] = {5 * NSEC_PER_MSEC, 200 * NSEC_PER_MSEC,
                                          10 * NSEC_PER_SEC};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct pair p;
        uint64_t before;

        world_pair_init(&p);
        p.server.on_datagram = answer;
        p.client.on_datagram = hold;
        pair_connect(&p);
        check(&p, intervals[i], 5);
        before = packets(&p);
        check(&p, intervals[i], 40);
        assert_in_range(packets(&p) - before, 80, 82);
        world_pair_deinit(&p);
    }
}

static void a_held_acknowledgement_wakes_nobody(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    p.client.on_datagram = hold;
    pair_connect(&p);
    check(&p, NSEC_PER_SEC, 5);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_true(quic_deadline(p.client.endpoint) > p.world.now + 2 * NSEC_PER_SEC);
    world_pair_deinit(&p);
}

/* With checks every 10 s and more, the hold outlasts its own limit. */
static void nor_does_one_that_is_held_for_longer_than_its_limit(void **state)
{
    struct pair p;
    unsigned woken = 0;
    qhcp_nsec end;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    p.client.on_datagram = hold;
    pair_connect(&p);
    check(&p, NSEC_PER_SEC, 5);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    for (end = p.world.now + 12 * NSEC_PER_SEC; quic_deadline(p.client.endpoint) < end; woken++) {
        qhcp_nsec at = nsec_max(quic_deadline(p.client.endpoint), p.world.now);

        world_run(&p.world, at - p.world.now + 1, NULL);
        if (woken > 100)
            break;
    }
    assert_in_range(woken, 1, 8);
    world_pair_deinit(&p);
}

static void what_nobody_asked_for_is_acknowledged_at_once(void **state)
{
    struct pair p;
    uint64_t before;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    before = p.client.sent;
    assert_int_equal(quic_conn_datagram(p.server.conn, (const uint8_t *)"push", 4, 5), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.sent - before, 1);
    assert_int_equal(p.server.fates[QUIC_FATE_ACKED], 1);
    assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.control_acked, 1);
    assert_int_equal(quic_conn_write(p.server.conn, (const uint8_t *)"x", 1), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.control_acked, 1);
    world_pair_deinit(&p);
}

static void a_push_beside_a_solicited_answer_is_not_held_back(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    p.client.on_datagram = hold;
    pair_connect(&p);
    check(&p, NSEC_PER_SEC, 2);
    p.client.on_datagram = NULL;
    assert_int_equal(quic_conn_datagram(p.server.conn, (const uint8_t *)"push", 4, 5), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.fates[QUIC_FATE_ACKED], 1);
    world_pair_deinit(&p);
}

static void a_probe_makes_the_acknowledgement_of_a_held_answer_come(void **state)
{
    struct pair p;
    uint64_t client, server;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    client = p.client.sent;
    server = p.server.sent;
    quic_conn_probe(p.server.conn);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    /* The PING, its acknowledgement, and at most one more where that elicits one in turn. */
    assert_in_range(p.server.sent - server, 1, 2);
    assert_int_equal(p.client.sent - client, 1);
    world_pair_deinit(&p);
}

static void a_silent_peer_fills_the_window_and_probes_are_refused_not_lost(void **state)
{
    struct quic_stats stats;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    p.client.on_datagram = hold;
    pair_connect(&p);
    p.server.deaf = true;
    check(&p, 10 * NSEC_PER_MSEC, 600);
    quic_get_stats(p.client.endpoint, &stats);
    assert_true(stats.datagrams_refused > 100);
    assert_int_equal(stats.datagrams_refused, p.client.fates[QUIC_FATE_REFUSED]);
    assert_int_equal(p.client.fates[QUIC_FATE_ACKED], 0);
    assert_int_equal(p.client.closed, 0);
    /* Awake again, the window opens and checks are answered. */
    p.server.deaf = false;
    world_run(&p.world, 60 * NSEC_PER_SEC, NULL);
    check(&p, NSEC_PER_SEC, 3);
    assert_true(p.client.datagrams >= 3);
    world_pair_deinit(&p);
}

static void a_full_queue_and_bad_datagrams_are_refused_at_once(void **state)
{
    static uint8_t big[LIMIT_DATAGRAM + 1];
    struct quic_conn *c;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    c = world_dial(&p.client, &p.server, "a.example");
    assert_int_equal(quic_conn_datagram(c, big, 1, 0), QHCP_E_DATAGRAM); /* not connected yet */
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_datagram(c, big, 0, 0), QHCP_E_ARG);
    assert_int_equal(quic_conn_datagram(c, big, LIMIT_DATAGRAM + 1, 0), QHCP_E_ARG);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(quic_conn_datagram(c, big, 1, 0), 0);
    assert_int_equal(quic_conn_datagram(c, big, 1, 0), QHCP_E_FULL);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.datagrams, 8);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(quic_conn_datagram(c, big, LIMIT_DATAGRAM, 0), 0);
    assert_int_equal(quic_conn_datagram(c, big, LIMIT_DATAGRAM, 0), QHCP_E_FULL);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.datagrams, 10);
    world_pair_deinit(&p);
}

static bool both_have_all(struct world *w)
{
    return w->nodes[0]->control_size >= 1000 && w->nodes[1]->control_size >= 1000;
}

static void echo(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n;
    assert_int_equal(quic_conn_write(c, p, size), 0);
}

static bool echoed(struct world *w)
{
    return w->nodes[1]->control_size >= w->tapped;
}

/* Trap 2: with a max_ack_delay of 16 s ngtcp2 alone would take half a minute for a lost packet of a
 * server. */
static void lost_control_data_is_repaired_within_a_few_round_trips(void **state)
{
    qhcp_nsec worst = 0, total = 0;
    unsigned rounds = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair p;

        world_pair_init(&p);
        p.world.random = seed * 77;
        p.world.delay = NSEC_PER_MSEC;
        p.server.on_control = echo;
        pair_connect(&p);
        p.world.loss = 200;
        for (unsigned i = 1; i <= 20; i++) {
            qhcp_nsec start = p.world.now;

            p.world.tapped = i;
            assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"x", 1), 0);
            world_run(&p.world, 10 * NSEC_PER_SEC, echoed);
            assert_true(echoed(&p.world));
            worst = nsec_max(worst, p.world.now - start);
            total += p.world.now - start;
            rounds++;
        }
        world_pair_deinit(&p);
    }
    print_message("# echo at 20 %% loss, RTT 2 ms: mean %llu us, worst %llu us\n",
                  (unsigned long long)(total / rounds / 1000), (unsigned long long)(worst / 1000));
    assert_true(total / rounds < 40 * NSEC_PER_MSEC);
    assert_true(worst < 1000 * NSEC_PER_MSEC);
}

static void a_session_survives_loss_duplication_and_reordering(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        uint8_t bytes[1000];
        struct pair p;

        world_pair_init(&p);
        p.world.random = seed;
        p.world.loss = 200;
        p.world.duplicate = 100;
        p.world.jitter = 5 * NSEC_PER_MSEC;
        p.server.on_datagram = answer;
        p.client.on_datagram = hold;
        p.server.on_control = echo;
        world_dial(&p.client, &p.server, "a.example");
        for (unsigned i = 0; i < 5 && !p.client.connected; i++)
            world_run(&p.world, NSEC_PER_SEC, NULL);
        if (!p.client.connected)
            fail_msg("seed %llu: no handshake: %s", (unsigned long long)seed, p.client.why.words);
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)i;
        for (size_t i = 0; i < sizeof(bytes); i += 100)
            assert_int_equal(quic_conn_write(p.client.conn, bytes + i, 100), 0);
        check(&p, 100 * NSEC_PER_MSEC, 20);
        world_run(&p.world, 5 * NSEC_PER_SEC, both_have_all);
        assert_int_equal(p.client.control_size, 1000);
        assert_memory_equal(p.client.control, bytes, 1000);
        assert_memory_equal(p.server.control, bytes, 1000);
        assert_true(p.client.datagrams > 3);
        assert_int_equal(p.client.closed, 0);
        world_pair_deinit(&p);
    }
}

static void unanswered_probes_of_control_data_end(void **state)
{
    struct pair p;
    uint64_t sent;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.server.deaf = true;
    assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"x", 1), 0);
    world_run(&p.world, 3 * NSEC_PER_SEC, NULL);
    sent = p.client.sent;
    world_run(&p.world, 3 * NSEC_PER_SEC, NULL);
    assert_true(p.client.sent - sent <= 2);
    /* The peer is back: what ngtcp2 sends next brings the rest. */
    p.server.deaf = false;
    world_run(&p.world, 60 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.control_size, 1);
    assert_int_equal(p.client.control_acked, 1);
    world_pair_deinit(&p);
}

static void a_connection_without_checks_stays_alive_and_dies_with_its_peer(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    world_run(&p.world, 600 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed + p.server.closed, 0);
    p.server.deaf = true;
    world_run(&p.world, 300 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_IDLE);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.server.why.end, QUIC_END_IDLE);
    world_pair_deinit(&p);
}

/* Trap 5: the owner's clock may be read twice in the wrong order. */
static void time_that_runs_backwards_harms_nothing(void **state)
{
    struct pair p;
    uint8_t byte = 1;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = answer;
    p.client.on_datagram = hold;
    pair_connect(&p);
    check(&p, NSEC_PER_SEC, 2);
    p.world.now -= NSEC_PER_SEC;
    assert_int_equal(quic_conn_datagram(p.client.conn, &byte, 1, 0), 0);
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.datagrams, 3);
    quic_expire(p.client.endpoint, 5);
    assert_int_equal(p.client.closed, 0);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_a_second_costs_two_packets),
        cmocka_unit_test(without_the_hold_a_check_costs_three_packets),
        cmocka_unit_test(two_packets_hold_at_other_intervals_too),
        cmocka_unit_test(a_held_acknowledgement_wakes_nobody),
        cmocka_unit_test(nor_does_one_that_is_held_for_longer_than_its_limit),
        cmocka_unit_test(what_nobody_asked_for_is_acknowledged_at_once),
        cmocka_unit_test(a_push_beside_a_solicited_answer_is_not_held_back),
        cmocka_unit_test(a_probe_makes_the_acknowledgement_of_a_held_answer_come),
        cmocka_unit_test(a_silent_peer_fills_the_window_and_probes_are_refused_not_lost),
        cmocka_unit_test(a_full_queue_and_bad_datagrams_are_refused_at_once),
        cmocka_unit_test(lost_control_data_is_repaired_within_a_few_round_trips),
        cmocka_unit_test(a_session_survives_loss_duplication_and_reordering),
        cmocka_unit_test(unanswered_probes_of_control_data_end),
        cmocka_unit_test(a_connection_without_checks_stays_alive_and_dies_with_its_peer),
        cmocka_unit_test(time_that_runs_backwards_harms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
