/* Random numbers: the fast ones are splitmix64's, the others are new each time. */
#include "../words.h"

#include <stdbool.h>

#include "base/os/entropy.h"
#include "base/prng.h"

/* Vigna's splitmix64.c, with the state 1234567. */
static void the_numbers_are_splitmix64_s(void **state)
{
    static const uint64_t want[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                    UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                                    UINT64_C(16408922859458223821)};
    struct prng r = {1234567};

    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
        assert_true(prng_next(&r) == want[i]);
}

static void a_number_below_n_is_each_as_often(void **state)
{
    struct prng r = {1};
    unsigned seen[7] = {0};

    (void)state;
    for (unsigned i = 0; i < 70000; i++) {
        double u = prng_unit(&r);

        assert_true(u >= 0 && u < 1);
        seen[prng_below(&r, 7)]++;
    }
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_int_equal(prng_below(&r, 1), 0);
}

static void the_kernel_s_bytes_fill_all_and_differ(void **state)
{
    static uint8_t a[5000], b[5000];
    unsigned zeros = 0;

    (void)state;
    assert_int_equal(entropy_fill(a, sizeof a), 0);
    assert_int_equal(entropy_fill(b, sizeof b), 0);
    assert_memory_not_equal(a, b, sizeof a);
    for (size_t i = sizeof a - 256; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_true(zeros < 50);
    assert_int_equal(entropy_fill(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_numbers_are_splitmix64_s),
        cmocka_unit_test(a_number_below_n_is_each_as_often),
        cmocka_unit_test(the_kernel_s_bytes_fill_all_and_differ),
    };

    return cmocka_run_group_tests_name("base-prng", tests, NULL, NULL);
}
