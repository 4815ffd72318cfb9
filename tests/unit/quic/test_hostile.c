/* Peers that lie inside properly sealed packets.  Whatever they send, the other side ends that one
 * connection with a reason, or goes on; it never crashes, hangs or grows. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mutate.h"
#include "quic/internal.h"
#include "world.h"

#include <qhcp/error.h>

/* The liar's next packet has these frames. */
static void lie(struct pair *p, bool server, const void *frames, size_t size)
{
    static const uint8_t carrier[300];
    struct quic_conn *liar = server ? p->server.conn : p->client.conn;

    mutate_set(&(struct mutation){.server = server, .bytes = frames, .size = size, .times = 1});
    assert_int_equal(quic_conn_datagram(liar, carrier, sizeof(carrier), 0), 0);
    world_run(&p->world, NSEC_PER_SEC, NULL);
    assert_int_equal(mutate_left(), 0);
}

struct frames {
    const char *what;
    bool server; /* the liar */
    const char *bytes;
    size_t size;
    enum quic_end end; /* at the victim */
    const char *words;
};

#define FRAMES(text) (text), sizeof(text) - 1

static const struct frames refused[] = {
    {"a stream of the server's", true, FRAMES("\x0a\x01\x03xyz"), QUIC_END_PROTOCOL,
     "the peer broke QUIC (ERR_STREAM_LIMIT)"},
    {"a one-way stream of the server's", true, FRAMES("\x0a\x03\x03xyz"), QUIC_END_PROTOCOL, ""},
    {"a second stream of the client's", false, FRAMES("\x0a\x04\x03xyz"), QUIC_END_PROTOCOL, ""},
    {"a one-way stream of the client's", false, FRAMES("\x0a\x02\x03xyz"), QUIC_END_PROTOCOL, ""},
    {"the end of the control stream", false, FRAMES("\x0f\x00\x05\x00"), QUIC_END_CLOSED_BY_US,
     "the control stream was closed"},
    {"a reset of the control stream", false, FRAMES("\x04\x00\x40\x07\x05"), QUIC_END_CLOSED_BY_US,
     "the control stream was reset"},
    {"a frame type that is none", true, FRAMES("\x21"), QUIC_END_PROTOCOL, ""},
    {"a frame cut short", true, FRAMES("\x06\x00\x7f\xff"), QUIC_END_PROTOCOL, ""},
    {"a stream frame beyond the window", false, FRAMES("\x0e\x00\x80\x20\x00\x00\x01x"),
     QUIC_END_PROTOCOL, ""},
    {"an acknowledgement of what was never sent", true, FRAMES("\x02\x52\x00\x00\x00\x00"),
     QUIC_END_PROTOCOL, ""},
    {"HANDSHAKE_DONE from a client", false, FRAMES("\x1e"), QUIC_END_PROTOCOL, ""},
    {"NEW_TOKEN that is empty", true, FRAMES("\x07\x00"), QUIC_END_PROTOCOL, ""},
    {"a connection ID that is too long", true, FRAMES("\x18\x05\x00\x20"), QUIC_END_PROTOCOL, ""},
    {"the end of the connection", true,
     FRAMES("\x1d\x41\x11\x03"
            "bye"),
     QUIC_END_CLOSED_BY_PEER, "bye"},
};

static void frames_that_break_the_rules_end_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        const struct frames *f = &refused[i];
        struct node *victim;
        struct pair p;

        world_pair_init(&p);
        pair_connect(&p);
        assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        victim = f->server ? &p.client : &p.server;
        lie(&p, f->server, f->bytes, f->size);
        if (victim->closed != 1 || victim->why.end != f->end ||
            strstr(victim->why.words, f->words) == NULL)
            fail_msg("%s: closed %u, end %d, \"%s\"", f->what, victim->closed, victim->why.end,
                     victim->why.words);
        assert_int_equal(quic_conn_count(victim->endpoint), 0);
        /* The others never notice. */
        pair_connect(&p);
        world_pair_deinit(&p);
    }
}

/* What ends the control stream ends the session, whoever does it and however: both sides know the
 * error by its code and its words. */
static const struct frames stream_ends[] = {
    {"FIN", false, FRAMES("\x0f\x00\x05\x00"), 0, "the control stream was closed"},
    {"FIN behind bytes", false, FRAMES("\x0f\x00\x05\x03xyz"), 0, "the control stream was closed"},
    {"FIN", true, FRAMES("\x0f\x00\x05\x00"), 0, "the control stream was closed"},
    {"RESET_STREAM", false, FRAMES("\x04\x00\x40\x07\x05"), 0, "the control stream was reset"},
    {"RESET_STREAM", true, FRAMES("\x04\x00\x40\x07\x05"), 0, "the control stream was reset"},
    {"STOP_SENDING", false, FRAMES("\x05\x00\x40\x07"), 0, "the control stream was stopped"},
    {"STOP_SENDING", true, FRAMES("\x05\x00\x40\x07"), 0, "the control stream was stopped"},
    {"STOP_SENDING with a datagram", true, FRAMES("\x05\x00\x40\x07\x31\x01x"), 0,
     "the control stream was stopped"},
};

