/* Damping, evidence, windows and phases. */
#include "clock.h"

#include <string.h>

static void the_first_fault_in_ten_minutes_never_holds(void **state)
{
    struct flap f = {0};
    qhcp_nsec now = START;

    (void)state;
    for (unsigned i = 0; i < 20; i++, now += FLAP_MEMORY) {
        flap_fault(&f, now, 5 * SEC);
        assert_false(flap_held(&f, now));
    }
    flap_fault(&f, now - 1, 5 * SEC); /* the accepted twin: a nanosecond too soon */
    assert_true(flap_held(&f, now));
}

static void each_further_fault_holds_twice_as_long_up_to_64_times(void **state)
{
    struct flap f = {0};
    qhcp_nsec now = START, hold = 5 * SEC;

    (void)state;
    flap_fault(&f, now, 5 * SEC);
    for (unsigned i = 0; i < 20; i++) {
        flap_fault(&f, now, 5 * SEC);
        assert_true(f.until == now + hold);
        assert_true(flap_held(&f, f.until - 1));
        assert_false(flap_held(&f, f.until));
        now = f.until;
        if (hold < 320 * SEC)
            hold *= 2;
    }
}

static void quiet_forgives_a_fault_each_ten_minutes(void **state)
{
    struct flap f = {0};
    qhcp_nsec now = START;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        flap_fault(&f, now, SEC);
    assert_int_equal(f.faults, 5);
    now += 3 * FLAP_MEMORY;
    flap_fault(&f, now, SEC);
    assert_int_equal(f.faults, 3);
    assert_false(flap_held(&f, now));
    flap_fault(&f, now + SEC, SEC);
    assert_true(f.until == now + SEC + 4 * SEC);
}

static void a_base_of_0_never_holds(void **state)
{
    struct flap f = {0};

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        flap_fault(&f, START + i, 0);
        assert_false(flap_held(&f, START + i));
    }
}

static void weight_grows_from_a_tenth_to_the_whole(void **state)
{
    const struct flap f = {.recovered_at = START}, never = {0};

    (void)state;
    assert_int_equal(flap_share(&f, START, 10 * SEC), 100);
    assert_int_equal(flap_share(&f, START + SEC / 2, 10 * SEC), 100);
    assert_int_equal(flap_share(&f, START + 5 * SEC, 10 * SEC), 500);
    assert_int_equal(flap_share(&f, START + 10 * SEC, 10 * SEC), 1000);
    assert_int_equal(flap_share(&f, START, 0), 1000);
    assert_int_equal(flap_share(&never, START, 10 * SEC), 1000);
}

/* Silent from the next probe on until down; then dialled, and back. */
static void fail_and_return(struct clock *c)
{
    clock_cut(c);
    clock_until(c, 5 * SEC);
    assert_int_equal(c->h.state, QHCP_DOWN);
    clock_until(c, 60 * SEC);
    assert_true(c->step.dial);
    clock_establish(c);
}

static void a_server_that_was_down_must_answer_as_often_as_rise_says(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    c.h.config.rise = 3;
    fail_and_return(&c);
    for (unsigned i = 1; i <= 3; i++) {
        qhcp_nsec before = c.now;

        answer(&c, QHCP_SERVING, true);
        assert_int_equal(c.h.state, i < 3 ? QHCP_DOWN : QHCP_UP);
        assert_true(c.now - before < 20 * MS); /* the next question comes soon */
    }
    assert_true(c.step.verdict);
}

static void rise_counts_anew_on_each_connection_and_not_before_the_first_up(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 1);
    c.h.config.rise = 2;
    clock_establish(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP); /* it was never down */
    answer(&c, QHCP_SERVING, true);
    for (unsigned i = 0; i < 3; i++) {
        fail_and_return(&c);
        answer(&c, QHCP_SERVING, true);
        assert_int_equal(c.h.state, QHCP_DOWN);
    }
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
}

