/* The table of connection IDs: whoever chooses keys fills no bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/prng.h"
#include "quic/lookup.h"

#define IDS 4000
#define SIZE 20
#define LONGEST 12 /* of 4,000 keys in 4,096 buckets: with a good hash 10 would be rare */

static const uint8_t prefix[QUIC_LOOKUP_PREFIX] = {1, 2, 3, 4};
static struct quic_link *links[IDS];

static void draw(struct prng *random, uint8_t *id, size_t n)
{
    for (size_t i = 0; i < n; i++)
        id[i] = (uint8_t)prng_below(random, 256);
}

/* IDs of ours have the prefix and random bytes; a peer's have what it likes: here, the same bytes
 * at the end of each. */
static void fill(struct quic_lookup *t, bool own)
{
    struct prng random = {.state = 7};
    struct quic_key key;
    uint8_t id[SIZE];

    for (size_t i = 0; i < IDS; i++) {
        draw(&random, id, sizeof id);
        if (own)
            memcpy(id, prefix, sizeof prefix);
        else
            memset(id + SIZE - 8, 0, 8);
        quic_key_set(&key, QUIC_LOOKUP_CID, id, sizeof id);
        assert_int_equal(quic_lookup_add(t, &key, NULL, &links[i]), 0);
    }
}

static unsigned longest(const struct quic_lookup *t)
{
    unsigned most = 0;

    for (size_t i = 0; i < t->n_buckets; i++) {
        unsigned n = 0;

        for (const struct quic_link *link = t->buckets[i]; link; link = link->chain)
            n++;
        most = n > most ? n : most;
    }
    return most;
}

static void every_key_is_found_and_no_bucket_is_long(void **state)
{
    for (int own = 0; own < 2; own++) {
        struct quic_lookup t;

        (void)state;
        assert_int_equal(quic_lookup_init(&t), 0);
        quic_lookup_own(&t, prefix, SIZE);
        fill(&t, own);
        assert_true(t.n_buckets >= IDS);
        assert_true(longest(&t) <= LONGEST);
        for (size_t i = 0; i < IDS; i++)
            assert_ptr_equal(quic_lookup_find(&t, &links[i]->key), links[i]);
        for (size_t i = 0; i < IDS; i += 2) {
            struct quic_key key = links[i]->key;

            quic_lookup_remove(&t, links[i]);
            assert_null(quic_lookup_find(&t, &key));
        }
        assert_int_equal(t.count, IDS / 2);
        quic_lookup_deinit(&t);
    }
}

/* Without a hash: this is what makes a look-up cheap. */
static void our_own_ids_are_where_their_last_bytes_say(void **state)
{
    struct quic_lookup t;

    (void)state;
    assert_int_equal(quic_lookup_init(&t), 0);
    quic_lookup_own(&t, prefix, SIZE);
    fill(&t, true);
    for (size_t i = 0; i < IDS; i++) {
        const struct quic_link *link;
        uint32_t last;

        memcpy(&last, links[i]->key.bytes + 1 + SIZE - sizeof last, sizeof last);
        link = t.buckets[last & (t.n_buckets - 1)];
        while (link && link != links[i])
            link = link->chain;
        assert_ptr_equal(link, links[i]);
    }
    quic_lookup_deinit(&t);
}

/* The vectors of the paper (Aumasson and Bernstein 2012, appendix A) and of its reference code. */
static void the_hash_is_siphash_2_4(void **state)
{
    static const uint64_t secret[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t bytes[64];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_true(quic_lookup_sip(secret, bytes, 15) == 0xa129ca6149be45e5);
    assert_true(quic_lookup_sip(secret, bytes, 0) == 0x726fdb47dd0e0e31);
    assert_true(quic_lookup_sip(secret, bytes, 8) == 0x93f5f5799a932462);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_found_and_no_bucket_is_long),
        cmocka_unit_test(our_own_ids_are_where_their_last_bytes_say),
        cmocka_unit_test(the_hash_is_siphash_2_4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
