#include "world.h"
#include "quic/internal.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/address.h"
#include "quic/internal.h"

uint64_t world_random(struct world *w)
{
    /* xorshift64* (Vigna 2016) */
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return w->random * UINT64_C(2685821657736338717);
}

static int on_accepted(void *ctx, struct quic_conn *c)
{
    struct node *n = ctx;

    n->accepted++;
    n->conn = c;
    quic_conn_set_user(c, n);
    return n->on_accepted ? n->on_accepted(n, c) : 0;
}

static void on_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    struct node *n = ctx;

    assert_true(now <= n->world->now + NSEC_PER_MSEC);
    n->connected++;
    n->conn = c;
    n->resumed = quic_conn_resumed(c);
    n->peer_expires = quic_conn_peer_expires(c);
    if (n->on_connected)
        n->on_connected(n, c);
}

static void on_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t size)
{
    struct node *n = ctx;

    (void)now;
    assert_true(n->control_size + size <= sizeof(n->control));
    memcpy(n->control + n->control_size, p, size);
    n->control_size += size;
    if (n->on_control)
        n->on_control(n, c, p, size);
}

static void on_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p,
                        size_t size)
{
    struct node *n = ctx;

    (void)now;
    n->datagrams++;
    if (n->on_datagram)
        n->on_datagram(n, c, p, size);
}

static void on_datagram_done(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    (void)c, (void)id;
    ((struct node *)ctx)->fates[fate]++;
}

static void on_control_acked(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    (void)c, (void)now;
    ((struct node *)ctx)->control_acked++;
}

static void on_forgotten(void *ctx, void *user, qhcp_nsec now)
{
    struct node *n = ctx;

    (void)now;
    assert_ptr_equal(user, n);
    n->forgotten++;
}

static void on_ticket(void *ctx, struct quic_conn *c, const uint8_t *p, size_t size)
{
    struct node *n = ctx;

    (void)c;
    assert_true(size <= sizeof(n->ticket));
    memcpy(n->ticket, p, size);
    n->ticket_size = size;
    n->tickets++;
}

static void on_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    struct node *n = ctx;

    (void)now;
    n->closed++;
    n->why = *why;
    if (n->on_closed)
        n->on_closed(n, c);
    if (n->conn == c)
        n->conn = NULL;
}

static const struct quic_handlers handlers = {
    .accepted = on_accepted,
    .connected = on_connected,
    .control = on_control,
    .datagram = on_datagram,
    .datagram_done = on_datagram_done,
    .control_acked = on_control_acked,
    .forgotten = on_forgotten,
    .ticket = on_ticket,
    .closed = on_closed,
};

void world_init(struct world *w, uint64_t seed)
{
    *w = (struct world){
        .now = 1000 * NSEC_PER_SEC, .delay = NSEC_PER_MSEC / 4, .random = seed ? seed : 1};
}

void world_deinit(struct world *w)
{
    while (w->flights) {
        struct flight *f = w->flights;

        w->flights = f->next;
        free(f);
    }
    for (size_t i = 0; i < w->n_nodes; i++)
        quic_endpoint_free(w->nodes[i]->endpoint);
}

static void make_endpoint(struct node *n, const struct quic_endpoint_config *config,
                          struct quic_tls *tls)
{
    struct quic_endpoint_config mine = *config;

    mine.handlers = &handlers;
    mine.ctx = n;
    assert_int_equal(quic_endpoint_new(&mine, tls, &n->endpoint), 0);
    /* Hosts are counted in slots by a keyed hash.  With a random key, two hosts of a test would
     * share a slot once in some hundred runs.  With this key, the hosts of the tests have slots
     * apart. */
    memcpy(n->endpoint->lookup.secret, "the key of tests", sizeof(n->endpoint->lookup.secret));
}

void world_add(struct world *w, struct node *n, const struct quic_endpoint_config *config,
               struct quic_tls *tls)
{
    assert_true(w->n_nodes < WORLD_NODES);
    n->world = w;
    w->nodes[w->n_nodes++] = n;
    n->addr.in.sin_family = AF_INET;
    n->addr.in.sin_port = htons(4243);
    n->addr.in.sin_addr.s_addr = htonl(0x0a000000 + (uint32_t)w->n_nodes);
    make_endpoint(n, config, tls);
}

void world_restart(struct world *w, struct node *n, const struct quic_endpoint_config *config,
                   struct quic_tls *tls)
{
    (void)w;
    quic_endpoint_free(n->endpoint);
    n->conn = NULL;
    make_endpoint(n, config, tls);
}

static void fly(struct world *w, const union qhcp_addr *from, const union qhcp_addr *to,
                const uint8_t *data, size_t size)
{
    struct flight *f = malloc(sizeof(*f) + size), **at = &w->flights;

    assert_non_null(f);
    *f = (struct flight){.from = *from, .to = *to, .size = size, .at = w->now + w->delay};
    if (w->jitter)
        f->at += world_random(w) % w->jitter;
    memcpy(f->data, data, size);
    while (*at && (*at)->at <= f->at)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
}

void world_inject(struct world *w, const union qhcp_addr *from, struct node *to,
                  const uint8_t *data, size_t size)
{
    fly(w, from, &to->addr, data, size);
}