static bool is_stream_error(const struct node *n, enum quic_end end, const char *words)
{
    return n->closed == 1 && n->why.end == end && n->why.application &&
           n->why.code == (uint64_t)-QHCP_E_STREAM && strcmp(n->why.words, words) == 0;
}

static void the_end_of_the_control_stream_is_an_error_that_both_sides_know(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(stream_ends) / sizeof(stream_ends[0]); i++) {
        const struct frames *f = &stream_ends[i];
        struct node *victim, *liar;
        struct pair p;

        world_pair_init(&p);
        pair_connect(&p);
        victim = f->server ? &p.client : &p.server;
        liar = f->server ? &p.server : &p.client;
        assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(quic_conn_write(p.server.conn, (const uint8_t *)"world", 5), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(victim->closed + liar->closed, 0);
        lie(&p, f->server, f->bytes, f->size);
        if (!is_stream_error(victim, QUIC_END_CLOSED_BY_US, f->words) ||
            !is_stream_error(liar, QUIC_END_CLOSED_BY_PEER, f->words))
            fail_msg("%s of the %s: %d 0x%llx \"%s\", told: %d 0x%llx \"%s\"", f->what,
                     f->server ? "server" : "client", victim->why.end,
                     (unsigned long long)victim->why.code, victim->why.words, liar->why.end,
                     (unsigned long long)liar->why.code, liar->why.words);
        world_pair_deinit(&p);
    }
}

/* The first that a server hears of the stream may be its end, and what waits to be written to a
 * stream that was stopped must not delay the close. */
static void a_stopped_stream_is_an_error_before_it_is_used_and_while_it_is(void **state)
{
    static const char stop[] = "\x05\x00\x40\x07", *words = "the control stream was stopped";
    static uint8_t block[60000];

    (void)state;
    for (unsigned used = 0; used < 2; used++) {
        struct pair p;

        world_pair_init(&p);
        pair_connect(&p);
        if (used) {
            assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
            world_run(&p.world, NSEC_PER_SEC, NULL);
            assert_int_equal(quic_conn_write(p.server.conn, block, sizeof(block)), 0);
        }
        lie(&p, false, stop, sizeof(stop) - 1);
        assert_true(is_stream_error(&p.server, QUIC_END_CLOSED_BY_US, words));
        assert_true(is_stream_error(&p.client, QUIC_END_CLOSED_BY_PEER, words));
        assert_int_equal(quic_conn_count(p.server.endpoint), 0);
        world_pair_deinit(&p);
    }
}

/* ... and the accepted twin: a stream that is used in both directions, held open and silent. */
static void a_control_stream_that_stays_open_is_no_error(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
        world_run(&p.world, i * NSEC_PER_SEC, NULL);
        assert_int_equal(quic_conn_write(p.server.conn, (const uint8_t *)"world", 5), 0);
        assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
    }
    assert_int_equal(p.client.closed + p.server.closed, 0);
    assert_int_equal(p.client.control_size, 100);
    assert_int_equal(p.server.control_size, 100);
    world_pair_deinit(&p);
}

static const struct frames suffered[] = {
    {"a PING", true, FRAMES("\x01"), 0, ""},
    {"nothing but padding", true, FRAMES("\x00"), 0, ""},
    {"PATH_CHALLENGE", true,
     FRAMES("\x1a"
            "12345678"),
     0, ""},
    {"MAX_DATA", true, FRAMES("\x10\x80\x10\x00\x00"), 0, ""},
    {"DATA_BLOCKED", true, FRAMES("\x14\x10"), 0, ""},
    {"a datagram with no bytes", true, FRAMES("\x31\x00"), 0, ""},
    {"a control stream twice", false, FRAMES("\x0e\x00\x00\x02he\x0e\x00\x00\x05hello"), 0, ""},
    {"a CRYPTO frame twice", true, FRAMES("\x06\x00\x01\x04\x06\x00\x01\x04"), 0, ""},
};

