/* What a flood of strangers must not do: keep others' handshakes out, use a token twice, use up the
 * resets of others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "quic/internal.h"
#include "rogue.h"
#include "world.h"

#include <qhcp/error.h>

#define SERVER 0x0a000001 /* the pair's first node */

static bool is_from_server(const struct node *from)
{
    return from->addr.in.sin_addr.s_addr == htonl(SERVER);
}

static bool is_retry(const struct qhcp_packet *p)
{
    return (p->data[0] & 0xf0) == 0xf0;
}

static bool taken[QUIC_HOSTS]; /* of the server's places, by a hash that nobody can foresee */

static size_t place_of(struct pair *p)
{
    struct quic_key key;

    quic_key_set_host(&key, &p->client.addr);
    return quic_lookup_hash(&p->server.endpoint->lookup, &key) % QUIC_HOSTS;
}

static void restart(struct pair *p, size_t retry_above)
{
    struct quic_endpoint_config config = world_server_config();

    config.retry_above = retry_above;
    world_restart(&p->world, &p->server, &config, p->server_tls);
    memset(taken, 0, sizeof taken);
    taken[place_of(p)] = true;
}

/* The client's address from now on: this one, or another that by chance meets none of before. */
static union qhcp_addr move(struct pair *p, uint32_t host)
{
    do {
        p->client.addr.in.sin_addr.s_addr = htonl(host);
        host += 0x100;
    } while (taken[place_of(p)]);
    taken[place_of(p)] = true;
    return p->client.addr;
}

/* Handshakes begin and never end: of what the server says only Retry arrives. */
static bool only_retries(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    (void)w;
    return !is_from_server(from) || is_retry(p);
}

static void unfinished_handshakes_are_bounded_by_host_and_in_all(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    p.world.tap = only_retries;
    for (uint32_t host = 0; host < 8; host++) {
        move(&p, 0x0b000000 + host);
        for (unsigned i = 0; i < QUIC_PROVEN_HOST + 16; i++) {
            world_dial(&p.client, &p.server, "a.example");
            world_run(&p.world, NSEC_PER_MSEC, NULL);
        }
        if (host == 0)
            assert_int_equal(p.server.endpoint->n_proven, QUIC_PROVEN_HOST);
        assert_true(p.server.endpoint->n_proven <= QUIC_PROVEN_MAX);
    }
    assert_int_equal(p.server.endpoint->n_proven, QUIC_PROVEN_MAX);
    assert_int_equal(p.server.accepted, QUIC_PROVEN_MAX);
    /* The oldest have had their time: they make room for who is quicker. */
    move(&p, 0x0c000000);
    world_run(&p.world, QUIC_PROVEN_AGE, NULL);
    p.world.tap = NULL;
    p.client.connected = 0;
    pair_connect(&p);
    assert_true(p.server.endpoint->n_proven <= QUIC_PROVEN_MAX);
    world_run(&p.world, 12 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.endpoint->n_proven, 0);
    assert_null(p.server.endpoint->proven_first);
    for (size_t i = 0; i < QUIC_HOSTS; i++)
        assert_int_equal(p.server.endpoint->hosts[i].proven, 0);
    world_pair_deinit(&p);
}

/* The proof of an address is no proof of good will; a session is. */
static void a_host_that_was_welcome_finds_room(void **state)
{
    union qhcp_addr welcome;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    welcome = move(&p, 0x0c000000);
    pair_connect(&p);
    quic_conn_welcome(p.server.conn);
    quic_conn_close(p.server.conn, 0, "");
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    p.world.tap = only_retries;
    for (uint32_t host = 0; host < 8; host++) {
        move(&p, 0x0b000000 + host);
        for (unsigned i = 0; i < QUIC_PROVEN_HOST; i++)
            world_dial(&p.client, &p.server, "a.example");
        world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    }
    assert_int_equal(p.server.endpoint->n_proven, QUIC_PROVEN_MAX);
    p.world.tap = NULL;
    p.client.connected = 0;
    move(&p, 0x0d000000); /* the twin, a host as any other */
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.connected, 0);
    p.client.addr = welcome;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.connected, 1);
    world_pair_deinit(&p);
}

