/* After its end a connection is remembered for a while: what comes late is not answered with a
 * reset, which would read as "the server has restarted". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

#define CODE 0x123
#define LATE "a late probe"

static uint64_t resets_of(const struct pair *p)
{
    struct quic_stats stats;

    quic_get_stats(p->server.endpoint, &stats);
    return stats.resets_sent;
}

static void say(struct pair *p)
{
    (void)quic_conn_datagram(p->client.conn, (const uint8_t *)LATE, strlen(LATE), 0);
    world_run(&p->world, 2 * NSEC_PER_MSEC, NULL);
}

/* The newest packet of the client's. */
static uint8_t heard[1500];
static size_t heard_size;

static bool keep(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    (void)w;
    if (from->addr.in.sin_addr.s_addr == htonl(0x0a000002)) {
        memcpy(heard, p->data, p->len);
        heard_size = p->len;
    }
    return true;
}

static void a_late_packet_is_answered_with_the_close_again(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.client.deaf = true; /* the close is lost */
    quic_conn_close(p.server.conn, CODE, "no");
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(quic_conn_count(p.server.endpoint), 0);
    p.client.deaf = false;
    say(&p);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_CLOSED_BY_PEER);
    assert_int_equal(p.client.why.code, CODE);
    assert_string_equal(p.client.why.words, "no");
    assert_int_equal(resets_of(&p), 0);
    world_pair_deinit(&p);
}

/* Both ways: a load balancer's leave that is lost is repeated too. */
static void a_clients_close_is_repeated_too(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.server.deaf = true;
    quic_conn_close(p.client.conn, CODE, "left");
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    p.server.deaf = false;
    assert_int_equal(quic_conn_datagram(p.server.conn, (const uint8_t *)LATE, strlen(LATE), 0), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.server.why.code, CODE);
    world_pair_deinit(&p);
}

static void the_answers_become_fewer(void **state)
{
    struct pair p;
    uint64_t sent;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.world.tap = keep;
    p.client.deaf = true;
    say(&p);
    quic_conn_close(p.server.conn, CODE, "no");
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    sent = p.server.sent;
    for (unsigned i = 0; i < 1000; i++) {
        world_inject(&p.world, &p.client.addr, &p.server, heard, heard_size);
        world_run(&p.world, NSEC_PER_MSEC, NULL);
    }
    assert_int_equal(p.server.sent - sent, 10); /* to the first, second, fourth, ... 512th */
    assert_int_equal(resets_of(&p), 0);
    /* From elsewhere nobody is answered, with this or a reset. */
    p.client.addr.in.sin_port++;
    sent = p.server.sent;
    for (unsigned i = 0; i < 100; i++)
        world_inject(&p.world, &p.client.addr, &p.server, heard, heard_size);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.sent, sent);
    world_pair_deinit(&p);
}

static void what_the_peer_has_closed_is_silent(void **state)
{
    struct pair p;
    uint64_t sent;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.world.tap = keep;
    say(&p);
    p.world.tap = NULL;
    quic_conn_close(p.client.conn, CODE, "left");
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.closed, 1);
    sent = p.server.sent;
    world_inject(&p.world, &p.client.addr, &p.server, heard, heard_size);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.sent, sent);
    /* Its time over, there was no such connection; and the twin: a restart is told at once. */
    world_run(&p.world, 120 * NSEC_PER_SEC, NULL);
    world_inject(&p.world, &p.client.addr, &p.server, heard, heard_size);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(resets_of(&p), 1);
    world_pair_deinit(&p);
}

static void the_number_is_bounded(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    for (unsigned i = 0; i < QUIC_CLOSING_MAX + 10; i++) {
        pair_connect(&p);
        quic_conn_close(p.server.conn, CODE, "no");
        world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    }
    assert_int_equal(p.server.closed, QUIC_CLOSING_MAX + 10);
    assert_int_equal(p.server.endpoint->n_closing, QUIC_CLOSING_MAX);
    assert_true(p.server.endpoint->lookup.count < 8 * QUIC_CLOSING_MAX);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_packet_is_answered_with_the_close_again),
        cmocka_unit_test(a_clients_close_is_repeated_too),
        cmocka_unit_test(the_answers_become_fewer),
        cmocka_unit_test(what_the_peer_has_closed_is_silent),
        cmocka_unit_test(the_number_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
