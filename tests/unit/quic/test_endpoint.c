/* Endpoints: many connections, restarts, ICMP, how things end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <ngtcp2/ngtcp2_crypto_gnutls.h>
#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

#include <qhcp/error.h>

static void close_words_and_code_reach_the_other_side(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"last words", 10), 0);
    quic_conn_close(p.client.conn, 0x110, "stopping\n\xff");
    quic_conn_close(p.client.conn, 0x111, "too late");
    assert_int_equal(p.client.closed, 0); /* from the next quic_send */
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_CLOSED_BY_US);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.server.why.end, QUIC_END_CLOSED_BY_PEER);
    assert_true(p.server.why.application);
    assert_int_equal(p.server.why.code, 0x110);
    assert_string_equal(p.server.why.words, "stopping??");
    assert_int_equal(p.server.control_size, 10);
    assert_int_equal(quic_conn_count(p.client.endpoint) + quic_conn_count(p.server.endpoint), 0);
    world_pair_deinit(&p);
}

static void close_in_handler(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n, (void)p, (void)size;
    quic_conn_close(c, 0x102, "unexpected");
    assert_int_equal(quic_conn_datagram(c, p, size, 7), 0);
}

static void a_handler_may_close_its_connection(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.on_datagram = close_in_handler;
    pair_connect(&p);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"y", 1, 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.datagrams, 1);
    assert_int_equal(p.server.closed, 1);
    assert_int_equal(p.client.why.code, 0x102);
    world_pair_deinit(&p);
}

static void a_server_that_is_not_there_times_out(void **state)
{
    qhcp_nsec start;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.deaf = true;
    start = p.world.now;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 4 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 0);
    world_run(&p.world, 2 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_HANDSHAKE);
    assert_string_equal(p.client.why.words, "no answer to the handshake in time");
    assert_true(p.world.now - start < 10 * NSEC_PER_SEC);
    world_pair_deinit(&p);
}

static void restart_server(struct pair *p, uint8_t reset_key)
{
    struct quic_endpoint_config config = world_server_config();

    config.reset_key[0] = reset_key;
    world_restart(&p->world, &p->server, &config, p->server_tls);
}

static void a_restarted_server_resets_at_once(void **state)
{
    struct quic_stats stats;
    qhcp_nsec start;
    struct pair p;
    uint8_t request[3] = {0}; /* the shortest that provokes */

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    restart_server(&p, 1);
    start = p.world.now;
    assert_int_equal(quic_conn_datagram(p.client.conn, request, sizeof(request), 0), 0);
    world_run(&p.world, 5 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_RESET);
    assert_true(p.world.now - start <= 5 * NSEC_PER_MSEC);
    quic_get_stats(p.server.endpoint, &stats);
    assert_int_equal(stats.resets_sent, 1);
    world_pair_deinit(&p);
}

static void dial_again(struct node *n, struct quic_conn *c)
{
    (void)c;
    if (n->closed < 3)
        world_dial(n, n->world->nodes[0], "a.example");
}

static void the_closed_handler_may_dial_again(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.client.on_closed = dial_again;
    restart_server(&p, 1);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"xyz", 3, 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.why.end, QUIC_END_RESET);
    assert_int_equal(p.client.connected, 2);
    assert_int_equal(p.server.connected, 2);
    assert_int_equal(quic_conn_count(p.client.endpoint), 1);
    world_pair_deinit(&p);
}

static void a_dial_can_be_given_up(void **state)
{
    struct quic_conn *c;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    c = world_dial(&p.client, &p.server, "a.example");
    quic_conn_close(c, 1, "changed my mind");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_CLOSED_BY_US);
    c = world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, p.world.delay * 2 - 1, NULL); /* the server has begun */
    quic_conn_close(c, 1, "again");
    world_run(&p.world, 20 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 2);
    assert_int_equal(p.server.connected, 0);
    assert_int_equal(quic_conn_count(p.server.endpoint), 0);
    world_pair_deinit(&p);
}

static void close_at_once(struct node *n, struct quic_conn *c)
{
    (void)n;
    quic_conn_close(c, 3, "not you");
}

