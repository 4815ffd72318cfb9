/* The TLS session goes as soon as its ticket and its exported value are taken, and what a peer says
 * to TLS afterwards harms nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

#include <qhcp/error.h>

#define LABEL "EXPORTER-test"

static uint8_t client_value[32], server_value[32];

static void export_client(struct node *n, struct quic_conn *c)
{
    (void)n;
    assert_int_equal(quic_conn_export(c, LABEL, client_value, sizeof(client_value)), 0);
}

static void export_server(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n, (void)p, (void)size;
    assert_int_equal(quic_conn_export(c, LABEL, server_value, sizeof(server_value)), 0);
}

/* As QHCP does it: the client exports for HELLO, the server when HELLO has come. */
static void meet(struct pair *p)
{
    p->client.on_connected = export_client;
    p->server.on_control = export_server;
    world_dial(&p->client, &p->server, "a.example");
    world_run(&p->world, NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_write(p->client.conn, (const uint8_t *)"HELLO", 5), 0);
    world_run(&p->world, NSEC_PER_SEC / 10, NULL);
}

static void assert_alive(struct pair *p)
{
    unsigned before = p->server.datagrams;

    assert_int_equal(quic_conn_datagram(p->client.conn, (const uint8_t *)"x", 1, 0), 0);
    world_run(&p->world, NSEC_PER_SEC, NULL);
    assert_int_equal(p->server.datagrams, before + 1);
    assert_int_equal(p->client.closed + p->server.closed, 0);
}

static void say(struct pair *p, bool server, const uint8_t *message, size_t n)
{
    struct quic_conn *liar = server ? p->server.conn : p->client.conn;

    assert_int_equal(
        ngtcp2_conn_submit_crypto_data(liar->ng, NGTCP2_ENCRYPTION_LEVEL_1RTT, message, n), 0);
    quic_conn_wake(liar);
    world_run(&p->world, NSEC_PER_SEC, NULL);
}

static void it_goes_when_all_is_taken(void **state)
{
    uint8_t again[32];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    meet(&p);
    assert_int_equal(p.client.tickets, 1);
    assert_null(p.client.conn->session);
    assert_null(p.server.conn->session);
    assert_memory_equal(client_value, server_value, sizeof(client_value));
    assert_int_equal(quic_conn_export(p.client.conn, LABEL, again, sizeof(again)), 0);
    assert_memory_equal(again, client_value, sizeof(again));
    assert_int_equal(quic_conn_export(p.client.conn, "another", again, sizeof(again)), QHCP_E_TLS);
    /* Keys change without TLS. */
    assert_int_equal(ngtcp2_conn_initiate_key_update(p.client.conn->ng, p.world.now), 0);
    for (unsigned i = 0; i < 3; i++)
        assert_alive(&p);
    /* The ticket that was taken resumes. */
    quic_conn_close(p.client.conn, 0, "");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    world_dial_with(&p.client, &p.server, "a.example", p.client.ticket, p.client.ticket_size);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_true(p.client.resumed);
    world_pair_deinit(&p);
}

static void it_stays_while_the_exporter_is_wanted(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    assert_alive(&p);
    assert_non_null(p.client.conn->session);
    assert_non_null(p.server.conn->session);
    export_client(&p.client, p.client.conn);
    export_server(&p.server, p.server.conn, NULL, 0);
    assert_alive(&p);
    assert_null(p.client.conn->session);
    assert_null(p.server.conn->session);
    world_pair_deinit(&p);
}

/* Bytes of CRYPTO that come afterwards: tickets, whole, in pieces and without end, are dropped; all
 * else ends the connection, as it does while there is a session. */
static void late_tickets_are_dropped(void **state)
{
    static uint8_t ticket[4 + 16384] = {4, 0, 0x40, 0};
    struct pair p;

    (void)state;
    world_pair_init(&p);
    meet(&p);
    for (unsigned i = 0; i < 8; i++)
        say(&p, true, ticket, sizeof(ticket));
    for (unsigned i = 0; i < 4; i++)
        say(&p, true, ticket + i, 1);
    assert_int_equal(p.client.tickets, 1);
    assert_alive(&p);
    world_pair_deinit(&p);
}

static void other_late_messages_end_the_connection(void **state)
{
    static const struct {
        bool server; /* the liar */
        uint8_t type;
        uint64_t code;
    } rows[] = {
        {true, 13, NGTCP2_PROTOCOL_VIOLATION}, /* CertificateRequest (RFC 9001, 4.4) */
        {true, 24, 0x10a},                     /* KeyUpdate (RFC 9001, 6) */
        {true, 20, 0x10a},                     /* Finished, once more */
        {false, 24, 0x10a},
        {false, 4, 0x10a}, /* a client has no tickets to give */
        {false, 1, 0x10a},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const uint8_t message[] = {rows[i].type, 0, 0, 1, 0};
        struct node *victim;
        struct pair p;

        world_pair_init(&p);
        meet(&p);
        victim = rows[i].server ? &p.client : &p.server;
        assert_null(victim->conn->session);
        say(&p, rows[i].server, message, sizeof(message));
        assert_int_equal(victim->closed, 1);
        assert_int_equal(victim->why.code, rows[i].code);
        world_pair_deinit(&p);
    }
}

/* A ticket that never comes is waited for, not for ever. */
static void a_missing_ticket_is_waited_for_a_while(void **state)
{
    struct quic_handlers none;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    none = *p.client.endpoint->config.handlers;
    none.ticket = NULL; /* as if it had not come */
    p.client.endpoint->config.handlers = &none;
    meet(&p);
    assert_null(p.server.conn->session);
    assert_non_null(p.client.conn->session);
    for (unsigned i = 0; i < 3; i++)
        assert_alive(&p);
    assert_null(p.client.conn->session);
    world_pair_deinit(&p);
}

static bool lose_some(struct world *w, struct node *from, const struct qhcp_packet *packet)
{
    return from != w->nodes[0] || (packet->data[0] & 0x80) || w->tapped++ >= 3;
}

static void a_ticket_that_was_lost_and_comes_again_is_taken(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.world.tap = lose_some; /* the server's first 1-RTT packets */
    meet(&p);
    assert_true(p.world.tapped > 3);
    assert_int_equal(p.client.tickets, 1);
    assert_alive(&p);
    assert_null(p.client.conn->session);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_when_all_is_taken),
        cmocka_unit_test(it_stays_while_the_exporter_is_wanted),
        cmocka_unit_test(late_tickets_are_dropped),
        cmocka_unit_test(other_late_messages_end_the_connection),
        cmocka_unit_test(a_missing_ticket_is_waited_for_a_while),
        cmocka_unit_test(a_ticket_that_was_lost_and_comes_again_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
