/* What every algorithm must do: respect weights, leave alone who is down, and go on well when the
 * fleet changes. */
#include "table.h"

#include "balance/algorithms.h"

#include <math.h>

#define PICKS 100000

/* Every name, one at a time. */
static const char *name(size_t i)
{
    return balance_at(i) ? balance_name(balance_at(i)) : NULL;
}

/* Within a hundredth of all picks; where nothing is in flight, latencies and reports are the same.
 */
static void weights_are_respected_to_within_a_hundredth(void **state)
{
    static const unsigned weights[] = {1, 2, 3, 4, 10};
    unsigned counts[5];
    struct table t;

    (void)state;
    for (size_t a = 0; name(a); a++) {
        if (strcmp(name(a), "least-connections") == 0)
            continue; /* with nothing in flight: see below */
        table_init(&t, 5);
        for (size_t i = 0; i < 5; i++)
            t.servers[i].weight = weights[i];
        table_use(&t, name(a));
        table_count(&t, PICKS, counts);
        for (size_t i = 0; i < 5; i++)
            if (fabs(counts[i] / (double)PICKS - weights[i] / 20.0) > 0.01)
                fail_msg("%s: server %zu of weight %u of 20 got %u of %d", name(a), i, weights[i],
                         counts[i], PICKS);
        table_deinit(&t);
    }
}

/* What is in flight stays in flight here: it is shared out by weight. */
static void least_connections_and_power_of_two_keep_requests_in_flight_by_weight(void **state)
{
    static const char *const names[] = {"least-connections", "power-of-two"};
    struct table t;

    (void)state;
    for (size_t a = 0; a < 2; a++) {
        table_init(&t, 5);
        for (size_t i = 0; i < 5; i++)
            t.servers[i].weight = (uint32_t)(i + 1);
        table_use(&t, names[a]);
        for (unsigned i = 0; i < PICKS; i++)
            load_begin(t.servers[table_pick(&t)].load, t.fleet.all);
        for (size_t i = 0; i < 5; i++)
            assert_true(fabs(load_in_flight(t.servers[i].load) / (double)PICKS -
                             (double)(i + 1) / 15) < 0.01);
        table_deinit(&t);
    }
}

static void a_server_without_a_share_is_never_picked(void **state)
{
    unsigned counts[200];
    struct table t;

    (void)state;
    for (size_t a = 0; name(a); a++) {
        table_init(&t, 200);
        for (size_t i = 0; i < 200; i++) {
            t.servers[i].share = i % 3 == 0 ? 0 : FLEET_SHARE;
            t.servers[i].in_flight = i % 3 == 0 ? 0 : 50; /* and would be liked by all */
            t.servers[i].latency_us = i % 3 == 0 ? 1 : 50000;
        }
        table_use(&t, name(a));
        table_count(&t, 20000, counts);
        for (size_t i = 0; i < 200; i += 3)
            assert_int_equal(counts[i], 0);
        table_deinit(&t);
    }
}

static void what_was_tried_is_not_picked_again_until_all_were(void **state)
{
    uint32_t tried[8];
    struct table t;

    (void)state;
    for (size_t a = 0; name(a); a++) {
        table_init(&t, 8);
        t.servers[0].weight = FLEET_WEIGHT_MAX; /* always the first choice */
        table_use(&t, name(a));
        t.request.tried = tried;
        for (t.request.n_tried = 0; t.request.n_tried < 8; t.request.n_tried++) {
            uint32_t picked = table_pick(&t);

            assert_true(picked < 8);
            for (size_t i = 0; i < t.request.n_tried; i++)
                assert_int_not_equal(picked, tried[i]);
            tried[t.request.n_tried] = picked;
        }
        assert_int_equal(table_pick(&t), BALANCE_NONE);
        table_deinit(&t);
    }
}

static void round_robin_is_smooth(void **state)
{
    unsigned last[3] = {0}, gaps[3] = {0};
    struct table t;

    (void)state;
    table_init(&t, 3);
    t.servers[0].weight = 4; /* of 6: a a b a a c, never more than twice in a row */
    table_use(&t, "round-robin");
    for (unsigned i = 1; i <= 6000; i++) {
        uint32_t picked = table_pick(&t);
        unsigned gap = i - last[picked];

        gaps[picked] = i > 12 && gap > gaps[picked] ? gap : gaps[picked];
        last[picked] = i;
    }
    assert_true(gaps[0] <= 2 + 1);
    assert_true(gaps[1] <= 7 && gaps[2] <= 7);
    table_deinit(&t);
}

/* A new fleet every few picks, as when loads are reported: turns must not begin anew each time. */
static void round_robin_goes_on_where_it_was_when_the_fleet_is_made_anew(void **state)
{
    unsigned counts[10] = {0}, most = 0, least = PICKS;
    struct table t;

    (void)state;
    table_init(&t, 10);
    for (unsigned i = 0; i < 1000; i++) {
        if (i % 7 == 0)
            table_use(&t, "round-robin");
        counts[table_pick(&t)]++;
    }
    for (size_t i = 0; i < 10; i++) {
        most = counts[i] > most ? counts[i] : most;
        least = counts[i] < least ? counts[i] : least;
    }
    assert_true(most - least <= 1);
    table_deinit(&t);
}

static void the_algorithm_can_change_with_the_fleet(void **state)
{
    struct table t;

    (void)state;
    table_init(&t, 10);
    for (unsigned i = 0; i < 200; i++) {
        size_t a = 0;

        for (size_t n = (i * 7919u) % 97 % 8; name(a + 1) && n > 0; n--)
            a++;
        t.servers[i % 10].share = i % 4 == 0 ? 0 : FLEET_SHARE;
        table_use(&t, name(a));
        for (unsigned k = 0; k < 20; k++)
            assert_true(table_pick(&t) < 10);
    }
    table_deinit(&t);
}

static void the_option_has_every_algorithm_in_the_registry_s_order(void **state)
{
    char words[512] = "";

    (void)state;
    for (size_t a = 0; name(a); a++) {
        strcat(words, a > 0 ? "|" : "");
        strcat(words, name(a));
    }
    assert_string_equal(words, BALANCE_NAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_respected_to_within_a_hundredth),
        cmocka_unit_test(least_connections_and_power_of_two_keep_requests_in_flight_by_weight),
        cmocka_unit_test(a_server_without_a_share_is_never_picked),
        cmocka_unit_test(what_was_tried_is_not_picked_again_until_all_were),
        cmocka_unit_test(round_robin_is_smooth),
        cmocka_unit_test(round_robin_goes_on_where_it_was_when_the_fleet_is_made_anew),
        cmocka_unit_test(the_algorithm_can_change_with_the_fleet),
        cmocka_unit_test(the_option_has_every_algorithm_in_the_registry_s_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