static void the_connected_handler_may_close(void **state)
{
    struct pair p;

    (void)state;
    for (unsigned side = 0; side < 2; side++) {
        world_pair_init(&p);
        *(side ? &p.client.on_connected : &p.server.on_connected) = close_at_once;
        world_dial(&p.client, &p.server, "a.example");
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(p.client.closed, 1);
        assert_int_equal(p.server.closed, 1);
        assert_string_equal(p.client.why.words, "not you");
        world_pair_deinit(&p);
    }
}

static void a_reset_with_anothers_key_is_ignored(void **state)
{
    struct quic_stats stats;
    struct pair p;
    uint8_t request[8] = {0};

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    restart_server(&p, 99);
    assert_int_equal(quic_conn_datagram(p.client.conn, request, sizeof(request), 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    quic_get_stats(p.server.endpoint, &stats);
    assert_int_equal(stats.resets_sent, 1);
    assert_int_equal(p.client.closed, 0);
    world_pair_deinit(&p);
}

/* GnuTLS adds to a session's protocols, never replaces them: a session of the test's own. */
static void dial_with_alpn(struct pair *p, const char *alpn)
{
    gnutls_datum_t protocol = {.data = (unsigned char *)(uintptr_t)alpn,
                               .size = (unsigned)strlen(alpn)};
    struct quic_conn *c = world_dial(&p->client, &p->server, "a.example");
    gnutls_certificate_credentials_t credentials;

    gnutls_deinit(c->session);
    assert_int_equal(gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
    assert_int_equal(ngtcp2_crypto_gnutls_configure_client_session(c->session), 0);
    assert_int_equal(gnutls_certificate_allocate_credentials(&credentials), 0);
    gnutls_session_set_ptr(c->session, &c->ref);
    gnutls_priority_set_direct(c->session, "NORMAL:-VERS-ALL:+VERS-TLS1.3", NULL);
    gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, credentials);
    if (alpn[0] != '\0')
        gnutls_alpn_set_protocols(c->session, &protocol, 1, 0);
    ngtcp2_conn_set_tls_native_handle(c->ng, c->session);
    p->client.closed = p->server.closed = p->server.accepted = 0;
    world_run(&p->world, NSEC_PER_SEC, NULL);
    assert_int_equal(p->client.connected, 0);
    assert_int_equal(p->server.connected, 0);
    assert_int_equal(p->client.closed, 1);
    if (p->client.why.end != QUIC_END_ALPN)
        fail_msg("\"%s\": %s", alpn, p->client.why.words);
    gnutls_certificate_free_credentials(credentials);
}

static void a_peer_of_another_protocol_is_refused(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    dial_with_alpn(&p, "h3");
    dial_with_alpn(&p, "qhcp/2");
    dial_with_alpn(&p, "");
    pair_connect(&p);
    world_pair_deinit(&p);
}

static unsigned suspects, certainties;

static void suspect(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain)
{
    (void)ctx, (void)c, (void)now;
    suspects++;
    certainties += certain;
}

static void icmp_ends_a_dial_and_only_reports_a_connection(void **state)
{
    uint8_t quoted[40] = {0x40};
    struct quic_conn *c;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    suspects = certainties = 0;
    c = pair_connect(&p);
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, NULL, 0, suspect);
    assert_int_equal(suspects, 1);
    assert_int_equal(certainties, 1); /* our own machine's word */
    /* A quoted packet with another connection ID was not this one's. */
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, quoted, 40, suspect);
    assert_int_equal(suspects, 1);
    memcpy(quoted + 1, ngtcp2_conn_get_dcid(c->ng)->data, QUIC_SERVER_CID);
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, quoted, 40, suspect);
    assert_int_equal(suspects, 2);
    assert_int_equal(certainties, 2);
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, quoted, QUIC_SERVER_CID,
                     suspect); /* a byte too little to tell */
    assert_int_equal(suspects, 3);
    assert_int_equal(certainties, 2);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 0);
    quic_unreachable(p.client.endpoint, p.world.now, &p.client.addr, NULL, 0, suspect);
    assert_int_equal(suspects, 3);

    p.server.deaf = true;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, NULL, 0, suspect);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_UNREACHABLE);
    world_pair_deinit(&p);
}