/* One stranger, whose handshakes end at once so that they take no room, and what it leaves to the
 * others of what can be remembered of tokens. */
static void one_host_does_not_use_up_the_memory_of_tokens(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    for (unsigned i = 0; i < 3 * QUIC_PROVEN_HOST; i++) {
        world_dial(&p.client, &p.server, "a.example");
        world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
        while (p.server.endpoint->conns)
            quic_conn_discard(p.server.endpoint->conns);
    }
    assert_in_range(p.server.endpoint->used.n, QUIC_PROVEN_HOST, QUIC_PROVEN_HOST * 3 / 2);
    world_pair_deinit(&p);
}

static void a_full_memory_of_tokens_keeps_no_welcome_host_out(void **state)
{
    struct used *used;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    used = &p.server.endpoint->used;
    pair_connect(&p);
    quic_conn_welcome(p.server.conn);
    quic_conn_close(p.server.conn, 0, "");
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    for (uint64_t i = 1; used_add(used, p.world.now, i * UINT64_C(0x9e3779b97f4a7c15)) == 0; i++) {
    }
    p.client.connected = 0;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.connected, 1);
    move(&p, 0x0d000000); /* the twin, a host as any other */
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 10 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.connected, 1);
    world_pair_deinit(&p);
}

static uint8_t proven[1500];
static size_t proven_size;

/* Keeps the first Initial that bears a token: those after it go to an ID of the server's. */
static bool keep_proven(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    ngtcp2_pkt_hd hd;

    (void)w;
    if (proven_size == 0 && !is_from_server(from) && (p->data[0] & 0xf0) == 0xc0 &&
        ngtcp2_pkt_decode_hd_long(&hd, p->data, p->len) > 0 && hd.tokenlen > 0 && p->len >= 1200) {
        memcpy(proven, p->data, p->len);
        proven_size = p->len;
    }
    return true;
}

static void a_retry_token_is_good_for_one_connection(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    proven_size = 0;
    p.world.tap = keep_proven;
    pair_connect(&p);
    assert_int_equal(p.server.accepted, 1);
    /* Again while the connection lives, as the network may: it is that connection's. */
    world_inject(&p.world, &p.client.addr, &p.server, proven, proven_size);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.accepted, 1);
    /* Again when it is gone without a trace: it begins no other. */
    quic_conn_discard(p.server.conn);
    p.server.conn = NULL;
    world_inject(&p.world, &p.client.addr, &p.server, proven, proven_size);
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(p.server.accepted, 1);
    assert_int_equal(quic_conn_count(p.server.endpoint), 0);
    pair_connect(&p); /* the twin, with a token of its own */
    assert_int_equal(p.server.accepted, 2);
    world_pair_deinit(&p);
}

static bool lose_first_answer(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    if (is_from_server(from) && !is_retry(p) && w->tapped == 0) {
        w->tapped++;
        return false;
    }
    return true;
}

static void a_proven_initial_that_is_sent_again_goes_on(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    p.world.tap = lose_first_answer;
    pair_connect(&p);
    assert_int_equal(p.world.tapped, 1);
    assert_int_equal(p.server.accepted, 1);
    world_pair_deinit(&p);
}

