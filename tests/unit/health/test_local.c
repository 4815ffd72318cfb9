/* The load balancer's own illness. */
#include "clock.h"

static void lateness_and_drops_raise_the_score_and_time_heals(void **state)
{
    struct local l = {0};

    (void)state;
    local_late(&l, START, LOCAL_LATE);
    local_dropped(&l, START, 0);
    assert_int_equal(local_score(&l, START), 0);
    local_late(&l, START, LOCAL_LATE + 1);
    assert_int_equal(local_score(&l, START), 1);
    local_late(&l, START, SEC);
    assert_int_equal(local_score(&l, START), 3);
    local_dropped(&l, START, 17);
    assert_int_equal(local_score(&l, START), 4);
    assert_int_equal(local_score(&l, START + LOCAL_DECAY), 3);
    assert_int_equal(local_score(&l, START + 4 * LOCAL_DECAY), 0);
    for (unsigned i = 0; i < 100; i++)
        local_late(&l, START, 30 * SEC);
    assert_int_equal(local_score(&l, START), LOCAL_MAX);
}

static void many_suspects_at_once_speak_against_us_once(void **state)
{
    struct local l = {0};

    (void)state;
    local_suspects(&l, START, 24, 100);
    assert_int_equal(local_score(&l, START), 0);
    local_suspects(&l, START, 25, 100);
    assert_int_equal(local_score(&l, START), LOCAL_QUARTER_SCORE);
    local_suspects(&l, START + 2 * SEC, 89, 100); /* so they are dead indeed */
    assert_int_equal(local_score(&l, START + 2 * SEC), 0);
    local_suspects(&l, START + 2 * SEC, 90, 100); /* or it is us after all */
    assert_int_equal(local_score(&l, START + 2 * SEC), LOCAL_ALL_SCORE);
    local_suspects(&l, START + 9 * SEC, 100, 100);
    assert_int_equal(local_score(&l, START + 9 * SEC), 0);
    local_suspects(&l, START + LOCAL_CROWD_PAUSE, 100, 100);
    assert_int_equal(local_score(&l, START + LOCAL_CROWD_PAUSE), LOCAL_ALL_SCORE);
}

static void the_next_crowd_is_another_once_the_first_has_dispersed(void **state)
{
    struct local l = {0};

    (void)state;
    local_suspects(&l, START, 25, 100);
    local_suspects(&l, START + 2 * SEC, 25, 100);
    assert_int_equal(local_score(&l, START + 2 * SEC), 0);
    local_dispersed(&l);
    local_suspects(&l, START + 2 * SEC, 25, 100);
    assert_int_equal(local_score(&l, START + 2 * SEC), LOCAL_QUARTER_SCORE);
}

static void a_silent_server_is_a_suspect_and_one_that_icmp_speaks_of_is_not(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    assert_false(health_suspected(&c.h));
    clock_cut(&c);
    clock_step(&c);
    assert_true(health_suspected(&c.h));
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    assert_false(health_suspected(&c.h));
    answer(&c, QHCP_SERVING, true);
    assert_false(health_suspected(&c.h));
}

/* Ill for so long that the congestion window has filled by the time we are well. */
static void a_server_that_fell_silent_while_we_were_ill_is_down_when_nothing_can_leave(void **state)
{
    struct local l = {0};
    struct clock c;
    qhcp_nsec begin;

    (void)state;
    clock_up(&c, 3);
    c.h.config.local = &l;
    c.h.config.interval = 100 * MS;
    begin = clock_cut(&c);
    while (c.now < begin + 3 * SEC) {
        local_late(&l, c.now, SEC);
        clock_step(&c);
        assert_false(c.step.verdict);
    }
    while (!c.step.verdict && c.now < begin + 20 * SEC) {
        c.now = nsec_max(c.now, health_deadline(&c.h));
        health_poll(&c.h, c.now, &c.step);
        if (c.step.probe)
            health_not_sent(&c.h, c.now);
    }
    assert_true(c.step.verdict);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
    assert_true(c.step.misses >= 3);
    assert_in_range(c.now - begin, 3 * SEC + LOCAL_DECAY * LOCAL_MAX / 2,
                    3 * SEC + LOCAL_DECAY * (LOCAL_MAX + 2));
}

/* How long after the first unanswered check it is down.  ask: others are asked 20 ms later; after
 * told_after ms they have told. */
static qhcp_nsec verdict_after(struct local *l, bool ask, qhcp_nsec told_after)
{
    qhcp_nsec begin, asked;
    struct clock c;

    clock_up(&c, 3);
    c.h.config.local = l;
    c.h.config.window = HEALTH_WINDOW;
    begin = clock_cut(&c);
    asked = begin + 20 * MS;
    while (!c.step.verdict && c.now < begin + 5 * SEC) {
        clock_step(&c);
        if (ask && c.now >= asked) {
            local_ask(l, asked, 1);
            ask = false;
        }
        if (c.now >= asked + told_after && l->asked > 0)
            local_told(l);
    }
    assert_true(c.step.verdict);
    return c.now - begin;
}

static void no_silence_convicts_before_those_have_told_who_were_asked(void **state)
{
    struct local l = {0};
    qhcp_nsec alone = verdict_after(&l, false, 0);

    (void)state;
    assert_in_range(alone, 54 * MS, 75 * MS);
    assert_int_equal(verdict_after(&l, true, 5 * MS), alone);
    l = (struct local){0};
    assert_in_range(verdict_after(&l, true, 70 * MS), 90 * MS, 100 * MS);
    l = (struct local){0};
    assert_in_range(verdict_after(&l, true, SEC), 20 * MS + LOCAL_ASK_MOST,
                    30 * MS + LOCAL_ASK_MOST);
}

