/* The plan: what part of the traffic each server is to get, whatever the algorithm. */
#include "table.h"

#include <math.h>

static double part(struct table *t, size_t i)
{
    return balance_planned_share(t->balance, i);
}

static void near(double got, double wanted)
{
    if (fabs(got - wanted) > 1e-5)
        fail_msg("%g where %g is wanted", got, wanted);
}

static void by_weight_and_share(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, 4);
    t.servers[1].weight = 3;
    t.servers[2].share = 500; /* slow start */
    t.servers[3].share = 0;   /* down, draining */
    table_use(&t, "random");
    assert_int_equal(balance_planned(t.balance), 3);
    near(part(&t, 0), 1 / 4.5);
    near(part(&t, 1), 3 / 4.5);
    near(part(&t, 2), 0.5 / 4.5);
    near(part(&t, 3), 0);
    table_deinit(&t);
}

static void nobody_is_planned_where_nobody_may_be_used(void **state)
{
    struct table t;

    (void)state;
    for (size_t n = 0; n <= 2; n += 2) {
        table_init(&t, n);
        for (size_t i = 0; i < n; i++)
            t.servers[i].share = 0;
        for (size_t a = 0; balance_at(a); a++) {
            table_use(&t, balance_name(balance_at(a)));
            assert_int_equal(table_pick(&t), BALANCE_NONE);
        }
        table_deinit(&t);
    }
}

/* Ten servers in each of two tiers; 1.4 times the health of the first is what it takes. */
static void a_lower_tier_takes_what_the_upper_has_too_little_health_for(void **state)
{
    static const struct {
        unsigned down;
        double first;
    } rows[] = {{0, 1}, {2, 1}, {3, 0.98}, {5, 0.7}, {9, 0.14}, {10, 0}};
    struct table t;

    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        double first = 0, second = 0;

        table_init(&t, 20);
        for (size_t i = 0; i < 20; i++) {
            t.servers[i].priority = i < 10 ? 0 : 3;
            t.servers[i].share = i < rows[r].down ? 0 : FLEET_SHARE;
        }
        table_use(&t, "random");
        for (size_t i = 0; i < 20; i++)
            *(i < 10 ? &first : &second) += part(&t, i);
        near(first, rows[r].first);
        near(second, 1 - rows[r].first);
        table_deinit(&t);
    }
}

static void degraded_servers_get_what_those_that_are_up_do_not_suffice_for(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, 4);
    t.servers[3].degraded = true;
    table_use(&t, "random");
    near(part(&t, 3), 0); /* three of four are enough */
    t.servers[2].share = 0;
    table_use(&t, "random");
    near(part(&t, 0), 0.35); /* 1.4 x 2 / 4 */
    near(part(&t, 3), 0.3);
    t.servers[0].share = t.servers[1].share = 0;
    table_use(&t, "random");
    near(part(&t, 3), 1);
    table_deinit(&t);
}

static void a_lower_tier_s_healthy_come_before_the_upper_s_degraded(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, 2);
    t.servers[0].degraded = true;
    t.servers[1].priority = 1;
    table_use(&t, "random");
    near(part(&t, 0), 0);
    near(part(&t, 1), 1);
    table_deinit(&t);
}

static void errors_cost_weight_but_never_all_of_it(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, 2);
    t.servers[0].errors = 50;
    table_use(&t, "random");
    near(part(&t, 0), 0.5); /* a few are forgiven */
    t.servers[0].errors = 525;
    table_use(&t, "random");
    near(part(&t, 0), 0.125 / 1.125);
    t.servers[0].errors = 1000;
    table_use(&t, "random");
    near(part(&t, 0), 0.01 / 1.01);
    t.servers[1].errors = 1000; /* both alike: it says nothing of either */
    table_use(&t, "random");
    near(part(&t, 0), 0.5);
    table_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_weight_and_share),
        cmocka_unit_test(nobody_is_planned_where_nobody_may_be_used),
        cmocka_unit_test(a_lower_tier_takes_what_the_upper_has_too_little_health_for),
        cmocka_unit_test(degraded_servers_get_what_those_that_are_up_do_not_suffice_for),
        cmocka_unit_test(a_lower_tier_s_healthy_come_before_the_upper_s_degraded),
        cmocka_unit_test(errors_cost_weight_but_never_all_of_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