static void used_tokens_are_remembered_for_their_lifetime_and_bounded(void **state)
{
    struct used u;

    (void)state;
    used_init(&u, 10 * NSEC_PER_SEC);
    assert_false(used_has(&u, 0, 7));
    assert_int_equal(used_add(&u, 0, 7), 0);
    assert_int_equal(used_add(&u, 0, 0), 0); /* a hash as any other */
    assert_true(used_has(&u, 0, 0));
    assert_false(used_has(&u, 0, 8));
    assert_true(used_has(&u, 19 * NSEC_PER_SEC, 7));
    assert_false(used_has(&u, 40 * NSEC_PER_SEC, 7));
    for (uint64_t i = 1; i <= USED_MAX; i++)
        assert_int_equal(used_add(&u, 40 * NSEC_PER_SEC, i * UINT64_C(0x9e3779b97f4a7c15)), 0);
    assert_int_equal(used_add(&u, 40 * NSEC_PER_SEC, 7), QHCP_E_FULL);
    assert_int_equal(used_add(&u, 51 * NSEC_PER_SEC, 7), 0); /* the next lifetime */
    assert_true(used_has(&u, 51 * NSEC_PER_SEC, UINT64_C(0x9e3779b97f4a7c15)));
    used_deinit(&u);
}

static uint8_t first[1500];
static size_t first_size;

static bool keep_first(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    if (!is_from_server(from) && w->tapped == 0) {
        memcpy(first, p->data, p->len);
        first_size = p->len;
        w->tapped++;
    }
    return true;
}

static void what_is_no_initial_does_not_open(void **state)
{
    uint8_t copy[1500];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.world.tap = keep_first;
    pair_connect(&p);
    assert_true(quic_initial_opens(first, first_size));
    for (size_t n = 0; n < first_size; n++)
        assert_false(quic_initial_opens(first, n));
    for (size_t i = 0; i < first_size; i++) {
        memcpy(copy, first, first_size);
        copy[i] ^= 1;
        assert_false(quic_initial_opens(copy, first_size));
    }
    memset(copy, 0xff, sizeof(copy));
    for (size_t n = 0; n <= sizeof(copy); n++)
        assert_false(quic_initial_opens(copy, n));
    world_pair_deinit(&p);
}

/* Who sends as if from the load balancer's address, and sees none of its packets. */
static void a_forger_of_an_address_does_not_use_up_its_resets(void **state)
{
    uint8_t noise[100];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    restart(&p, 64);
    memset(noise, 0x55, sizeof(noise));
    for (unsigned i = 0; i < 2000; i++) {
        noise[1] = (uint8_t)i;
        if (i % 2) /* the prefix is no secret: every stranger that asks is told one */
            memcpy(noise + 1, p.server.endpoint->ids.prefix, QUIC_PREFIX);
        world_inject(&p.world, &p.client.addr, &p.server, noise, sizeof(noise));
        if (i % 10 == 0)
            world_run(&p.world, 10 * NSEC_PER_USEC, NULL);
    }
    world_run(&p.world, NSEC_PER_MSEC, NULL);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"a probe", 7, 0), 0);
    world_run(&p.world, 2 * NSEC_PER_MSEC, NULL);
    assert_int_equal(p.client.closed, 1);
    assert_int_equal(p.client.why.end, QUIC_END_RESET);
    world_pair_deinit(&p);
}

static void connection_ids_tell_whose_they_are(void **state)
{
    struct quic_ids again, other;
    union qhcp_addr neighbour;
    uint8_t key[32] = {1};
    const uint8_t *id;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    neighbour = p.client.addr;
    neighbour.in.sin_port++;
    id = ngtcp2_conn_get_dcid(p.client.conn->ng)->data;
    assert_int_equal(quic_ids_init(&again, true, world_server_config().reset_key), 0);
    assert_int_equal(quic_ids_init(&other, true, key), 0);
    assert_true(quic_id_is_for(&again, &p.client.addr, id, QUIC_SERVER_CID));
    assert_true(quic_id_is_for(&again, &neighbour, id, QUIC_SERVER_CID)); /* the same host */
    assert_false(quic_id_is_for(&other, &p.client.addr, id, QUIC_SERVER_CID));
    assert_false(quic_id_is_for(&again, &p.client.addr, id, QUIC_SERVER_CID - 1));
    neighbour.in.sin_addr.s_addr++;
    assert_false(quic_id_is_for(&again, &neighbour, id, QUIC_SERVER_CID));
    world_pair_deinit(&p);
}