static void send_all(struct world *w, struct node *n)
{
    static uint8_t room[8][1500];
    struct qhcp_packet packets[8];
    size_t count;

    do {
        for (size_t i = 0; i < 8; i++)
            packets[i] = (struct qhcp_packet){.data = room[i], .cap = sizeof(room[i])};
        count = quic_send(n->endpoint, w->now, packets, 8);
        for (size_t i = 0; i < count; i++) {
            assert_true(packets[i].len > 0 && packets[i].len <= 1452);
            if (n->endpoint->config.server) /* also Retry, resets, ...: from where it was asked */
                assert_true(address_equal(&packets[i].local, &n->addr));
            n->sent++;
            if ((w->tap && !w->tap(w, n, &packets[i])) || n->mute ||
                world_random(w) % 1000 < w->loss)
                continue;
            fly(w, &n->addr, &packets[i].remote, packets[i].data, packets[i].len);
            if (world_random(w) % 1000 < w->duplicate)
                fly(w, &n->addr, &packets[i].remote, packets[i].data, packets[i].len);
        }
    } while (count > 0);
}

static void arrive(struct world *w)
{
    while (w->flights && w->flights->at <= w->now) {
        struct flight *f = w->flights;
        struct qhcp_packet packet = {
            .remote = f->from, .local = f->to, .data = f->data, .len = f->size};

        w->flights = f->next;
        for (size_t i = 0; i < w->n_nodes; i++) {
            if (w->nodes[i]->deaf || !address_equal(&w->nodes[i]->addr, &f->to))
                continue;
            w->nodes[i]->received++;
            quic_receive(w->nodes[i]->endpoint, w->now, &packet, 1);
        }
        free(f);
    }
}

void world_run(struct world *w, qhcp_nsec for_nsec, bool (*done)(struct world *w))
{
    qhcp_nsec until = w->now + for_nsec;

    for (unsigned long turns = 0; !done || !done(w); turns++) {
        qhcp_nsec next = w->flights ? w->flights->at : NSEC_NEVER;

        assert_true(turns < 5000000); /* a spinning deadline is a failure */
        for (size_t i = 0; i < w->n_nodes; i++)
            send_all(w, w->nodes[i]);
        next = w->flights ? w->flights->at : NSEC_NEVER;
        for (size_t i = 0; i < w->n_nodes; i++)
            next = nsec_min(next, quic_deadline(w->nodes[i]->endpoint));
        if (next > until)
            break;
        w->now = nsec_max(w->now, next);
        arrive(w);
        for (size_t i = 0; i < w->n_nodes; i++)
            quic_expire(w->nodes[i]->endpoint, w->now);
    }
    if (!done)
        w->now = until;
}

struct quic_endpoint_config world_server_config(void)
{
    return (struct quic_endpoint_config){.server = true,
                                         .reset_key = {1, 2, 3},
                                         .retry_key = {4, 5, 6},
                                         .max_conns = 10000,
                                         .retry_above = 10000};
}

struct quic_endpoint_config world_client_config(void)
{
    return (struct quic_endpoint_config){.server = false};
}

struct quic_tls *world_tls(const struct quic_tls_config *config)
{
    struct quic_tls *tls = NULL;
    char words[256];
    int rv = quic_tls_new(config, &tls, words, sizeof(words));

    if (rv != 0)
        fail_msg("quic_tls_new: %s", words);
    return tls;
}

struct quic_conn *world_dial_with(struct node *client, struct node *server, const char *name,
                                  const uint8_t *ticket, size_t ticket_size)
{
    struct quic_dial dial = {.remote = server->addr,
                             .name = name,
                             .ticket = slice_of(ticket, ticket_size),
                             .timeout = 5 * NSEC_PER_SEC,
                             .user = client};
    struct quic_conn *c = NULL;

    assert_int_equal(quic_dial(client->endpoint, client->world->now, &dial, &c), 0);
    return c;
}

struct quic_conn *world_dial(struct node *client, struct node *server, const char *name)
{
    return world_dial_with(client, server, name, NULL, 0);
}

void world_pair_init(struct pair *p)
{
    struct quic_endpoint_config server = world_server_config(), client = world_client_config();

    memset(p, 0, sizeof(*p));
    world_init(&p->world, 7);
    p->ca = cert_make(&(struct cert_spec){.cn = "Test CA", .ca = true});
    p->cert = cert_make(&(struct cert_spec){.cn = "a", .dns = {"a.example"}, .issuer = &p->ca});
    p->server_tls =
        world_tls(&(struct quic_tls_config){.cert_pem = p->cert.pem, .key_pem = p->cert.key});
    p->client_tls = world_tls(
        &(struct quic_tls_config){.trust_pem = p->ca.pem, .trust_name = "/etc/qhcp/ca.pem"});
    world_add(&p->world, &p->server, &server, p->server_tls);
    world_add(&p->world, &p->client, &client, p->client_tls);
}

void world_pair_deinit(struct pair *p)
{
    world_deinit(&p->world);
    quic_tls_unref(p->server_tls);
    quic_tls_unref(p->client_tls);
    cert_free(&p->ca);
    cert_free(&p->cert);
}

struct quic_conn *pair_connect(struct pair *p)
{
    struct quic_conn *c = world_dial(&p->client, &p->server, "a.example");

    world_run(&p->world, NSEC_PER_SEC, NULL);
    if (p->client.conn != c)
        fail_msg("not connected: %s", p->client.why.words);
    assert_non_null(p->server.conn);
    return c;
}
