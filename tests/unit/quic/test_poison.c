/* Session tickets that a hostile server gives: each is kept, passed over or the end of that one
 * connection, and the next handshake, which may offer it, is as good as ever. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "duel.h"

#define MESSAGE_MAX 70000
#define ANY 1

static const struct rogue_plan honest;

struct ticket {
    const char *name;
    uint32_t lifetime;
    size_t nonce, identity; /* bytes */
    size_t claimed;         /* the identity's length field, where that lies */
    const char *extensions; /* in hex, after their length; NULL: none */
    uint64_t code;          /* 0: the connection goes on; ANY: GnuTLS chooses the alert */
};

static const struct ticket tickets[] = {
    {"an honest one", 3600, 8, 100, 0, NULL, 0},
    {"an empty one", 3600, 8, 0, 0, NULL, 0},
    {"one byte", 3600, 1, 1, 0, NULL, 0},
    {"no nonce", 3600, 0, 100, 0, NULL, 0},
    {"the longest nonce", 3600, 255, 100, 0, NULL, 0},
    {"dead at once", 0, 8, 100, 0, NULL, 0},
    {"for 136 years", 0xffffffff, 8, 100, 0, NULL, 0},
    {"as large as one may be", 3600, 8, 16000, 0, NULL, 0},
    {"larger", 3600, 8, 60000, 0, NULL, 0x132},
    {"one that says it is longer", 3600, 8, 100, 200, NULL, ANY},
    {"an unknown extension", 3600, 8, 100, 0, "fafa0004deadbeef", 0},
    {"an extension that says it is longer", 3600, 8, 100, 0, "fafa00ffdeadbeef", ANY},
    {"early data of any size", 3600, 8, 100, 0, "002a0004ffffffff", 0},
    {"early data of one byte", 3600, 8, 100, 0, "002a000400000001", 0xa},
};

static uint8_t *put(uint8_t *p, uint64_t value, unsigned size)
{
    while (size-- > 0)
        *p++ = (uint8_t)(value >> (8 * size));
    return p;
}

/* RFC 8446, 4.6.1. */
static size_t make(const struct ticket *t, uint8_t *ret)
{
    const char *hex = t->extensions ? t->extensions : "";
    uint8_t *p = put(ret + 4, t->lifetime, 4);

    p = put(put(p, 7, 4), t->nonce, 1);
    memset(p, 'n', t->nonce);
    p = put(p + t->nonce, t->claimed ? t->claimed : t->identity, 2);
    memset(p, 't', t->identity);
    p = put(p + t->identity, strlen(hex) / 2, 2);
    for (; *hex != '\0'; hex += 2) {
        char pair[3] = {hex[0], hex[1]};

        *p++ = (uint8_t)strtoul(pair, NULL, 16);
    }
    ret[0] = 4; /* NewSessionTicket */
    put(ret + 1, (uint64_t)(p - ret) - 4, 3);
    return (size_t)(p - ret);
}

static void every_ticket_is_survived_and_the_next_handshake_succeeds(void **state)
{
    static uint8_t message[MESSAGE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(tickets) / sizeof(tickets[0]); i++) {
        struct duel *d = duel_new(false);
        size_t n = make(&tickets[i], message);

        duel_meet(d, &honest);
        rogue_crypto(&d->rogue, ROGUE_APP, slice_of(message, n));
        world_run(&d->world, NSEC_PER_SEC, NULL);
        if (d->rogue.close.seen != (tickets[i].code != 0) ||
            (tickets[i].code != ANY && d->rogue.close.code != tickets[i].code))
            fail_msg("%s: closed %d, 0x%llx \"%s\"", tickets[i].name, d->rogue.close.seen,
                     (unsigned long long)d->rogue.close.code, d->rogue.close.words);
        duel_part(d);
        duel_meet(d, &honest); /* offers what it was given */
        if (d->victim.connected != 1 || d->rogue.close.seen)
            fail_msg("%s: then \"%s\"", tickets[i].name, d->victim.why.words);
        duel_part(d);
        duel_free(d);
    }
}

static void tickets_without_end_are_not_kept(void **state)
{
    static uint8_t message[MESSAGE_MAX];
    const struct ticket large = {.lifetime = 3600, .nonce = 8, .identity = 15000};
    struct duel *d = duel_new(false);
    size_t n = make(&large, message), before;

    (void)state;
    duel_meet(d, &honest);
    before = mallinfo2().uordblks;
    for (unsigned i = 0; i < 500; i++) {
        rogue_crypto(&d->rogue, ROGUE_APP, slice_of(message, n));
        world_run(&d->world, 10 * NSEC_PER_MSEC, NULL);
    }
    assert_false(d->rogue.close.seen);
    assert_true(mallinfo2().uordblks < before + 200000); /* 7.5 MB were sent */
    assert_true(d->victim.tickets <= 1);
    duel_part(d);
    duel_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ticket_is_survived_and_the_next_handshake_succeeds),
        cmocka_unit_test(tickets_without_end_are_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
