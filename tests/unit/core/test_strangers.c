/* Clients that finish the handshake and say nothing: they must not keep others out, nor fill the
 * log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#include "quic/quic.h"
#include "server/internal.h"
#include "state/state.h"

#define SEC UINT64_C(1000000000)
#define STRANGERS 1200 /* above SERVER_MAX_STRANGERS, which is 512 */

static size_t connected, closed;
static char close_words[256];

static void on_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    (void)ctx;
    (void)c;
    (void)now;
    connected++;
}

static void on_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    (void)ctx;
    (void)c;
    (void)now;
    closed++;
    snprintf(close_words, sizeof close_words, "%s", why->words);
}

static void on_bytes(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    (void)ctx;
    (void)c;
    (void)now;
    (void)p;
    (void)n;
}

static const struct quic_handlers handlers = {
    .connected = on_connected, .closed = on_closed, .control = on_bytes, .datagram = on_bytes};

static struct quic_endpoint *make_clients(struct pair *p)
{
    struct quic_endpoint_config config = {.handlers = &handlers};
    struct quic_tls_config tls_config = {.trust_name = "ca.pem"};
    struct quic_endpoint *e;
    struct quic_tls *tls;
    char path[128], words[256], *pem;

    snprintf(path, sizeof path, "%s/ca/ca.pem", p->dir);
    assert_int_equal(state_read_file(path, false, 1 << 20, &pem, NULL, words, sizeof words), 0);
    tls_config.trust_pem = pem;
    assert_int_equal(quic_tls_new(&tls_config, &tls, words, sizeof words), 0);
    free(pem);
    assert_int_equal(quic_endpoint_new(&config, tls, &e), 0);
    quic_tls_unref(tls);
    return e;
}

/* Both sides until neither has more to say, at one instant. */
static void exchange(struct pair *p, struct quic_endpoint *clients, const union qhcp_addr *server,
                     const union qhcp_addr *us)
{
    static uint8_t data[1500];
    struct qhcp_packet packet = {.data = data, .cap = sizeof data};
    bool more = true;

    while (more) {
        more = false;
        while (quic_send(clients, p->now, &packet, 1) == 1) {
            packet.local = *server;
            packet.remote = *us;
            qhcp_server_receive(p->servers[0], p->now, &packet, 1);
            more = true;
        }
        while (qhcp_server_send(p->servers[0], p->now, &packet, 1) == 1) {
            packet.local = *us;
            packet.remote = *server;
            quic_receive(clients, p->now, &packet, 1);
            more = true;
        }
    }
}

static void silent_strangers_make_room_and_are_logged_sparsely(void **state)
{
    static struct pair p;
    struct quic_endpoint *clients;
    union qhcp_addr server = {.in = {.sin_family = AF_INET, .sin_port = htons(4243)}};
    union qhcp_addr us = {.in = {.sin_family = AF_INET, .sin_port = htons(9999)}};
    struct quic_conn *conn;

    (void)state;
    server.in.sin_addr.s_addr = us.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pair_init(&p);
    pair_start(&p, 0);
    clients = make_clients(&p);
    for (size_t i = 0; i < STRANGERS; i++) {
        struct quic_dial dial = {.remote = server, .name = "localhost", .timeout = SEC};

        assert_int_equal(quic_dial(clients, p.now, &dial, &conn), 0);
        exchange(&p, clients, &server, &us);
        p.now += 1000000;
    }
    assert_int_equal(connected, STRANGERS);                    /* none was turned away ... */
    assert_in_range(closed, STRANGERS - 512, STRANGERS - 488); /* ... the oldest were */
    assert_non_null(strstr(close_words, "too many without HELLO"));
    pair_watch(&p, 1, NULL);
    assert_true(pair_run(&p, SEC, pair_all_up));
    pair_run(&p, 10 * SEC, NULL); /* all of them time out */
    assert_in_range(p.warnings, 1, 120);
    quic_endpoint_free(clients);
    pair_deinit(&p);
}

#define PEERS 8

/* Sessions in the order in which they came, by the key of their token; '-': it is closing. */
static size_t crowded(const char *keys)
{
    static struct peer peers[PEERS];
    struct roster members = {.count = strlen(keys)};
    struct peer *found;

    memset(peers, 0, sizeof peers);
    for (size_t i = 0; i < members.count; i++) {
        peers[i].kid[0] = keys[i];
        peers[i].closing = keys[i] == '-';
        peers[i].next = i + 1 < members.count ? &peers[i + 1] : NULL;
    }
    members.first = peers;
    found = roster_crowded(&members);
    return found ? (size_t)(found - peers) : PEERS;
}

static void the_key_with_the_most_sessions_makes_room(void **state)
{
    (void)state;
    assert_int_equal(crowded("a"), 0);
    assert_int_equal(crowded("abb"), 1); /* the oldest of b */
    assert_int_equal(crowded("abab-b"), 1);
    assert_int_equal(crowded("ab---a"), 0); /* those that are closing have no place any more */
    assert_int_equal(crowded("cabbac"), 2); /* as many as another: whoever had as many first */
    assert_int_equal(crowded("--"), PEERS);
}

/* With every place taken a newcomer finds one, and it is not taken from a key that has no more. */
static void a_newcomer_finds_a_place(void **state)
{
    static struct pair p;
    struct peer newcomer, *old;
    struct qhcp_server *s;

    (void)state;
    for (size_t places = 1; places <= 2; places++) {
        pair_init(&p);
        pair_start(&p, 0);
        pair_watch(&p, 1, NULL);
        assert_true(pair_run(&p, SEC, pair_all_up));
        s = p.servers[0];
        s->max_members = places;
        old = s->members.first;
        newcomer = (struct peer){.server = s, .kid = "another"};
        roster_add(s, &newcomer);
        roster_admit(&newcomer);
        assert_int_equal(old->closing, places == 1);
        assert_false(newcomer.closing);
        assert_ptr_equal(s->members.last, &newcomer);
        s->max_members = SERVER_MAX_MEMBERS;
        roster_remove(&newcomer);
        pair_run(&p, SEC, NULL);
        assert_int_equal(p.sessions, places == 1 ? 2 : 1);
        pair_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_key_with_the_most_sessions_makes_room),
        cmocka_unit_test(a_newcomer_finds_a_place),
        cmocka_unit_test(silent_strangers_make_room_and_are_logged_sparsely),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