static void nobody_is_voted_down_by_silence_while_we_are_ill(void **state)
{
    struct local l = {0};
    struct clock c;
    qhcp_nsec from;

    (void)state;
    clock_up(&c, 1);
    c.h.config.local = &l;
    clock_cut(&c);
    from = c.now;
    local_late(&l, c.now, 6 * SEC);
    assert_true(clock_until(&c, 60 * SEC).verdict); /* it was dead, as is seen once we are well */
    assert_true(c.now - from >= 3 * LOCAL_DECAY);
    assert_in_range(c.now - from, 3 * LOCAL_DECAY, 3 * LOCAL_DECAY + SEC);
}

static void a_burst_convicts_nobody_while_we_are_ill(void **state)
{
    struct local l = {0};
    struct clock c;
    qhcp_nsec from;

    (void)state;
    clock_up(&c, 30);
    c.h.config.local = &l;
    from = c.now;
    local_late(&l, c.now, 6 * SEC);
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    clock_take(&c);
    assert_true(clock_until(&c, 60 * SEC).verdict);
    assert_true(c.now - from >= 3 * LOCAL_DECAY);
}

/* Its probes leave until the window is full; those that follow are refused. */
static void one_that_icmp_speaks_of_while_we_are_ill_is_found_though_its_window_fills(void **state)
{
    struct local l = {0};
    struct clock c;
    qhcp_nsec end;
    unsigned asked = 0;

    (void)state;
    clock_up(&c, 3);
    c.h.config.local = &l;
    end = c.now + 6 * SEC;
    local_late(&l, c.now, 6 * SEC);
    clock_signal(&c, HEALTH_SIGNAL_ICMP_CERTAIN);
    while (!c.step.verdict) {
        if (c.step.probe && ++asked <= 60)
            health_sent(&c.h, c.now);
        else if (c.step.probe)
            health_not_sent(&c.h, c.now);
        c.now = nsec_max(c.now, health_deadline(&c.h));
        assert_true(c.now < end);
        health_poll(&c.h, c.now, &c.step);
        if (c.step.probe && local_score(&l, c.now) > 0)
            assert_true(asked < 300); /* not one every time the burst has had its time */
    }
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(local_score(&l, c.now), 0);
}

static void one_that_is_down_is_dialled_no_sooner_because_we_are_ill(void **state)
{
    struct local l = {0};
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    clock_cut(&c);
    assert_true(clock_until(&c, 10 * SEC).verdict);
    c.h.config.local = &l;
    clock_until(&c, 60 * SEC);
    assert_true(c.step.dial);
    health_dialed(&c.h, c.now);
    local_late(&l, c.now, 6 * SEC);
    clock_signal(&c, HEALTH_SIGNAL_DIAL_FAILED);
    assert_true(health_deadline(&c.h) >= c.now + 29 * SEC);
}

static void attempts_that_time_out_while_we_are_ill_do_not_count(void **state)
{
    struct local l = {0};
    struct clock c;

    (void)state;
    clock_init(&c, 1);
    c.h.config.local = &l;
    clock_until(&c, SEC);
    health_dialed(&c.h, c.now);
    local_late(&l, c.now, 6 * SEC);
    clock_signal(&c, HEALTH_SIGNAL_DIAL_FAILED);
    assert_false(c.step.verdict);
    assert_int_equal(c.h.fails, 0);
    clock_until(&c, SEC);
    health_dialed(&c.h, c.now);
    c.now += 10 * SEC;
    clock_signal(&c, HEALTH_SIGNAL_DIAL_FAILED);
    assert_true(c.step.verdict);
}

static void timeouts_are_longer_while_we_are_ill(void **state)
{
    struct local l = {0};
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    c.h.config.local = &l;
    while (c.h.silence.n_open == 0)
        clock_step(&c);
    assert_true(c.h.silence.timeout_at == c.now + RTT_TIMEOUT_MIN);
    answer(&c, QHCP_SERVING, true);
    local_late(&l, c.h.next, 6 * SEC);
    while (c.h.silence.n_open == 0)
        clock_step(&c);
    assert_true(c.h.silence.timeout_at == c.now + 4 * RTT_TIMEOUT_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lateness_and_drops_raise_the_score_and_time_heals),
        cmocka_unit_test(many_suspects_at_once_speak_against_us_once),
        cmocka_unit_test(the_next_crowd_is_another_once_the_first_has_dispersed),
        cmocka_unit_test(a_silent_server_is_a_suspect_and_one_that_icmp_speaks_of_is_not),
        cmocka_unit_test(
            a_server_that_fell_silent_while_we_were_ill_is_down_when_nothing_can_leave),
        cmocka_unit_test(no_silence_convicts_before_those_have_told_who_were_asked),
        cmocka_unit_test(nobody_is_voted_down_by_silence_while_we_are_ill),
        cmocka_unit_test(a_burst_convicts_nobody_while_we_are_ill),
        cmocka_unit_test(one_that_icmp_speaks_of_while_we_are_ill_is_found_though_its_window_fills),
        cmocka_unit_test(one_that_is_down_is_dialled_no_sooner_because_we_are_ill),
        cmocka_unit_test(attempts_that_time_out_while_we_are_ill_do_not_count),
        cmocka_unit_test(timeouts_are_longer_while_we_are_ill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
