/* When the regular probes of one session are due. */
#include "health/grid.h"

#include "walk.h"

static void probes_keep_their_rhythm_however_late_they_are_sent(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(g.at == START + i * SEC);
        grid_advance(&g, g.at + i % 999 * MS, SEC, 0);
    }
}

static void probes_that_a_stall_made_impossible_are_left_out(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    grid_advance(&g, START + 7 * SEC + 1, SEC, 0);
    assert_true(g.at == START + 8 * SEC);
}

static void what_is_sent_beside_them_moves_nothing(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    grid_advance(&g, START, SEC, 0);
    grid_advance(&g, START + SEC - 1, SEC, 0);
    assert_true(g.at == START + SEC);
    grid_advance(&g, START + SEC, SEC, 0); /* the twin: a nanosecond later it is its turn */
    assert_true(g.at == START + 2 * SEC);
}

static void the_second_probe_comes_early_by_the_phase_and_the_others_follow(void **state)
{
    (void)state;
    for (unsigned quarter = 0; quarter < 4; quarter++) {
        struct grid g;

        grid_begin(&g, START);
        for (unsigned i = 1; i < 5; i++) {
            grid_advance(&g, g.at, SEC, quarter << 30);
            assert_true(g.at == START + i * SEC - quarter * SEC / 4);
        }
    }
}

static void the_second_probe_is_never_due_at_once(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    grid_advance(&g, START + 900 * MS, SEC, UINT32_MAX);
    assert_true(g.at == START + 900 * MS + 1);
}

static void a_shorter_interval_holds_at_once_and_a_longer_one_delays_nothing(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    grid_advance(&g, START, 10 * SEC, 0);
    grid_hasten(&g, START + SEC, 60 * SEC);
    assert_true(g.at == START + 10 * SEC);
    grid_hasten(&g, START + SEC, SEC);
    assert_true(g.at == START + 2 * SEC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_keep_their_rhythm_however_late_they_are_sent),
        cmocka_unit_test(probes_that_a_stall_made_impossible_are_left_out),
        cmocka_unit_test(what_is_sent_beside_them_moves_nothing),
        cmocka_unit_test(the_second_probe_comes_early_by_the_phase_and_the_others_follow),
        cmocka_unit_test(the_second_probe_is_never_due_at_once),
        cmocka_unit_test(a_shorter_interval_holds_at_once_and_a_longer_one_delays_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
