/* What silence must amount to, on paths of every kind. */
#include "clock.h"

#include "health/loss.h"

static const struct loss_terms terms = {
    .interval = 100 * MS, .fast = 5 * MS, .least = 54 * MS, .fall = 3, .budget = 500};

static struct loss_demand ask(const struct loss *l, qhcp_nsec now)
{
    struct loss_demand d;

    loss_ask(l, now, &terms, &d);
    return d;
}

/* A number in [0, 1), from a seed. */
static double chance(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(*seed >> 11) / 9007199254740992.0;
}

/* So many regular checks on a path that fails each with f. */
static void feed(struct loss *l, double f, unsigned checks)
{
    uint64_t seed = 1;

    for (unsigned i = 0; i < checks; i++) {
        struct loss_silence s = {.head = 10 * MS, .length = 10 * MS};

        while (chance(&seed) < f)
            s.misses++;
        if (s.misses == 0) {
            loss_answered(l);
            continue;
        }
        s.length += (s.misses - 1) * 5 * MS;
        loss_silence(l, START + i * 100 * MS, &s);
    }
}

static void a_good_path_is_asked_for_fall_and_the_least_window(void **state)
{
    struct loss l;
    struct loss_demand d;

    (void)state;
    loss_init(&l);
    feed(&l, 0, 10000);
    d = ask(&l, START + 1000 * SEC);
    assert_int_equal(d.misses, 3);
    assert_true(d.window == 54 * MS);
    assert_true(d.spacing == 5 * MS);
}

static void an_unknown_path_is_taken_for_one_that_loses_a_little(void **state)
{
    struct loss l;

    (void)state;
    loss_init(&l);
    assert_int_equal(loss_share(&l), 100);
    assert_in_range(ask(&l, START).misses, 4, 5);
}

/* (3600 s / 100 ms) (1 - f) f^k <= 0.0005: 7.7 at f = 9.75 %, 17.3 at 36 %. */
static void the_misses_asked_follow_the_measured_loss(void **state)
{
    static const struct {
        double f;
        unsigned least, most;
    } cases[] = {{.0199, 5, 5}, {.0975, 7, 9}, {.36, 16, 19}, {.75, 50, 64}, {.99, 64, 64}};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct loss l;

        loss_init(&l);
        feed(&l, cases[i].f, 20000);
        assert_in_range(ask(&l, START + 2000 * SEC).misses, cases[i].least, cases[i].most);
    }
}

static void a_greater_fall_stands(void **state)
{
    struct loss_terms t = terms;
    struct loss_demand d;
    struct loss l;

    (void)state;
    loss_init(&l);
    t.fall = 100;
    loss_ask(&l, START, &t, &d);
    assert_int_equal(d.misses, 100);
}

static void without_a_budget_nothing_more_is_asked(void **state)
{
    struct loss_terms t = terms;
    struct loss_demand d;
    struct loss l;

    (void)state;
    loss_init(&l);
    feed(&l, .36, 10000);
    t.budget = 0;
    loss_ask(&l, START + 1000 * SEC, &t, &d);
    assert_int_equal(d.misses, 3);
    assert_true(d.window == 54 * MS);
}

static void what_was_survived_of_late_proves_nothing(void **state)
{
    const struct loss_silence s = {.misses = 20, .head = 10 * MS, .length = 120 * MS};
    struct loss l;

    (void)state;
    loss_init(&l);
    feed(&l, 0, 10000);
    loss_silence(&l, START, &s);
    assert_true(loss_longest(&l, START) == 120 * MS);
    assert_true(ask(&l, START).window >= 130 * MS); /* fall - 1 checks more */
    assert_true(loss_longest(&l, START + 2 * LOSS_MEMORY - 1) == 120 * MS);
    assert_true(loss_longest(&l, START + 100 * LOSS_MEMORY) == 0);
    assert_true(ask(&l, START + 100 * LOSS_MEMORY).window == 54 * MS);
}

/* Bursts of mean 50 ms: 1,600 an hour reach the second check; 0.0005 of them may outlast the
 * window: 50 ms ln(3.2e6) = 750 ms. */
static void bursts_widen_the_window(void **state)
{
    struct loss l;
    struct loss_demand d;
    uint64_t seed = 7;

    (void)state;
    loss_init(&l);
    for (unsigned i = 0; i < 20000; i++) {
        struct loss_silence s = {.misses = 1, .head = 10 * MS, .length = 10 * MS};

        if (chance(&seed) >= .05) {
            loss_answered(&l);
            continue;
        }
        for (double p = .82; chance(&seed) < p; p = .6, s.misses++)
            s.length += 25 * MS; /* exp(-25/50) = 0.6 */
        loss_silence(&l, START, &s);
    }
    d = ask(&l, START);
    assert_in_range(d.window, 600 * MS, 950 * MS);
    assert_true(d.spacing == d.window / LOSS_CHECKS);
}

static void the_window_has_a_ceiling(void **state)
{
    const struct loss_silence s = {.misses = 24, .head = 10 * MS, .length = 60 * SEC};
    struct loss l;

    (void)state;
    loss_init(&l);
    for (unsigned i = 0; i < 1000; i++)
        loss_silence(&l, START, &s);
    assert_true(ask(&l, START).window == LOSS_CEILING);
    assert_int_equal(ask(&l, START).misses, LOSS_MISSES_MAX);
}

static void a_burst_is_as_long_as_loss_makes_it(void **state)
{
    struct loss l;

    (void)state;
    loss_init(&l);
    feed(&l, 0, 10000);
    assert_int_equal(loss_burst(&l, 3, 16), 3);
    feed(&l, .36, 10000); /* .36^9 is a ten-thousandth */
    assert_in_range(loss_burst(&l, 3, 16), 8, 11);
    assert_int_equal(loss_burst(&l, 3, 5), 5);
}

/* One that is forgotten all at once would leave a gap until the next. */
static void a_silence_is_remembered_until_newer_ones_take_its_place(void **state)
{
    struct loss_silence s = {.misses = 9, .head = 10 * MS, .length = 50 * MS};
    struct loss l;

    (void)state;
    loss_init(&l);
    loss_silence(&l, START, &s);
    for (qhcp_nsec t = START; t < START + 10 * LOSS_MEMORY; t += LOSS_MEMORY / 5) {
        s.length = 40 * MS;
        loss_silence(&l, t, &s);
        assert_true(loss_longest(&l, t) >= 40 * MS);
        assert_int_equal(loss_longest(&l, t) == 50 * MS, t < START + 2 * LOSS_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_path_is_asked_for_fall_and_the_least_window),
        cmocka_unit_test(an_unknown_path_is_taken_for_one_that_loses_a_little),
        cmocka_unit_test(the_misses_asked_follow_the_measured_loss),
        cmocka_unit_test(a_greater_fall_stands),
        cmocka_unit_test(without_a_budget_nothing_more_is_asked),
        cmocka_unit_test(what_was_survived_of_late_proves_nothing),
        cmocka_unit_test(a_silence_is_remembered_until_newer_ones_take_its_place),
        cmocka_unit_test(bursts_widen_the_window),
        cmocka_unit_test(the_window_has_a_ceiling),
        cmocka_unit_test(a_burst_is_as_long_as_loss_makes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
