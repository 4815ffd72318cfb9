/* When the regular probes of one session are due. */
#include "health/grid.h"

#include "walk.h"

static void advance(struct grid *g, qhcp_nsec now, qhcp_nsec interval, uint32_t phase)
{
    grid_advance(g, now, &(struct grid_terms){.interval = interval, .phase = phase});
}

static void probes_keep_their_rhythm_however_late_they_are_sent(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(g.at == START + i * SEC);
        advance(&g, g.at + i % 999 * MS, SEC, 0);
    }
}

static void probes_that_a_stall_made_impossible_are_left_out(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    advance(&g, START + 7 * SEC + 1, SEC, 0);
    assert_true(g.at == START + 8 * SEC);
}

static void what_is_sent_beside_them_moves_nothing(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    advance(&g, START, SEC, 0);
    advance(&g, START + SEC - 1, SEC, 0);
    assert_true(g.at == START + SEC);
    advance(&g, START + SEC, SEC, 0); /* the twin: a nanosecond later it is its turn */
    assert_true(g.at == START + 2 * SEC);
}

static void the_second_probe_comes_early_by_the_phase_and_the_others_follow(void **state)
{
    (void)state;
    for (unsigned quarter = 0; quarter < 4; quarter++) {
        struct grid g;

        grid_begin(&g, START);
        for (unsigned i = 1; i < 5; i++) {
            advance(&g, g.at, SEC, quarter << 30);
            assert_true(g.at == START + i * SEC - quarter * SEC / 4);
        }
    }
}

static void the_second_probe_is_never_due_at_once(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    advance(&g, START + 900 * MS, SEC, UINT32_MAX);
    assert_true(g.at == START + 900 * MS + 1);
}

static void a_shorter_interval_holds_at_once_and_a_longer_one_delays_nothing(void **state)
{
    struct grid g;

    (void)state;
    grid_begin(&g, START);
    advance(&g, START, 10 * SEC, 0);
    grid_hasten(&g, START + SEC, 60 * SEC);
    assert_true(g.at == START + 10 * SEC);
    grid_hasten(&g, START + SEC, SEC);
    assert_true(g.at == START + 2 * SEC);
}

/* Whatever its session's begin, and whatever the interval is: 250 ms in 32 ticks have a rest. */
static void probes_that_share_ticks_are_due_at_their_multiples(void **state)
{
    static const qhcp_nsec intervals[][2] = {
        {25 * MS, 4}, {100 * MS, 13}, {SEC, 125}, {SEC + 7, 126}};

    (void)state;
    for (unsigned k = 0; k < 4; k++) {
        for (unsigned i = 0; i < 100; i++) {
            qhcp_nsec interval = intervals[k][0], tick = interval / intervals[k][1], before;
            struct grid_terms t = {.interval = interval, .phase = i << 25, .tick = tick};
            struct grid g;

            grid_begin(&g, START + i * 977777);
            grid_advance(&g, g.at, &t);
            grid_advance(&g, g.at, &t);
            for (unsigned n = 0; n < 1000; n++) {
                assert_true(g.at % tick == 0);
                before = g.at;
                grid_advance(&g, g.at + n % tick, &t);
                assert_in_range(g.at - before, interval - intervals[k][1], interval);
            }
        }
    }
}

/* The slot leads what is due, by less than a tick. */
static void a_tick_leads_and_never_lags(void **state)
{
    struct grid_terms t = {.interval = SEC, .tick = 8 * MS};
    struct grid g;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        qhcp_nsec from = START + i * 1234567;

        grid_begin(&g, from);
        grid_advance(&g, from, &t);
        assert_in_range(from + SEC - g.at, 0, 8 * MS - 1);
    }
    t.phase = UINT32_MAX; /* the tick before it is over already */
    grid_begin(&g, START + 3 * MS);
    grid_advance(&g, START + 3 * MS, &t);
    assert_true(g.at > START + 3 * MS && g.at < START + 4 * MS);
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
        cmocka_unit_test(probes_that_share_ticks_are_due_at_their_multiples),
        cmocka_unit_test(a_tick_leads_and_never_lags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
