/* Keys and masks: those of RFC 9001's examples, and connections with each cipher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

/* RFC 9001, A.1 and A.2. */
static void the_first_keys_are_those_of_the_rfc(void **state)
{
    static const uint8_t id[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
    static const struct keys expected = {
        .key = {0x1f, 0x36, 0x96, 0x13, 0xdd, 0x76, 0xd5, 0x46, 0x77, 0x30, 0xef, 0xcb, 0xe3, 0xb1,
                0xa2, 0x2d},
        .iv = {0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c},
        .hp = {0x9f, 0x50, 0x44, 0x9e, 0x04, 0xa0, 0xe8, 0x10, 0x28, 0x3a, 0x1e, 0x99, 0x33, 0xad,
               0xed, 0xd2}};
    static const struct keys expected_server = {
        .key = {0xcf, 0x3a, 0x53, 0x31, 0x65, 0x3c, 0x36, 0x4c, 0x88, 0xf0, 0xf3, 0x79, 0xb6, 0x06,
                0x7e, 0x37},
        .iv = {0x0a, 0xc1, 0x49, 0x3c, 0xa1, 0x90, 0x58, 0x53, 0xb0, 0xbb, 0xa0, 0x3e},
        .hp = {0xc2, 0x06, 0xb8, 0xd9, 0xb9, 0xf0, 0xf3, 0x76, 0x44, 0x43, 0x0b, 0x49, 0x0e, 0xea,
               0xa3, 0x14}};
    static const uint8_t sample[] = {0xd1, 0xb1, 0xc9, 0x8d, 0xd7, 0x68, 0x9f, 0xb8,
                                     0xec, 0x11, 0xd2, 0x42, 0xb1, 0x23, 0xdc, 0x9b};
    static const uint8_t begins[] = {0x43, 0x7b, 0x9a, 0xec, 0x36};
    uint8_t mask[QUIC_INITIAL_SAMPLE];
    struct keys keys, server;

    (void)state;
    quic_initial_derive(id, sizeof(id), &keys, &server);
    assert_memory_equal(&keys, &expected, sizeof(keys));
    assert_memory_equal(&server, &expected_server, sizeof(server));
    quic_initial_mask(&keys, sample, mask);
    assert_memory_equal(mask, begins, sizeof(begins));
}

static void assert_heard(struct pair *p, bool server)
{
    struct node *from = server ? &p->server : &p->client, *to = server ? &p->client : &p->server;
    unsigned before = to->datagrams;

    assert_int_equal(quic_conn_datagram(from->conn, (const uint8_t *)"x", 1, 0), 0);
    world_run(&p->world, NSEC_PER_SEC, NULL);
    assert_int_equal(to->datagrams, before + 1);
    assert_int_equal(to->closed, 0);
}

static bool has_mask(const struct quic_conn *c)
{
    static const struct aes128_ctx none;

    return memcmp(&c->rx_mask, &none, sizeof(none)) != 0 &&
           memcmp(&c->tx_mask, &none, sizeof(none)) != 0;
}

/* A connection with this cipher alone; before and after a change of keys, which changes no mask. */
static void assert_works(const char *cipher, gnutls_cipher_algorithm_t algorithm, bool ours)
{
    char priorities[128];
    struct pair p;

    world_pair_init(&p);
    snprintf(priorities, sizeof(priorities),
             "NORMAL:-VERS-ALL:+VERS-TLS1.3:%%DISABLE_TLS13_COMPAT_MODE:-CIPHER-ALL:+%s", cipher);
    assert_non_null(world_dial(&p.client, &p.server, "a.example"));
    assert_int_equal(
        gnutls_priority_set_direct(p.client.endpoint->conns->session, priorities, NULL), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.connected, 1);
    assert_int_equal(gnutls_cipher_get(p.client.conn->session), algorithm);
    assert_int_equal(has_mask(p.client.conn), ours);
    assert_int_equal(has_mask(p.server.conn), ours);
    assert_heard(&p, false);
    assert_heard(&p, true);
    assert_int_equal(ngtcp2_conn_initiate_key_update(p.client.conn->ng, p.world.now), 0);
    assert_heard(&p, false);
    assert_heard(&p, true);
    world_pair_deinit(&p);
}

static void each_cipher_works_and_aes_128_has_a_mask_of_ours(void **state)
{
    (void)state;
    assert_works("AES-128-GCM", GNUTLS_CIPHER_AES_128_GCM, true);
    assert_works("AES-256-GCM", GNUTLS_CIPHER_AES_256_GCM, false);
    assert_works("CHACHA20-POLY1305", GNUTLS_CIPHER_CHACHA20_POLY1305, false);
}

/* One cipher tells for all connections of an endpoint whether a Retry is one; it outlives each. */
static void connections_share_the_cipher_for_retry(void **state)
{
    struct quic_endpoint_config config = world_server_config();
    struct quic_stats stats;
    const void *shared;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    config.retry_above = 0;
    world_restart(&p.world, &p.server, &config, p.server_tls);
    quic_conn_close(pair_connect(&p), 0, "");
    shared = p.client.endpoint->retry.native_handle;
    assert_non_null(shared);
    world_run(&p.world, 10 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 1);
    pair_connect(&p);
    assert_ptr_equal(p.client.endpoint->retry.native_handle, shared);
    quic_get_stats(p.server.endpoint, &stats);
    assert_int_equal(stats.retries_sent, 2);
    assert_int_equal(stats.handshakes, 2);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_keys_are_those_of_the_rfc),
        cmocka_unit_test(each_cipher_works_and_aes_128_has_a_mask_of_ours),
        cmocka_unit_test(connections_share_the_cipher_for_retry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