/* An Initial that opens, for this ID of the server's. */
static void send_initial(struct pair *p, const uint8_t id[QUIC_SERVER_CID])
{
    static const uint8_t before[] = {0xc3, 0, 0, 0, 1, QUIC_SERVER_CID};
    static const uint8_t after[] = {0, 0, 0x44, 0xa0, 0, 0, 0, 0}; /* 1,184: number to tag */
    size_t at = sizeof(before), head = at + QUIC_SERVER_CID + sizeof(after);
    struct rogue_keys client, server;
    uint8_t packet[1400] = {0};

    memcpy(packet, before, at);
    memcpy(packet + at, id, QUIC_SERVER_CID);
    memcpy(packet + head - sizeof(after), after, sizeof(after));
    rogue_initial_keys(id, QUIC_SERVER_CID, &client, &server);
    packet[head] = 1; /* PING, and PADDING behind it */
    rogue_seal(&client, 0, packet, head, 1184 - 4 - 16);
    world_inject(&p->world, &p->client.addr, &p->server, packet, head - 4 + 1184);
    world_run(&p->world, NSEC_PER_MSEC, NULL);
}

/* The prefix is no secret, and what bears it comes by the socket of those that live. */
static void an_initial_for_an_id_of_ours_that_is_nobody_s_is_dropped_at_once(void **state)
{
    uint8_t id[QUIC_SERVER_CID] = {0};
    struct pair p;

    (void)state;
    world_pair_init(&p);
    restart(&p, 0);
    memcpy(id, p.server.endpoint->ids.prefix, QUIC_PREFIX);
    send_initial(&p, id);
    assert_int_equal(p.server.endpoint->stats.retries_sent, 0);
    id[QUIC_PREFIX - 1] ^= 1; /* the twin */
    send_initial(&p, id);
    assert_int_equal(p.server.endpoint->stats.retries_sent, 1);
    world_pair_deinit(&p);
}

/* RFC 9000, 14.1: a short packet gets no Version Negotiation, whatever its version is. */
static void a_short_packet_of_another_version_is_not_answered(void **state)
{
    static const uint32_t versions[] = {0x6b3343cf, 0x1a2a3a4a}; /* 2, and one that nobody knows */
    uint8_t packet[1200] = {0xc0};
    struct pair p;

    (void)state;
    world_pair_init(&p);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t version = htonl(versions[i]);

        memcpy(packet + 1, &version, sizeof(version));
        packet[5] = 8;
        world_inject(&p.world, &p.client.addr, &p.server, packet, sizeof(packet) - 1);
        world_run(&p.world, NSEC_PER_MSEC, NULL);
        assert_int_equal(p.server.sent, i);
        world_inject(&p.world, &p.client.addr, &p.server, packet, sizeof(packet));
        world_run(&p.world, NSEC_PER_MSEC, NULL);
        assert_int_equal(p.server.sent, i + 1);
    }
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unfinished_handshakes_are_bounded_by_host_and_in_all),
        cmocka_unit_test(a_host_that_was_welcome_finds_room),
        cmocka_unit_test(one_host_does_not_use_up_the_memory_of_tokens),
        cmocka_unit_test(a_full_memory_of_tokens_keeps_no_welcome_host_out),
        cmocka_unit_test(a_retry_token_is_good_for_one_connection),
        cmocka_unit_test(a_proven_initial_that_is_sent_again_goes_on),
        cmocka_unit_test(used_tokens_are_remembered_for_their_lifetime_and_bounded),
        cmocka_unit_test(what_is_no_initial_does_not_open),
        cmocka_unit_test(a_forger_of_an_address_does_not_use_up_its_resets),
        cmocka_unit_test(connection_ids_tell_whose_they_are),
        cmocka_unit_test(an_initial_for_an_id_of_ours_that_is_nobody_s_is_dropped_at_once),
        cmocka_unit_test(a_short_packet_of_another_version_is_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
