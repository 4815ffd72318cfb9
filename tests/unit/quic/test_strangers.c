/* Strangers at a server's port: floods, resets, Retry, garbage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

#include <qhcp/error.h>

static size_t reset_size;

static bool measure(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    (void)w;
    if (from->addr.in.sin_addr.s_addr == htonl(0x0a000001))
        reset_size = p->len;
    return true;
}

static void resets_are_shorter_than_what_provokes_them_and_limited(void **state)
{
    union qhcp_addr stranger = {.in = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {9}}};
    uint8_t noise[100];
    struct quic_stats stats;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.world.tap = measure;
    memset(noise, 0x55, sizeof(noise));
    world_inject(&p.world, &stranger, &p.server, noise, 42);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    quic_get_stats(p.server.endpoint, &stats);
    assert_int_equal(stats.resets_sent, 0);
    world_inject(&p.world, &stranger, &p.server, noise, 43);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    quic_get_stats(p.server.endpoint, &stats);
    assert_int_equal(stats.resets_sent, 1);
    assert_in_range(reset_size, 21, 42);
    for (unsigned i = 0; i < 5000; i++) {
        world_inject(&p.world, &stranger, &p.server, noise, 100);
        world_run(&p.world, NSEC_PER_USEC, NULL);
    }
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    quic_get_stats(p.server.endpoint, &stats);
    assert_in_range(stats.resets_sent, 10, 20);
    /* The bucket fills again. */
    world_run(&p.world, NSEC_PER_SEC, NULL);
    world_inject(&p.world, &stranger, &p.server, noise, 100);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    quic_get_stats(p.server.endpoint, &stats);
    assert_in_range(stats.resets_sent, 11, 21);
    world_pair_deinit(&p);
}

static uint64_t bucket_at(struct node *server, const union qhcp_addr *remote)
{
    struct quic_key key;

    quic_key_set_host(&key, remote);
    return quic_lookup_hash(&server->endpoint->lookup, &key) % QUIC_RESET_BUCKETS;
}

/* One that could not be told that the server has restarted would wait for a timeout. */
static void one_strangers_noise_does_not_use_up_the_resets_of_others(void **state)
{
    union qhcp_addr stranger = {.in = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {9}}};
    struct quic_endpoint_config config = world_server_config();
    uint8_t noise[1200] = {0xc0, 0xfa, 0xce, 0xb0, 0x0c, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0};
    unsigned told = 0;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    world_restart(&p.world, &p.server, &config, p.server_tls);
    while (bucket_at(&p.server, &stranger) == bucket_at(&p.server, &p.client.addr))
        stranger.in.sin_addr.s_addr++;
    for (unsigned i = 0; i < 5000; i++) { /* short packets, and unknown versions */
        noise[0] = i & 1 ? 0x55 : 0xc0;
        stranger.in.sin_port = (in_port_t)i;
        world_inject(&p.world, &stranger, &p.server, noise, i & 1 ? 100 : 1200);
        if (i % 10 == 0) /* what is injected at once fills the ring */
            world_run(&p.world, 10 * NSEC_PER_USEC, NULL);
    }
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"a probe", 7, 0), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_RESET);
    /* Other hosts have other buckets, but for those that meet by chance. */
    for (unsigned i = 0; i < 100; i++) {
        struct quic_stats before, after;

        stranger.in.sin_addr.s_addr = htonl(0x0b000000 + i);
        noise[0] = 0x55;
        quic_get_stats(p.server.endpoint, &before);
        world_inject(&p.world, &stranger, &p.server, noise, 100);
        world_run(&p.world, NSEC_PER_MSEC, NULL);
        quic_get_stats(p.server.endpoint, &after);
        told += after.resets_sent > before.resets_sent;
    }
    assert_in_range(told, 90, 100);
    world_pair_deinit(&p);
}

static void above_a_number_of_handshakes_the_address_must_be_proven(void **state)
{
    struct quic_endpoint_config config = world_server_config();
    struct quic_stats stats;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    config.retry_above = 0;
    world_restart(&p.world, &p.server, &config, p.server_tls);
    pair_connect(&p);
    quic_get_stats(p.server.endpoint, &stats);
    assert_int_equal(stats.retries_sent, 1);
    assert_int_equal(stats.handshakes, 1);
    assert_int_equal(p.server.accepted, 1);
    world_pair_deinit(&p);
}

static unsigned long initials;

static bool keep_first_initial(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    (void)w;
    if (from->addr.in.sin_addr.s_addr == htonl(0x0a000002))
        initials++;
    return p->len < 1200 || initials < 2;
}

/* A client that answers a Retry from elsewhere, or with a damaged token. */
static void a_retry_token_is_bound_to_its_address(void **state)
{
    struct quic_endpoint_config config = world_server_config(), client = world_client_config();
    struct node other = {0};
    struct pair p;

    (void)state;
    world_pair_init(&p);
    config.retry_above = 0;
    world_restart(&p.world, &p.server, &config, p.server_tls);
    initials = 0;
    p.world.tap = keep_first_initial;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_int_equal(initials, 2); /* the second bears the token, and was lost */
    world_add(&p.world, &other, &client, p.client_tls);
    p.world.tap = NULL;
    p.client.addr.in.sin_port = htons(999); /* from now on behind another address */
    world_run(&p.world, 3 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.accepted, 0);
    assert_int_equal(p.client.connected, 0);
    world_pair_deinit(&p);
}

