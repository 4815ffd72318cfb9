/* All connections of an endpoint decrypt into one buffer: what they hear stays their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "quic/internal.h"
#include "world.h"

#define CONNS 3
#define CHUNK 900
#define CHUNKS 24

static struct quic_conn *accepted[CONNS];
static size_t n_accepted, heard[CONNS], datagrams[CONNS];

static int on_accepted(struct node *n, struct quic_conn *c)
{
    (void)n;
    assert_true(n_accepted < CONNS);
    accepted[n_accepted++] = c;
    return 0;
}

static size_t index_of(const struct quic_conn *c)
{
    size_t i = 0;

    while (accepted[i] != c)
        i++;
    return i;
}

/* Byte `at` of what connection i says. */
static uint8_t byte(size_t i, size_t at)
{
    return (uint8_t)(at * 7 + at / 251 + i * 85);
}

static void on_control(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    size_t i = index_of(c);

    (void)n;
    for (size_t k = 0; k < size; k++)
        assert_int_equal(p[k], byte(i, heard[i] + k));
    heard[i] += size;
}

static void on_datagram(struct node *n, struct quic_conn *c, const uint8_t *p, size_t size)
{
    size_t i = index_of(c);

    (void)n;
    for (size_t k = 0; k < size; k++)
        assert_int_equal(p[k], byte(i, k));
    datagrams[i]++;
}

static void say(struct quic_conn *c, size_t i, size_t chunk)
{
    uint8_t text[CHUNK];

    for (size_t k = 0; k < CHUNK; k++)
        text[k] = byte(i, k);
    assert_int_equal(quic_conn_datagram(c, text, 64 + i, 0), 0);
    for (size_t k = 0; k < CHUNK; k++)
        text[k] = byte(i, chunk * CHUNK + k);
    assert_int_equal(quic_conn_write(c, text, CHUNK), 0);
}

/* Packets of all of them come mixed, late, twice and out of order, so that bytes of one wait inside
 * ngtcp2 while those of the others are decrypted. */
static void connections_hear_their_own(void **state)
{
    struct quic_conn *clients[CONNS];
    struct pair p;

    (void)state;
    world_pair_init(&p);
    p.server.on_accepted = on_accepted;
    p.server.on_control = on_control;
    p.server.on_datagram = on_datagram;
    for (size_t i = 0; i < CONNS; i++)
        clients[i] = pair_connect(&p);
    p.world.loss = 100;
    p.world.duplicate = 100;
    p.world.jitter = 20 * NSEC_PER_MSEC;
    for (size_t chunk = 0; chunk < CHUNKS; chunk++) {
        for (size_t i = 0; i < CONNS; i++)
            say(clients[i], i, chunk);
        world_run(&p.world, 100 * NSEC_PER_MSEC, NULL);
    }
    world_run(&p.world, 20 * NSEC_PER_SEC, NULL);
    for (size_t i = 0; i < CONNS; i++) {
        assert_int_equal(heard[i], CHUNKS * CHUNK);
        assert_in_range(datagrams[i], CHUNKS / 2, CHUNKS);
    }
    assert_int_equal(p.client.closed + p.server.closed, 0);
    assert_true(p.server.endpoint->shares);
    assert_non_null(p.server.endpoint->decrypted);
    world_pair_deinit(&p);
}

/* The hooks by themselves. */
static void only_the_first_2048_bytes_are_shared(void **state)
{
    struct quic_endpoint e = {0};
    const ngtcp2_mem *m = &e.memory;
    void *a, *b, *c, *d;

    (void)state;
    quic_scratch_init(&e);
    assert_true(e.shares);
    a = m->realloc(NULL, QUIC_DECRYPTED, m->user_data);
    b = m->realloc(NULL, QUIC_DECRYPTED, m->user_data);
    c = m->realloc(NULL, 32, m->user_data);
    d = m->malloc(QUIC_DECRYPTED, m->user_data);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_ptr_not_equal(a, d);
    memset(a, 'x', QUIC_DECRYPTED);
    b = m->realloc(b, 2 * QUIC_DECRYPTED, m->user_data); /* larger packets: its own */
    assert_ptr_not_equal(a, b);
    assert_memory_equal(a, b, QUIC_DECRYPTED);
    b = m->realloc(b, 4 * QUIC_DECRYPTED, m->user_data);
    c = m->realloc(c, QUIC_DECRYPTED, m->user_data);
    assert_ptr_not_equal(a, c);
    m->free(a, m->user_data); /* a connection ends */
    memset(a, 'y', QUIC_DECRYPTED);
    m->free(b, m->user_data);
    m->free(c, m->user_data);
    m->free(d, m->user_data);
    m->free(NULL, m->user_data);
    quic_scratch_deinit(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_hear_their_own),
        cmocka_unit_test(only_the_first_2048_bytes_are_shared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
