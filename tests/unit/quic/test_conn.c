/* Handshakes, the control stream, datagrams and how a connection ends. */
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

static void a_handshake_connects_both_sides(void **state)
{
    struct pair p;
    struct quic_conn *c;

    (void)state;
    world_pair_init(&p);
    c = pair_connect(&p);
    assert_int_equal(p.client.connected, 1);
    assert_int_equal(p.server.accepted, 1);
    assert_int_equal(p.server.connected, 1);
    assert_int_equal(p.client.tickets, 1);
    assert_true(quic_conn_takes_datagrams(c));
    assert_true(quic_conn_peer_expires(c) > 0);
    assert_true(quic_conn_srtt(c) < 2 * NSEC_PER_MSEC);
    assert_ptr_equal(quic_conn_user(c), &p.client);
    world_pair_deinit(&p);
}

static void the_control_stream_and_datagrams_carry_bytes_both_ways(void **state)
{
    struct pair p;
    struct quic_conn *c;

    (void)state;
    world_pair_init(&p);
    c = pair_connect(&p);
    assert_int_equal(quic_conn_write(c, (const uint8_t *)"hello ", 6), 0);
    assert_int_equal(quic_conn_write(c, (const uint8_t *)"server", 6), 0);
    assert_int_equal(quic_conn_datagram(c, (const uint8_t *)"ping", 4, 9), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_memory_equal(p.server.control, "hello server", 12);
    assert_int_equal(p.server.control_size, 12);
    assert_int_equal(p.server.datagrams, 1);
    assert_int_equal(p.client.fates[QUIC_FATE_ACKED], 1);
    assert_int_equal(p.client.control_acked, 1);
    assert_int_equal(quic_conn_write(p.server.conn, (const uint8_t *)"hello client", 12), 0);
    assert_int_equal(quic_conn_datagram(p.server.conn, (const uint8_t *)"pong", 4, 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_memory_equal(p.client.control, "hello client", 12);
    assert_int_equal(p.client.datagrams, 1);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handshake_connects_both_sides),
        cmocka_unit_test(the_control_stream_and_datagrams_carry_bytes_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