static void frames_that_are_only_odd_are_suffered(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(suffered) / sizeof(suffered[0]); i++) {
        const struct frames *f = &suffered[i];
        struct pair p;

        world_pair_init(&p);
        pair_connect(&p);
        assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        lie(&p, f->server, f->bytes, f->size);
        if (p.client.closed || p.server.closed)
            fail_msg("%s: %s%s", f->what, p.client.why.words, p.server.why.words);
        assert_int_equal(p.server.control_size, 5);
        world_pair_deinit(&p);
    }
}

/* Trap 4: a NewSessionTicket when the TLS session is long freed crashed ngtcp2's own handler. */
static void a_late_ticket_is_ignored(void **state)
{
    uint8_t ticket[200] = {4, 0, 0, 196};
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    for (unsigned i = 0; i < 15; i++) { /* traffic, so that the session is freed on both sides */
        assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
    }
    assert_null(p.client.conn->session);
    assert_null(p.server.conn->session);
    assert_int_equal(ngtcp2_conn_submit_crypto_data(p.server.conn->ng, NGTCP2_ENCRYPTION_LEVEL_1RTT,
                                                    ticket, sizeof(ticket)),
                     0);
    quic_conn_wake(p.server.conn);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.closed + p.server.closed, 0);
    /* And keys change without TLS, too. */
    assert_int_equal(ngtcp2_conn_initiate_key_update(p.client.conn->ng, p.world.now), 0);
    assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.datagrams, 16);
    world_pair_deinit(&p);
}

/* After the handshake TLS may say NewSessionTicket to a client, and nothing else to anybody.  A
 * KeyUpdate that GnuTLS obeys stopped the process: ngtcp2 has keys already. */
static void tls_messages_after_the_handshake_end_the_connection(void **state)
{
    static const uint8_t bodies[][5] = {{0, 0, 0, 1, 0}, {0, 0, 0, 1, 1}, {0, 0, 0, 0}};
    struct pair p;

    (void)state;
    for (unsigned i = 0; i < 256 * 3 * 2; i++) {
        bool to_server = i & 1;
        uint8_t message[5], type = (uint8_t)(i / 6);
        struct node *victim = to_server ? &p.server : &p.client;
        const uint8_t *body = bodies[i / 2 % 3];

        if (type > 26 && type < 250 && i % 7)
            continue; /* the registry has none of these */
        world_pair_init(&p);
        pair_connect(&p);
        memcpy(message, body, sizeof(message));
        message[0] = type;
        assert_int_equal(
            ngtcp2_conn_submit_crypto_data(to_server ? p.client.conn->ng : p.server.conn->ng,
                                           NGTCP2_ENCRYPTION_LEVEL_1RTT, message, 4u + message[3]),
            0);
        quic_conn_wake(to_server ? p.client.conn : p.server.conn);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(victim->closed, 1);
        if (!to_server && type == 13) { /* CertificateRequest has a code of its own */
            assert_int_equal(victim->why.code, NGTCP2_PROTOCOL_VIOLATION);
        } else if (to_server ||
                   type != 4) { /* unexpected_message; a ticket: GnuTLS cannot read it */
            assert_int_equal(victim->why.code, 0x10a);
            assert_string_equal(victim->why.words, "the peer broke TLS: Unexpected message");
        }
        world_pair_deinit(&p);
    }
}

static bool copy_first(struct world *w, struct node *from, const struct qhcp_packet *packet)
{
    union qhcp_addr elsewhere = from->addr;

    if (from != w->nodes[1])
        return true;
    elsewhere.in.sin_port = htons((uint16_t)(5000 + w->tapped % 3));
    if (w->tapped++ % 2 == 0)
        world_inject(w, &elsewhere, w->nodes[0], packet->data, packet->len);
    return true;
}

static void answer(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    (void)n;
    assert_int_equal(quic_conn_datagram(c, p, size, 0), 0);
}

/* ngtcp2#1593: the copy looks like a migration, the original like a return, after which ngtcp2
 * began to look for a larger packet size though it was told not to. */
static void a_copy_from_another_address_ends_nothing(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.world.tap = copy_first;
    p.server.on_datagram = answer;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, 100 * NSEC_PER_MSEC, NULL);
    }
    assert_true(p.world.tapped >= 50);
    assert_int_equal(p.client.closed + p.server.closed, 0);
    assert_int_equal(p.server.datagrams, 50);
    /* Not even one answer went astray. */
    assert_int_equal(p.client.datagrams, 50);
    world_pair_deinit(&p);
}

static bool translate(struct world *w, struct node *from, const struct qhcp_packet *packet)
{
    union qhcp_addr outside = w->nodes[1]->addr;

    outside.in.sin_port = htons(5000);
    if (from == w->nodes[1])
        world_inject(w, &outside, w->nodes[0], packet->data, packet->len);
    else if (packet->remote.in.sin_port == outside.in.sin_port)
        world_inject(w, &from->addr, w->nodes[1], packet->data, packet->len);
    return false;
}

