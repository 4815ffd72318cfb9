/* The brake: so many verdicts for silence within a span, and no more. */
#include "clock.h"

static void as_many_as_the_share_within_any_span(void **state)
{
    struct brake b = {.percent = 20, .span = 60 * SEC, .servers = 100};

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        assert_true(brake_take(&b, START + i * SEC));
    assert_false(brake_take(&b, START + 20 * SEC));
    assert_false(brake_take(&b, START + 59 * SEC)); /* the first is a part short of a span old */
    assert_true(brake_take(&b, START + 60 * SEC));
    assert_false(brake_take(&b, START + 60 * SEC));
    assert_true(brake_take(&b, START + 61 * SEC));
    for (unsigned i = 0; i < 20; i++) /* long after, all of it is there again */
        assert_true(brake_take(&b, START + 1000 * SEC));
    assert_false(brake_take(&b, START + 1000 * SEC));
    b.servers = 200; /* the fleet grows */
    assert_true(brake_take(&b, START + 1000 * SEC));
}

/* Every rate and time: never more than the limit within a span that is a part shorter. */
static void no_window_has_more_than_the_limit(void **state)
{
    static qhcp_nsec at[20000];

    (void)state;
    for (unsigned percent = 1; percent <= 100; percent += 33) {
        struct brake b = {.percent = percent, .span = SEC, .servers = 37};
        size_t n = 0, from = 0;

        for (unsigned i = 0; i < 20000; i++) {
            qhcp_nsec now = START + (qhcp_nsec)i * (i % 7) * MS / 7 + (qhcp_nsec)i * MS;

            now = n > 0 && now < at[n - 1] ? at[n - 1] : now;
            if (brake_take(&b, now))
                at[n++] = now;
            while (n > 0 && at[n - 1] - at[from] >= SEC - SEC / BRAKE_PARTS)
                from++;
            assert_true(n - from <= brake_limit(&b));
        }
        assert_true(n > brake_limit(&b));
    }
}

static void a_small_fleet_may_lose_one(void **state)
{
    struct brake b = {.percent = 20, .span = SEC, .servers = 2};

    (void)state;
    assert_int_equal(brake_limit(&b), 1);
    assert_true(brake_take(&b, START));
    assert_false(brake_take(&b, START));
    b = (struct brake){.percent = 100, .span = SEC, .servers = 3};
    assert_int_equal(brake_limit(&b), 3);
    b = (struct brake){.percent = 33, .span = SEC, .servers = SIZE_MAX};
    assert_true(brake_limit(&b) > SIZE_MAX / 4);
}

static void without_a_share_it_holds_nothing(void **state)
{
    struct brake b = {.percent = 0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(brake_take(&b, START));
}

/* A server that is held stays as it was, is checked on, and goes down once the brake lets go. */
static void a_held_server_is_what_it_was_and_the_truth_comes_later(void **state)
{
    struct brake b = {.percent = 1, .span = 60 * SEC, .servers = 1};
    struct clock c;
    qhcp_nsec held;

    (void)state;
    clock_up(&c, 3);
    c.h.config.brake = &b;
    assert_true(brake_take(&b, c.now)); /* another one's */
    held = clock_cut(&c);
    while (c.h.cause != HEALTH_CAUSE_BRAKE) {
        clock_step(&c);
        assert_false(c.step.drop || c.step.verdict);
    }
    assert_true(c.now - held < 3 * SEC);
    assert_int_equal(c.h.state, QHCP_UP);
    c.probes = 0;
    clock_until(&c, 120 * SEC);
    assert_true(c.step.verdict);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
    assert_true(c.now - held > 58 * SEC && c.now - held < 64 * SEC);
    if (c.probes < 40 || c.probes > 1000) /* it was checked all the time, and not without end */
        fail_msg("%u checks", c.probes);
}

static void a_held_server_that_answers_is_forgiven(void **state)
{
    struct brake b = {.percent = 1, .span = 60 * SEC, .servers = 1};
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    c.h.config.brake = &b;
    assert_true(brake_take(&b, c.now));
    while (c.h.cause != HEALTH_CAUSE_BRAKE)
        clock_step(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_NONE);
    assert_false(c.step.verdict);
}

/* What needs no guess goes through. */
static void signals_are_not_held(void **state)
{
    struct brake b = {.percent = 1, .span = 60 * SEC, .servers = 1};
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    c.h.config.brake = &b;
    assert_true(brake_take(&b, c.now));
    clock_signal(&c, HEALTH_SIGNAL_TERMINATE);
    assert_int_equal(c.h.state, QHCP_DRAINING);
    clock_signal(&c, HEALTH_SIGNAL_CLOSED);
    assert_int_equal(c.h.state, QHCP_DOWN);
    clock_up(&c, 3);
    c.h.config.brake = &b;
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    clock_until(&c, 10 * SEC);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_UNREACHABLE);
    clock_up(&c, 3);
    c.h.config.brake = &b;
    answer(&c, QHCP_NOT_SERVING, true);
    assert_int_equal(c.h.state, QHCP_DOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_the_share_within_any_span),
        cmocka_unit_test(no_window_has_more_than_the_limit),
        cmocka_unit_test(a_small_fleet_may_lose_one),
        cmocka_unit_test(without_a_share_it_holds_nothing),
        cmocka_unit_test(a_held_server_is_what_it_was_and_the_truth_comes_later),
        cmocka_unit_test(a_held_server_that_answers_is_forgiven),
        cmocka_unit_test(signals_are_not_held),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
