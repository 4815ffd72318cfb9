/* Nobody but the two ends of a connection learns the token that would reset it (RFC 9000, 10.3.2
 * and 21.11): not from a client, whose connection IDs all may see, and not from a server that is
 * asked about a live connection in every way that a stranger has. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "duel.h"
#include "quic/internal.h"

static const struct rogue_plan honest;

static void token_of(const uint8_t *key, const uint8_t *id, size_t n, uint8_t ret[16])
{
    ngtcp2_cid cid;

    ngtcp2_cid_init(&cid, id, n);
    assert_int_equal(ngtcp2_crypto_generate_stateless_reset_token(ret, key, 32, &cid), 0);
}

static void a_clients_tokens_cannot_be_computed(void **state)
{
    static const uint8_t zero[32];
    struct duel *d = duel_new(false);
    uint8_t guess[16];

    (void)state;
    duel_meet(d, &honest);
    assert_int_equal(d->rogue.id.size, QUIC_CLIENT_CID);
    token_of(zero, d->rogue.id.bytes, d->rogue.id.size, guess);
    assert_memory_not_equal(d->rogue.id.token, guess, sizeof(guess));
    duel_part(d);
    duel_free(d);
}

static uint8_t wanted[16];
static unsigned told;

static bool look_for_token(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    struct duel *d = (struct duel *)w;

    (void)from;
    for (size_t i = 0; i + sizeof(wanted) <= p->len; i++)
        told += memcmp(p->data + i, wanted, sizeof(wanted)) == 0;
    if (memcmp(&p->remote, &d->addr, sizeof(d->addr)) == 0)
        rogue_receive(&d->rogue, p->data, p->len);
    return false;
}

/* Short and long headers of every kind, sizes from nothing to a whole packet, versions that are and
 * are not spoken. */
static void ask(struct duel *d, const union qhcp_addr *from, const uint8_t *id, size_t n)
{
    static const uint32_t versions[] = {1, 0, 0x6b3343cf, 0x1a2a3a4a};
    uint8_t packet[1200];

    for (unsigned first = 0; first < 256; first += 3) {
        size_t at = 1, size = 20 + (size_t)(world_random(&d->world) % 1180);

        for (size_t i = 0; i < sizeof(packet); i++)
            packet[i] = (uint8_t)world_random(&d->world);
        packet[0] = (uint8_t)first;
        if (first & 0x80) {
            uint32_t version = htonl(versions[first % 4]);

            memcpy(packet + 1, &version, sizeof(version));
            packet[5] = (uint8_t)n;
            at = 6;
        }
        memcpy(packet + at, id, n);
        world_inject(&d->world, from, &d->victim, packet, first % 5 ? size : sizeof(packet));
        world_run(&d->world, 70 * NSEC_PER_MSEC, NULL); /* resets are few a second */
    }
}

static void a_server_tells_no_stranger_the_token_of_a_live_connection(void **state)
{
    union qhcp_addr stranger = {.in = {.sin_family = AF_INET, .sin_port = 4242}};
    struct quic_endpoint_config config = world_server_config();
    struct duel *d = duel_new(true);
    uint8_t id[QUIC_SERVER_CID];

    (void)state;
    stranger.in.sin_addr.s_addr = htonl(0x0a000063);
    d->world.tap = look_for_token;
    duel_meet(d, &honest);
    assert_int_equal(d->rogue.dcid_size, sizeof(id));
    memcpy(id, d->rogue.dcid, sizeof(id));
    token_of(config.reset_key, id, sizeof(id), wanted);
    told = 0;
    ask(d, &stranger, id, sizeof(id));
    ask(d, &d->addr, id, sizeof(id)); /* who forges the peer's address hears no more */
    assert_int_equal(told, 0);
    assert_false(d->rogue.close.seen);
    assert_int_equal(d->victim.closed, 0);
    duel_part(d);
    ask(d, &stranger, id, sizeof(id)); /* the twin: of a connection that has ended */
    assert_true(told > 10);
    duel_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clients_tokens_cannot_be_computed),
        cmocka_unit_test(a_server_tells_no_stranger_the_token_of_a_live_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