/* The twin: a NAT gave the client another port, and the old one is no more. */
static void a_client_behind_another_port_is_heard(void **state)
{
    union qhcp_addr remote;
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    p.world.tap = translate;
    p.server.on_datagram = answer;
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, 100 * NSEC_PER_MSEC, NULL);
    }
    assert_int_equal(p.client.closed + p.server.closed, 0);
    assert_int_equal(p.server.datagrams, 50);
    assert_int_equal(p.client.datagrams, 50);
    quic_conn_remote(p.server.conn, &remote);
    assert_int_equal(remote.in.sin_port, htons(5000));
    world_pair_deinit(&p);
}

static void a_server_that_sends_without_end_is_bounded(void **state)
{
    static uint8_t block[60000];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    assert_int_equal(quic_conn_write(p.client.conn, (const uint8_t *)"hello", 5), 0);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    /* More than is acknowledged cannot even be queued. */
    assert_int_equal(quic_conn_write(p.server.conn, block, sizeof(block)), 0);
    assert_int_equal(quic_conn_write(p.server.conn, block, sizeof(block)), QHCP_E_FULL);
    world_run(&p.world, NSEC_PER_SEC, NULL);
    assert_int_equal(p.client.control_size, sizeof(block));
    p.client.control_size = 0;
    for (unsigned i = 0; i < 20; i++) { /* and the windows move on as it is read */
        assert_int_equal(quic_conn_write(p.server.conn, block, sizeof(block)), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(p.client.control_size, sizeof(block));
        p.client.control_size = 0;
    }
    world_pair_deinit(&p);
}

/* So that no peer brings the packet number to where ngtcp2 stops the process. */
static void a_connection_ends_after_so_many_packets(void **state)
{
    static const uint32_t heard[] = {QUIC_PACKETS_MAX - 10, QUIC_PACKETS_MAX};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct pair p;

        world_pair_init(&p);
        pair_connect(&p);
        p.server.conn->n_heard = heard[i];
        assert_int_equal(quic_conn_datagram(p.client.conn, (const uint8_t *)"x", 1, 0), 0);
        world_run(&p.world, NSEC_PER_SEC, NULL);
        assert_int_equal(p.server.closed, i);
        assert_int_equal(p.client.closed, i);
        if (i == 1)
            assert_int_equal(p.client.why.code, NGTCP2_AEAD_LIMIT_REACHED);
        world_pair_deinit(&p);
    }
}

static void turned_bits_in_sealed_packets_harm_nobody_else(void **state)
{
    unsigned ended = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct pair p;

        world_pair_init(&p);
        p.world.random = seed;
        pair_connect(&p);
        mutate_set(
            &(struct mutation){.server = seed & 1, .times = 20, .random = seed * 2654435761u});
        for (unsigned i = 0; i < 6 && p.client.conn && p.server.conn; i++) {
            quic_conn_write(p.client.conn, (const uint8_t *)"some words", 10);
            quic_conn_write(p.server.conn, (const uint8_t *)"some words", 10);
            quic_conn_datagram(p.client.conn, (const uint8_t *)"some words", 10, 1);
            quic_conn_datagram(p.server.conn, (const uint8_t *)"some words", 10, 1);
            world_run(&p.world, 100 * NSEC_PER_MSEC, NULL);
        }
        ended += p.client.closed + p.server.closed;
        mutate_set(&(struct mutation){0});
        world_run(&p.world, 200 * NSEC_PER_SEC, NULL);
        world_pair_deinit(&p);
    }
    assert_true(ended > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_that_break_the_rules_end_the_connection),
        cmocka_unit_test(the_end_of_the_control_stream_is_an_error_that_both_sides_know),
        cmocka_unit_test(a_stopped_stream_is_an_error_before_it_is_used_and_while_it_is),
        cmocka_unit_test(a_control_stream_that_stays_open_is_no_error),
        cmocka_unit_test(frames_that_are_only_odd_are_suffered),
        cmocka_unit_test(a_late_ticket_is_ignored),
        cmocka_unit_test(tls_messages_after_the_handshake_end_the_connection),
        cmocka_unit_test(a_copy_from_another_address_ends_nothing),
        cmocka_unit_test(a_client_behind_another_port_is_heard),
        cmocka_unit_test(a_server_that_sends_without_end_is_bounded),
        cmocka_unit_test(a_connection_ends_after_so_many_packets),
        cmocka_unit_test(turned_bits_in_sealed_packets_harm_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
