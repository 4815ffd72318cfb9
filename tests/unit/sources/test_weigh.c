/* SRV's weights and priorities as ours. */
#include "../words.h"

#include "fleet/fleet.h"
#include "sources/weigh.h"

static void weights_that_fit_stay(void **state)
{
    struct record r[] = {{.weight = 5}, {.weight = 1000}, {.weight = 0}};

    (void)state;
    weigh(r, 3);
    assert_int_equal(r[0].weight, 5);
    assert_int_equal(r[1].weight, 1000);
    assert_int_equal(r[2].weight, 1); /* "a very small chance" (RFC 2782) */
}

static void large_weights_are_scaled_alike(void **state)
{
    struct record r[] = {{.weight = 60000}, {.weight = 30000}, {.weight = 1}};

    (void)state;
    weigh(r, 3);
    assert_int_equal(r[0].weight, FLEET_WEIGHT_MAX);
    assert_int_equal(r[1].weight, FLEET_WEIGHT_MAX / 2);
    assert_int_equal(r[2].weight, 1);
}

static void priorities_become_tiers(void **state)
{
    struct record r[20];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        r[i] = (struct record){.weight = 1, .priority = (uint16_t)(65535 - 10 * (i / 2))};
    weigh(r, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(r[i].priority, 9 - i / 2);
    for (unsigned i = 0; i < 20; i++)
        r[i].priority = (uint16_t)(100 * i);
    weigh(r, 20);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(r[i].priority, i < FLEET_TIERS ? i : FLEET_TIERS - 1);
    weigh(r, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_that_fit_stay),
        cmocka_unit_test(large_weights_are_scaled_alike),
        cmocka_unit_test(priorities_become_tiers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