static void more_connections_than_allowed_are_refused(void **state)
{
    struct quic_endpoint_config config = world_server_config();
    struct pair p;

    (void)state;
    world_pair_init(&p);
    config.max_conns = 1;
    world_restart(&p.world, &p.server, &config, p.server_tls);
    pair_connect(&p);
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.connected, 1);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_CLOSED_BY_PEER);
    assert_string_equal(p.client.why.words, "connection refused");
    world_pair_deinit(&p);
}

static int refuse(struct node *n, struct quic_conn *c)
{
    (void)n, (void)c;
    return -1;
}

static void the_owner_may_refuse_a_connection(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.on_accepted = refuse;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_string_equal(p.client.why.words, "connection refused");
    assert_int_equal(p.server.closed, 0);
    assert_int_equal(quic_conn_count(p.server.endpoint), 0);
    world_pair_deinit(&p);
}

static void an_unknown_version_is_answered_with_ours(void **state)
{
    union qhcp_addr stranger = {.in = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {9}}};
    static const uint8_t head[] = {0xc0, 0xfa, 0xce, 0xb0, 0x0c, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0};
    uint8_t packet[1200] = {0};
    struct pair p;
    uint64_t sent;

    (void)state;
    world_pair_init(&p);
    memcpy(packet, head, sizeof(head));
    world_inject(&p.world, &stranger, &p.server, packet, sizeof(packet));
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.sent, 1);
    sent = p.server.sent;
    world_inject(&p.world, &stranger, &p.server, packet, 1000); /* too small to be answered */
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.sent, sent);
    assert_int_equal(p.server.accepted, 0);
    world_pair_deinit(&p);
}

/* ngtcp2 would speak it. */
static void version_2_is_answered_with_ours(void **state)
{
    union qhcp_addr stranger = {.in = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {9}}};
    static const uint8_t head[] = {0xd0, 0x6b, 0x33, 0x43, 0xcf, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0};
    uint8_t packet[1200] = {0};
    struct pair p;

    (void)state;
    world_pair_init(&p);
    memcpy(packet, head, sizeof(head));
    world_inject(&p.world, &stranger, &p.server, packet, sizeof(packet));
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.sent, 1);
    assert_int_equal(p.server.accepted, 0);
    world_pair_deinit(&p);
}

static void garbage_changes_nothing(void **state)
{
    union qhcp_addr stranger = {.in = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {9}}};
    uint8_t noise[1500];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    for (unsigned i = 0; i < 20000; i++) {
        size_t size = world_random(&p.world) % sizeof(noise);
        const union qhcp_addr *from = i & 1 ? &stranger : &p.client.addr;

        for (size_t k = 0; k < size; k++)
            noise[k] = (uint8_t)world_random(&p.world);
        if (size > 6 && i % 3 == 0)
            memcpy(noise, "\xc0\x00\x00\x00\x01", 5); /* an Initial of version 1 */
        world_inject(&p.world, from, &p.server, noise, size);
        world_inject(&p.world, i & 1 ? &stranger : &p.server.addr, &p.client, noise, size);
        if (i % 100 == 0)
            world_run(&p.world, NSEC_PER_MSEC, NULL);
    }
    world_run(&p.world, 20 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed, 0);
    assert_int_equal(p.server.closed, p.server.accepted - 1);
    assert_int_equal(quic_conn_count(p.server.endpoint), 1);
    assert_int_equal(quic_conn_datagram(p.client.conn, noise, 100, 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.datagrams, 1);
    world_pair_deinit(&p);
}

static void a_flood_of_first_packets_does_not_outgrow_the_limits(void **state)
{
    struct quic_endpoint_config config = world_server_config();
    struct quic_stats stats;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    config.retry_above = 50;
    config.max_conns = 100;
    world_restart(&p.world, &p.server, &config, p.server_tls);
    p.server.mute = true; /* the flood's sources are forged: no answer arrives */
    for (unsigned i = 0; i < 500; i++)
        world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_true(quic_conn_count(p.server.endpoint) <= 50);
    quic_get_stats(p.server.endpoint, &stats);
    assert_true(stats.retries_sent >= 64); /* what fits the ring at one moment */
    world_run(&p.world, 12 * NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_count(p.server.endpoint), 0);
    /* And it serves again. */
    p.server.mute = false;
    pair_connect(&p);
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resets_are_shorter_than_what_provokes_them_and_limited),
        cmocka_unit_test(one_strangers_noise_does_not_use_up_the_resets_of_others),
        cmocka_unit_test(above_a_number_of_handshakes_the_address_must_be_proven),
        cmocka_unit_test(a_retry_token_is_bound_to_its_address),
        cmocka_unit_test(more_connections_than_allowed_are_refused),
        cmocka_unit_test(the_owner_may_refuse_a_connection),
        cmocka_unit_test(an_unknown_version_is_answered_with_ours),
        cmocka_unit_test(version_2_is_answered_with_ours),
        cmocka_unit_test(garbage_changes_nothing),
        cmocka_unit_test(a_flood_of_first_packets_does_not_outgrow_the_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