/* Off the path nobody knows the dial's connection ID. */
static void a_dial_is_ended_only_by_icmp_that_quotes_its_id(void **state)
{
    uint8_t quoted[40] = {0xc0, 0, 0, 0, 1};
    struct quic_conn *c;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.deaf = true;
    c = world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    memcpy(quoted + 6, ngtcp2_conn_get_dcid(c->ng)->data, ngtcp2_conn_get_dcid(c->ng)->datalen);
    for (size_t n = 0; n < 6 + ngtcp2_conn_get_dcid(c->ng)->datalen; n++)
        quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, quoted, n, suspect);
    quoted[6] ^= 1;
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, quoted, 40, suspect);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.closed, 0);
    quoted[6] ^= 1;
    quic_unreachable(p.client.endpoint, p.world.now, &p.server.addr, quoted, 40, suspect);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_UNREACHABLE);
    world_pair_deinit(&p);
}

static void a_client_behind_a_new_address_is_still_known(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.client.addr.in.sin_port = htons(5555); /* its NAT has forgotten it */
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
    }
    assert_int_equal(p.server.datagrams, 5);
    assert_int_equal(p.server.accepted, 1);
    assert_int_equal(quic_conn_datagram(p.server.conn, (const uint8_t *)"x", 1, 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.datagrams, 1);
    world_pair_deinit(&p);
}

#define MANY 2000

static void reply(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n;
    assert_int_equal(quic_conn_datagram(c, p, size, 0), 0);
}

static void thousands_of_connections_share_an_endpoint(void **state)
{
    static struct quic_conn *conns[MANY];
    struct pair p;
    uint64_t before;

    (void)state;
    world_pair_init(&p);
    for (unsigned i = 0; i < MANY; i++) {
        conns[i] = world_dial(&p.client, &p.server, "a.example");
        if (i % 50 == 0)
            world_run(&p.world, NSEC_PER_MSEC, NULL);
    }
    world_run(&p.world, 5 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.connected, MANY);
    assert_int_equal(p.server.connected, MANY);
    assert_int_equal(quic_conn_count(p.server.endpoint), MANY);
    p.server.on_datagram = reply;
    before = p.client.received;
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++)
            assert_int_equal(quic_conn_datagram(conns[i], (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
    }
    assert_int_equal(p.client.datagrams, 3 * MANY);
    assert_true(p.client.received - before >= 3 * MANY);
    for (unsigned i = 0; i < MANY; i += 2)
        quic_conn_close(conns[i], 0, "");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_count(p.server.endpoint), MANY / 2);
    assert_int_equal(quic_conn_count(p.client.endpoint), MANY / 2);
    /* Of ours, besides what ngtcp2 and GnuTLS take. */
    assert_true(sizeof(struct quic_conn) < 4096);
    world_pair_deinit(&p);
}

static void new_credentials_are_for_new_connections(void **state)
{
    struct cert fresh;
    struct quic_tls *tls;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    fresh = cert_make(&(struct cert_spec){.cn = "b", .dns = {"b.example"}, .issuer = &p.ca});
    tls = world_tls(&(struct quic_tls_config){.cert_pem = fresh.pem, .key_pem = fresh.key});
    quic_endpoint_set_tls(p.server.endpoint, tls);
    quic_tls_unref(tls);
    world_dial(&p.client, &p.server, "b.example");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.connected, 2);
    assert_int_equal(p.client.closed, 0);
    cert_free(&fresh);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_words_and_code_reach_the_other_side),
        cmocka_unit_test(a_handler_may_close_its_connection),
        cmocka_unit_test(a_server_that_is_not_there_times_out),
        cmocka_unit_test(a_restarted_server_resets_at_once),
        cmocka_unit_test(the_closed_handler_may_dial_again),
        cmocka_unit_test(a_dial_can_be_given_up),
        cmocka_unit_test(the_connected_handler_may_close),
        cmocka_unit_test(a_reset_with_anothers_key_is_ignored),
        cmocka_unit_test(a_peer_of_another_protocol_is_refused),
        cmocka_unit_test(icmp_ends_a_dial_and_only_reports_a_connection),
        cmocka_unit_test(a_dial_is_ended_only_by_icmp_that_quotes_its_id),
        cmocka_unit_test(a_client_behind_a_new_address_is_still_known),
        cmocka_unit_test(thousands_of_connections_share_an_endpoint),
        cmocka_unit_test(new_credentials_are_for_new_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