static void the_second_fault_is_held_and_says_so(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    c.h.config.flap_hold = 100 * SEC;
    fail_and_return(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
    fail_and_return(&c); /* 30 s later */
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_HELD);
    assert_false(c.step.verdict);
    answer(&c, QHCP_STATUS_DEGRADED, true);
    assert_int_equal(c.h.state, QHCP_DOWN);
    answer(&c, QHCP_STATUS_DRAINING, true); /* no new traffic: its word counts */
    assert_int_equal(c.h.state, QHCP_DRAINING);
}

static void a_held_server_is_up_with_the_first_answer_after_its_time(void **state)
{
    struct clock c;
    qhcp_nsec from;

    (void)state;
    clock_up(&c, 1);
    c.h.config.flap_hold = 100 * SEC;
    fail_and_return(&c);
    answer(&c, QHCP_SERVING, true);
    fail_and_return(&c);
    from = c.h.flap.last;
    while (c.h.state != QHCP_UP)
        answer(&c, QHCP_SERVING, true);
    assert_in_range(c.now - from, 100 * SEC, 102 * SEC);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_NONE);
}

static void a_planned_stop_is_no_fault(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    c.h.config.flap_hold = 100 * SEC;
    for (unsigned i = 0; i < 5; i++) {
        clock_signal(&c, HEALTH_SIGNAL_TERMINATE);
        clock_signal(&c, HEALTH_SIGNAL_CLOSED);
        assert_int_equal(c.h.state, QHCP_DOWN);
        clock_until(&c, 60 * SEC);
        clock_establish(&c);
        answer(&c, QHCP_SERVING, true);
        assert_int_equal(c.h.state, QHCP_UP);
    }
    assert_int_equal(c.h.flap.faults, 0);
}

/* Up and down by its own word every 300 ms for an hour: some thirty events, not 12,000. */
static void flapping_every_300_ms_is_a_bounded_number_of_events(void **state)
{
    struct clock c;
    unsigned events = 0;

    (void)state;
    clock_up(&c, 3);
    c.h.config.flap_hold = HEALTH_FLAP_HOLD;
    for (unsigned i = 0; i < 12000; i++) {
        c.now += 300 * MS;
        health_sent(&c.h, c.now);
        health_answer(&c.h, c.now, c.now, MS, i % 2 ? QHCP_SERVING : QHCP_NOT_SERVING, true,
                      &c.step);
        events += c.step.verdict;
    }
    assert_in_range(events, 10, 40);
}

static void weight_is_for_servers_that_take_new_traffic(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 1);
    c.h.config.slow_start = 10 * SEC;
    assert_int_equal(health_weight(&c.h, c.now), 0);
    clock_establish(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(health_weight(&c.h, c.now), 1000); /* never down: no slow start */
    fail_and_return(&c);
    assert_int_equal(health_weight(&c.h, c.now), 0);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(health_weight(&c.h, c.now), 100);
    assert_int_equal(health_weight(&c.h, c.now + 5 * SEC), 500);
    answer(&c, QHCP_STATUS_DRAINING, true);
    assert_int_equal(health_weight(&c.h, c.now), 0);
}

