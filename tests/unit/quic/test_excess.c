/* A peer that finished the handshake and sends more of everything than any honest one: what it can
 * make the other side keep is bounded, and what it can make it send, to the peer itself and to an
 * address that is not the peer's. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cursor.h"
#include "duel.h"

#define PACKETS 1000
#define KEPT_MAX 262144 /* bytes */
#define ANSWERS_MAX 5   /* packets for each */
#define ROOM 1200

static const struct rogue_plan honest;

struct flood {
    const char *name;
    void (*fill)(struct rogue *r, struct writer *w, unsigned i); /* the i-th packet's frames */
};

static void fill_challenges(struct rogue *r, struct writer *w, unsigned i)
{
    (void)r, (void)i;
    for (unsigned n = 0; n < 100; n++)
        writer_bytes(w, slice_of("\x1a"
                                 "12345678",
                                 9));
}

static void fill_ids(struct rogue *r, struct writer *w, unsigned i)
{
    uint8_t id[24] = {8, (uint8_t)(i >> 8), (uint8_t)i};

    (void)r;
    writer_varint(w, 0x18);
    writer_varint(w, i + 1);
    writer_varint(w, i + 1); /* all before it retire */
    writer_bytes(w, slice_of(id, 9));
    writer_bytes(w, slice_of(id, 16));
}

static void fill_retires(struct rogue *r, struct writer *w, unsigned i)
{
    (void)r;
    writer_varint(w, 0x19);
    writer_varint(w, i + 1);
}

/* One byte, none, one byte: the control stream in as many pieces as can be. */
static void fill_pieces(struct rogue *r, struct writer *w, unsigned i)
{
    (void)r;
    for (unsigned n = 0; n < 100; n++) {
        uint64_t at = 2 * (100 * (uint64_t)i + n) + 1;

        if (at >= 65536)
            break;
        writer_varint(w, 0x0e);
        writer_varint(w, 0);
        writer_varint(w, at);
        writer_bytes(w, slice_of("\x01x", 2));
    }
    writer_varint(w, 0x01);
}

static void fill_crypto_pieces(struct rogue *r, struct writer *w, unsigned i)
{
    (void)r;
    for (unsigned n = 0; n < 100; n++) {
        uint64_t at = 2 * (100 * (uint64_t)i + n) + 1;

        if (at >= 65536)
            break;
        writer_varint(w, 0x06);
        writer_varint(w, at);
        writer_bytes(w, slice_of("\x01x", 2));
    }
    writer_varint(w, 0x01);
}

/* Every second packet number, so that there are as many ranges to acknowledge. */
static void fill_gaps(struct rogue *r, struct writer *w, unsigned i)
{
    (void)i;
    r->spaces[ROGUE_APP].next += 2;
    writer_varint(w, 0x01);
}

static void fill_pings(struct rogue *r, struct writer *w, unsigned i)
{
    (void)r, (void)i;
    for (unsigned n = 0; n < ROOM - 100; n++)
        writer_varint(w, 0x01);
}

static void fill_datagrams(struct rogue *r, struct writer *w, unsigned i)
{
    (void)r, (void)i;
    for (unsigned n = 0; n < 400; n++)
        writer_bytes(w, slice_of("\x31\x00", 2));
}

static const struct flood floods[] = {
    {"PATH_CHALLENGE", fill_challenges},
    {"NEW_CONNECTION_ID", fill_ids},
    {"RETIRE_CONNECTION_ID", fill_retires},
    {"STREAM in pieces", fill_pieces},
    {"CRYPTO in pieces", fill_crypto_pieces},
    {"packet numbers with gaps", fill_gaps},
    {"PING", fill_pings},
    {"DATAGRAM without bytes", fill_datagrams},
};

static void run(const struct flood *f, bool victim_is_server)
{
    struct duel *d = duel_new(victim_is_server);
    uint8_t frames[ROOM];
    struct writer w;
    size_t before;
    uint64_t sent;
    unsigned i = 0;

    duel_meet(d, &honest);
    before = mallinfo2().uordblks;
    sent = d->victim.sent;
    for (; i < PACKETS && !d->rogue.close.seen; i++) {
        writer_init(&w, frames, sizeof(frames));
        f->fill(&d->rogue, &w, i);
        assert_int_equal(w.error, 0);
        rogue_send(&d->rogue, ROGUE_APP, slice_of(frames, (size_t)(w.p - frames)), 0);
        world_run(&d->world, NSEC_PER_MSEC, NULL);
    }
    if (mallinfo2().uordblks > before + KEPT_MAX)
        fail_msg("%s: %zu bytes are kept", f->name, mallinfo2().uordblks - before);
    if (d->victim.sent - sent > ANSWERS_MAX * (uint64_t)i)
        fail_msg("%s: %u packets, %llu answers", f->name, i,
                 (unsigned long long)(d->victim.sent - sent));
    duel_part(d);
    duel_free(d);
}

static void what_a_peer_makes_us_keep_and_send_is_bounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        run(&floods[i], true);
        run(&floods[i], false);
    }
}

static size_t strayed; /* bytes to the address that is not the peer's */

static bool count_strays(struct world *w, struct node *from, const struct qhcp_packet *p)
{
    struct duel *d = (struct duel *)w;

    (void)from;
    if (p->remote.in.sin_port == d->addr.in.sin_port)
        rogue_receive(&d->rogue, p->data, p->len);
    else
        strayed += p->len;
    return false;
}

/* RFC 9000, 8.1 and 9.3: three times what came from there, until somebody there has answered. */
static void a_forged_address_is_sent_no_more_than_three_times_as_much(void **state)
{
    (void)state;
    for (unsigned challenges = 1; challenges <= 100; challenges += 33) {
        struct duel *d = duel_new(true);
        in_port_t own = d->addr.in.sin_port;
        uint8_t frames[ROOM];
        size_t came = 0;

        d->world.tap = count_strays;
        strayed = 0;
        duel_meet(d, &honest);
        for (unsigned i = 0; i < 20; i++) {
            struct writer w;

            writer_init(&w, frames, sizeof(frames));
            for (unsigned n = 0; n < challenges; n++)
                writer_bytes(&w, slice_of("\x1a"
                                          "12345678",
                                          9));
            writer_varint(&w, 0x01); /* without it nobody would have moved */
            d->addr.in.sin_port = 777;
            rogue_send(&d->rogue, ROGUE_APP, slice_of(frames, (size_t)(w.p - frames)), 0);
            d->addr.in.sin_port = own;
            came += (size_t)(w.p - frames) + 1 + d->rogue.dcid_size + 4 + 16;
            world_run(&d->world, 20 * NSEC_PER_MSEC, NULL);
        }
        world_run(&d->world, 15 * NSEC_PER_SEC, NULL);
        assert_true(strayed > 0 && strayed <= 3 * came);
        duel_part(d);
        duel_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_peer_makes_us_keep_and_send_is_bounded),
        cmocka_unit_test(a_forged_address_is_sent_no_more_than_three_times_as_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
