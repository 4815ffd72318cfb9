/* Knocking at a peer that may be gone: what comes of it when it has restarted, when it was merely
 * cut off, and when it is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#include <qhcp/error.h>

#define ASK "check 17"

static void restart_server(struct pair *p, uint8_t reset_key)
{
    struct quic_endpoint_config config = world_server_config();

    config.reset_key[0] = reset_key;
    world_restart(&p->world, &p->server, &config, p->server_tls);
}

static void answer(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n;
    assert_int_equal(quic_conn_datagram(c, p, size, 0), 0);
}

static void start(struct pair *p)
{
    world_pair_init(p);
    p->server.on_datagram = answer;
    pair_connect(p);
}

static void ask(struct pair *p)
{
    assert_int_equal(quic_conn_datagram(p->client.conn, (const uint8_t *)ASK, strlen(ASK), 0), 0);
    world_run(&p->world, 5 * NSEC_PER_MSEC, NULL);
}

static struct quic_trace *trace(struct pair *p)
{
    struct quic_trace *t = NULL;

    assert_int_equal(quic_conn_trace(p->client.conn, &p->client, &t), 0);
    return t;
}

static void knock(struct pair *p, struct quic_trace *t)
{
    assert_int_equal(quic_trace_knock(t), 0);
    world_run(&p->world, 5 * NSEC_PER_MSEC, NULL);
}

static void a_peer_that_lives_and_had_the_packet_ignores_a_knock(void **state)
{
    struct quic_trace *t;
    struct pair p;

    (void)state;
    start(&p);
    ask(&p);
    assert_int_equal(p.client.datagrams, 1);
    t = trace(&p);
    for (unsigned i = 0; i < 100; i++)
        knock(&p, t);
    assert_int_equal(p.server.datagrams, 1);
    assert_int_equal(p.client.datagrams, 1);
    assert_int_equal(p.client.closed + p.server.closed + p.client.forgotten, 0);
    ask(&p); /* and the connection is as good as before */
    assert_int_equal(p.client.datagrams, 2);
    quic_trace_free(t);
    world_pair_deinit(&p);
}

static void a_peer_that_was_cut_off_answers_a_knock(void **state)
{
    struct quic_trace *t;
    struct pair p;

    (void)state;
    start(&p);
    ask(&p);
    p.server.deaf = true;
    ask(&p);
    t = trace(&p);
    for (unsigned i = 0; i < 100; i++)
        knock(&p, t);
    assert_int_equal(p.client.datagrams, 1);
    p.server.deaf = false;
    knock(&p, t);
    assert_int_equal(p.client.datagrams, 2);
    knock(&p, t);
    assert_int_equal(p.client.datagrams, 2); /* once */
    quic_trace_free(t);
    world_pair_deinit(&p);
}

/* The window is full, so that no packet of the connection's own could provoke anything. */
static void a_knock_finds_a_restart_when_the_window_is_full(void **state)
{
    struct quic_trace *t;
    struct pair p;

    (void)state;
    start(&p);
    p.server.deaf = true;
    for (unsigned i = 0; i < 500; i++)
        ask(&p);
    t = trace(&p);
    restart_server(&p, 1);
    p.server.deaf = false;
    ask(&p);
    assert_int_equal(p.client.closed, 0);
    knock(&p, t);
    assert_int_equal(p.client.closed, 1); /* the connection is told, not what is left of it */
    assert_int_equal(p.client.why.end, QUIC_END_RESET);
    assert_int_equal(p.client.forgotten, 0);
    quic_trace_free(t);
    world_pair_deinit(&p);
}

static struct quic_trace *kept;

static void keep(struct node *n, struct quic_conn *c)
{
    assert_int_equal(quic_conn_trace(c, n, &kept), 0);
}

static void a_trace_outlives_its_connection(void **state)
{
    struct pair p;

    (void)state;
    for (unsigned asked = 0; asked < 2; asked++) { /* with a packet to repeat, and without */
        start(&p);
        if (asked)
            ask(&p);
        p.client.on_closed = keep;
        quic_conn_close(p.server.conn, 0, "going");
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(p.client.closed, 1);
        p.server.deaf = true;
        knock(&p, kept);
        assert_int_equal(p.client.forgotten, 0); /* nobody is there */
        p.server.deaf = false;
        restart_server(&p, 2);
        knock(&p, kept);
        assert_int_equal(p.client.forgotten, 0); /* somebody else is there */
        restart_server(&p, 1);
        knock(&p, kept);
        assert_int_equal(p.client.forgotten, 1);
        quic_trace_free(kept);
        world_pair_deinit(&p);
    }
}

static void a_reset_from_elsewhere_is_none(void **state)
{
    uint8_t packet[42] = {0x40};
    union qhcp_addr elsewhere;
    struct pair p;

    (void)state;
    start(&p);
    ask(&p);
    p.client.on_closed = keep;
    quic_conn_close(p.server.conn, 0, "going");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    elsewhere = p.server.addr;
    elsewhere.in.sin_port ^= 1;
    for (unsigned i = 0; i < 2; i++) {
        world_inject(&p.world, i ? &p.server.addr : &elsewhere, &p.client, packet, sizeof(packet));
        world_run(&p.world, NSEC_PER_MSEC, NULL);
        assert_int_equal(p.client.forgotten, 0);
    }
    quic_trace_free(kept);
    world_pair_deinit(&p);
}

static void only_a_client_that_was_connected_has_a_trace(void **state)
{
    struct quic_trace *t = NULL;
    struct quic_conn *c;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    c = world_dial(&p.client, &p.server, "a.example");
    assert_int_equal(quic_conn_trace(c, &p.client, &t), QHCP_E_UNEXPECTED);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_trace(p.server.conn, &p.server, &t), QHCP_E_UNEXPECTED);
    assert_null(t);
    quic_trace_free(NULL);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_lives_and_had_the_packet_ignores_a_knock),
        cmocka_unit_test(a_peer_that_was_cut_off_answers_a_knock),
        cmocka_unit_test(a_knock_finds_a_restart_when_the_window_is_full),
        cmocka_unit_test(a_trace_outlives_its_connection),
        cmocka_unit_test(a_reset_from_elsewhere_is_none),
        cmocka_unit_test(only_a_client_that_was_connected_has_a_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