static void a_verdict_keeps_its_evidence(void **state)
{
    struct clock c;
    char text[400];
    const struct evidence *e = &c.h.evidence;

    (void)state;
    clock_up(&c, 3);
    c.h.config.window = 30 * MS;
    assert_true(e->at == 0);
    clock_cut(&c);
    clock_until(&c, SEC);
    assert_true(e->at == c.now);
    assert_int_equal(e->misses_asked, 3);
    assert_true(e->misses >= 6 && e->span_asked == 31 * MS);
    assert_true(e->span >= e->span_asked);
    evidence_format(&e->ring, e->at, text, sizeof text);
    assert_non_null(strstr(text, " ms before: "));
    assert_non_null(strstr(text, "missed"));
    assert_non_null(strstr(text, ": 1.0 ms"));
    clock_until(&c, 60 * SEC);
    clock_establish(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(e->misses_asked, 3); /* also when it is up again */
}

static void evidence_that_does_not_fit_ends_with_a_whole_sample(void **state)
{
    struct evidence_ring r = {0};
    char text[300], whole[300];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        evidence_sent(&r, START + i * MS);
    evidence_answered(&r, START + 19 * MS, 0, 1500 * NSEC_PER_USEC);
    evidence_missed(&r, START + 18 * MS);
    evidence_unsent(&r); /* the newest is answered: it did leave */
    evidence_format(&r, START + 20 * MS, whole, sizeof whole);
    assert_non_null(strstr(whole, "8 ms before: not answered yet"));
    assert_non_null(strstr(whole, "2 ms before: missed, 1 ms before: 1.5 ms"));
    for (size_t cap = 1; cap <= sizeof text; cap++) {
        evidence_format(&r, START + 20 * MS, text, cap);
        assert_true(strlen(text) < cap);
        assert_memory_equal(text, whole, strlen(text));
        assert_true(text[0] == '\0' || whole[strlen(text)] == ',' || whole[strlen(text)] == '\0');
    }
}

static void the_least_window_outlasts_a_short_outage(void **state)
{
    struct clock c;

    (void)state;
    for (unsigned outage = 10; outage <= 60; outage += 5) {
        qhcp_nsec begin;

        clock_up(&c, 1);
        c.h.config.window = 54 * MS;
        begin = clock_cut(&c);
        while (c.now < begin + outage * MS && !c.step.verdict)
            clock_step(&c);
        assert_false(outage <= 50 && c.step.verdict);
    }
    clock_until(&c, SEC);
    assert_int_equal(c.h.state, QHCP_DOWN);
}

static void probes_that_cannot_leave_do_not_save_a_silent_server(void **state)
{
    struct clock c;
    qhcp_nsec begin;

    (void)state;
    clock_up(&c, 3);
    c.h.config.budget = 500;
    c.h.loss.fail = .9; /* 64 misses are asked */
    begin = clock_cut(&c);
    while (c.h.silence.misses < 30)
        clock_step(&c);
    while (!c.step.verdict && c.now < begin + 10 * SEC) {
        c.now = nsec_max(c.now, health_deadline(&c.h));
        health_poll(&c.h, c.now, &c.step);
        if (c.step.probe)
            health_not_sent(&c.h, c.now);
    }
    assert_true(c.step.verdict);
    assert_in_range(c.now - begin, LOSS_CEILING, LOSS_CEILING + SEC);
}

static void the_phase_spreads_probes_over_the_interval(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct clock c;

        clock_init(&c, 3);
        c.h.config.phase = i << 30;
        clock_establish(&c);
        for (unsigned k = 0; k < 5; k++)
            answer(&c, QHCP_SERVING, true);
        assert_int_equal((c.h.grid.at - START) % SEC, (4 - i) % 4 * (SEC / 4));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_fault_in_ten_minutes_never_holds),
        cmocka_unit_test(each_further_fault_holds_twice_as_long_up_to_64_times),
        cmocka_unit_test(quiet_forgives_a_fault_each_ten_minutes),
        cmocka_unit_test(a_base_of_0_never_holds),
        cmocka_unit_test(weight_grows_from_a_tenth_to_the_whole),
        cmocka_unit_test(a_server_that_was_down_must_answer_as_often_as_rise_says),
        cmocka_unit_test(rise_counts_anew_on_each_connection_and_not_before_the_first_up),
        cmocka_unit_test(the_second_fault_is_held_and_says_so),
        cmocka_unit_test(a_held_server_is_up_with_the_first_answer_after_its_time),
        cmocka_unit_test(a_planned_stop_is_no_fault),
        cmocka_unit_test(flapping_every_300_ms_is_a_bounded_number_of_events),
        cmocka_unit_test(weight_is_for_servers_that_take_new_traffic),
        cmocka_unit_test(a_verdict_keeps_its_evidence),
        cmocka_unit_test(evidence_that_does_not_fit_ends_with_a_whole_sample),
        cmocka_unit_test(the_least_window_outlasts_a_short_outage),
        cmocka_unit_test(probes_that_cannot_leave_do_not_save_a_silent_server),
        cmocka_unit_test(the_phase_spreads_probes_over_the_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
