/* What ngtcp2 takes for a connection and does not use, it is not given; and nobody misses it. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

#define HEADER 256
#define CONTENT 2048
#define STREAMS 3344

static void spoil(struct quic_blocks *m)
{
    if (m->header)
        memset(m->header, 0xff, HEADER);
    if (m->content)
        memset(m->content, 0xff, CONTENT);
}

static bool spoil_all(struct world *w, struct node *from, const struct qhcp_packet *packet)
{
    (void)from, (void)packet;
    for (size_t i = 0; i < w->n_nodes; i++)
        spoil(&w->nodes[i]->endpoint->blocks);
    w->tapped++;
    return true;
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

/* Between two packets the buffers that all connections share hold nothing that is needed: packets
 * may be lost, come twice and in another order. */
static void nothing_is_kept_in_the_shared_buffers(void **state)
{
    static uint8_t much[30000];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.world.tap = spoil_all;
    p.world.loss = 100;
    p.world.duplicate = 100;
    p.world.jitter = 5 * NSEC_PER_MSEC;
    world_dial(&p.client, &p.server, "a.example");
    world_run(&p.world, 5 * NSEC_PER_SEC, NULL);
    assert_int_equal(quic_conn_write(p.client.conn, much, sizeof(much)), 0);
    world_run(&p.world, 20 * NSEC_PER_SEC, NULL);
    assert_int_equal(p.server.control_size, sizeof(much));
    p.world.loss = 0;
    assert_heard(&p, false);
    assert_heard(&p, true);
    assert_non_null(p.client.endpoint->blocks.header);
    assert_non_null(p.client.endpoint->blocks.content);
    assert_int_equal(p.client.conn->buffers, 2);
    assert_int_equal(p.server.conn->buffers, 2);
    world_pair_deinit(&p);
}

/* Who chooses the size of what he sends, must not choose whose memory it is. */
static void a_block_is_known_by_its_turn_and_not_by_its_size_alone(void **state)
{
    struct quic_conn one = {0}, other = {0};
    struct quic_blocks m;
    ngtcp2_mem *h = &m.hooks;
    void *a, *b, *c;

    (void)state;
    quic_blocks_init(&m);
    assert_true(m.known);
    a = h->realloc(NULL, CONTENT, &m); /* nobody reads */
    m.reading = &one;
    b = h->realloc(NULL, CONTENT, &m); /* a header that is as long: its connection's own */
    assert_null(m.content);
    assert_null(m.header);
    h->free(a, &m);
    h->free(b, &m);
    a = h->realloc(NULL, CONTENT, &m);
    assert_ptr_equal(a, m.content);
    b = h->realloc(NULL, CONTENT, &m); /* a third one is none of the two */
    assert_ptr_not_equal(a, b);
    h->free(b, &m);
    m.reading = &other;
    b = h->realloc(NULL, HEADER, &m);
    c = h->realloc(NULL, CONTENT, &m);
    assert_ptr_equal(b, m.header);
    assert_ptr_equal(c, a);
    /* One that grows leaves the others theirs, and takes along what it held. */
    memset(c, 7, CONTENT);
    c = h->realloc(c, (size_t)2 * CONTENT, &m);
    assert_ptr_not_equal(c, m.content);
    assert_memory_equal(c, m.content, CONTENT);
    h->free(a, &m);
    h->free(b, &m);
    memset(m.content, 0, CONTENT); /* still there */
    h->free(c, &m);
    quic_blocks_deinit(&m);
}

static void the_pool_of_streams_has_room_for_those_that_can_be(void **state)
{
    struct quic_blocks m;
    void *whole, *part;

    (void)state;
    quic_blocks_init(&m);
    whole = m.hooks.malloc(STREAMS, &m);
    m.opening = true;
    part = m.hooks.malloc(STREAMS, &m);
    assert_in_range(malloc_usable_size(whole), STREAMS, SIZE_MAX);
    assert_in_range(malloc_usable_size(part), 1, 500);
    m.hooks.free(part, &m);
    part = m.hooks.malloc(STREAMS + 1, &m);
    assert_in_range(malloc_usable_size(part), STREAMS + 1, SIZE_MAX);
    m.hooks.free(part, &m);
    m.hooks.free(whole, &m);
    quic_blocks_deinit(&m);
}

static void another_ngtcp2_gets_the_heap_as_it_is(void **state)
{
    struct quic_blocks m;

    (void)state;
    quic_blocks_init(&m);
    assert_ptr_equal(quic_blocks_hooks(&m), &m.hooks);
    m.known = false;
    assert_null(quic_blocks_hooks(&m));
    quic_blocks_deinit(&m);
}

/* The cipher for writing with the next key is made by the first packet that needs it. */
static void keys_change_on_both_sides(void **state)
{
    struct pair p;

    (void)state;
    world_pair_init(&p);
    pair_connect(&p);
    for (unsigned i = 0; i < 6; i++) {
        struct node *who = i % 2 ? &p.server : &p.client;

        assert_int_equal(ngtcp2_conn_initiate_key_update(who->conn->ng, p.world.now), 0);
        assert_heard(&p, i % 2);
        assert_heard(&p, !(i % 2));
        world_run(&p.world, 60 * NSEC_PER_SEC, NULL); /* a key lives for three probe timeouts */
    }
    world_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_kept_in_the_shared_buffers),
        cmocka_unit_test(a_block_is_known_by_its_turn_and_not_by_its_size_alone),
        cmocka_unit_test(the_pool_of_streams_has_room_for_those_that_can_be),
        cmocka_unit_test(another_ngtcp2_gets_the_heap_as_it_is),
        cmocka_unit_test(keys_change_on_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
