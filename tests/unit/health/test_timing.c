/* When health asks for what: probes, time-outs, dials, and its patience with its own owner. */
#include "clock.h"

static void probes_keep_their_rhythm_however_late_they_are_sent(void **state)
{
    struct clock c;
    qhcp_nsec grid;

    (void)state;
    clock_up(&c, 3);
    grid = c.h.next;
    for (unsigned i = 0; i < 1000; i++) {
        assert_true(health_deadline(&c.h) == grid);
        c.now = grid + i % 40 * MS; /* the owner is late */
        health_poll(&c.h, c.now, &c.step);
        assert_true(c.step.probe);
        clock_take(&c);
        answer(&c, QHCP_SERVING, true);
        grid += SEC;
    }
}

static void a_stall_is_not_made_up_for(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    c.now = c.h.next + 7 * SEC + SEC / 2;
    health_poll(&c.h, c.now, &c.step);
    assert_true(c.step.probe);
    clock_take(&c);
    answer(&c, QHCP_SERVING, true);
    health_poll(&c.h, c.now, &c.step);
    assert_false(c.step.probe);
    assert_in_range(health_deadline(&c.h) - c.now, 1, SEC / 2);
}

static void what_is_due_stays_due_until_it_is_done(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    for (unsigned i = 0; i < 3; i++) {
        health_poll(&c.h, c.now + i, &c.step);
        assert_true(c.step.dial && !c.step.probe);
    }
    health_dialed(&c.h, c.now);
    health_poll(&c.h, c.now + 3, &c.step);
    assert_false(c.step.dial);
    health_established(&c.h, c.now, 0);
    for (unsigned i = 0; i < 3; i++) {
        health_poll(&c.h, c.now + i, &c.step);
        assert_true(c.step.probe && !c.step.dial);
    }
    health_sent(&c.h, c.now + 3);
    health_poll(&c.h, c.now + 3, &c.step);
    assert_false(c.step.probe);
}

static void our_own_lateness_is_forgiven_once(void **state)
{
    struct clock c;
    qhcp_nsec due;

    (void)state;
    clock_up(&c, 1);
    clock_cut(&c);
    due = c.h.silence.timeout_at;
    c.now = due + 5 * SEC; /* SIGSTOP */
    health_poll(&c.h, c.now, &c.step);
    assert_false(c.step.verdict);
    assert_true(c.step.probe);
    clock_take(&c);
    assert_int_equal(c.h.fails, 0);
    due = health_deadline(&c.h);
    assert_true(due > c.now);
    c.now = due + 5 * SEC; /* and again */
    health_poll(&c.h, c.now, &c.step);
    assert_true(c.step.verdict);
}

static void a_little_lateness_is_judged_by(void **state)
{
    struct clock c;

    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        qhcp_nsec timeout;

        clock_up(&c, 1);
        clock_cut(&c);
        timeout = c.h.silence.timeout_at - c.now;
        c.now = c.h.silence.timeout_at + SILENCE_LATE + timeout / 2 + late;
        health_poll(&c.h, c.now, &c.step);
        assert_int_equal(c.step.verdict, late == 0);
    }
}

static void a_forgiven_probe_that_stays_unanswered_in_time_is_a_miss(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    clock_cut(&c);
    c.now = c.h.silence.timeout_at + 5 * SEC;
    health_poll(&c.h, c.now, &c.step);
    clock_take(&c);
    assert_true(clock_until(&c, SEC).verdict);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
}

static void a_late_burst_is_forgiven_too(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 10);
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    clock_take(&c);
    while (c.h.burst.left > 0)
        clock_step(&c);
    c.now = c.h.burst.convict_at + 5 * SEC;
    health_poll(&c.h, c.now, &c.step);
    assert_false(c.step.verdict);
    assert_true(c.step.probe);
    clock_take(&c);
    assert_true(clock_until(&c, SEC).verdict);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_UNREACHABLE);
}

static void a_probe_that_could_not_leave_is_no_miss(void **state)
{
    struct clock c;

    (void)state;
    for (unsigned afterwards = 0; afterwards < 2; afterwards++) {
        clock_up(&c, 1);
        c.now = c.h.next;
        for (unsigned i = 0; i < 500; i++) {
            health_poll(&c.h, c.now, &c.step);
            assert_true(c.step.probe);
            if (afterwards) /* the owner learns of it later */
                health_sent(&c.h, c.now);
            health_not_sent(&c.h, c.now);
            assert_int_equal(c.h.silence.n_open, 0);
            assert_in_range(health_deadline(&c.h) - c.now, 1, HEALTH_RETRY);
            c.now = health_deadline(&c.h);
        }
        assert_int_equal(c.h.state, QHCP_UP);
        assert_int_equal(c.h.fails, 0);
    }
}

static void a_burst_that_could_not_leave_convicts_nobody(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    for (unsigned i = 0; i < 500; i++) {
        if (c.step.probe) {
            health_sent(&c.h, c.now);
            health_not_sent(&c.h, c.now);
        }
        c.now = health_deadline(&c.h);
        health_poll(&c.h, c.now, &c.step);
        assert_false(c.step.verdict);
    }
}

static void an_earlier_probe_stays_open_when_a_later_one_could_not_leave(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    clock_cut(&c);
    health_status(&c.h, c.now, QHCP_SERVING, &c.step); /* asks for another probe */
    assert_true(c.step.probe);
    health_not_sent(&c.h, c.now);
    assert_int_equal(c.h.silence.n_open, 1);
    health_status(&c.h, c.now, QHCP_SERVING, &c.step);
    health_sent(&c.h, c.now);
    health_not_sent(&c.h, c.now);
    assert_int_equal(c.h.silence.n_open, 1);
}

static void an_interval_shorter_than_the_round_trip_works(void **state)
{
    struct clock c;
    qhcp_nsec cut;

    (void)state;
    clock_init(&c, 3);
    c.h.config.interval = 10 * MS;
    clock_establish(&c);
    health_answer(&c.h, c.now + 95 * MS, c.now + 95 * MS, 95 * MS, QHCP_SERVING, true, &c.step);
    c.now += 95 * MS;
    clock_answering(&c, 5 * SEC, 95 * MS);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.fails, 0);
    assert_in_range(c.h.silence.n_open, 8, 11);
    cut = c.now;
    assert_true(clock_until(&c, 5 * SEC).verdict);
    assert_in_range(c.now - cut, 10 * MS, 200 * MS);
}

static void many_open_probes_are_no_trouble(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    c.h.config.interval = MS;
    clock_establish(&c);
    clock_until(&c, 900 * MS); /* the first time-out is 1 s */
    assert_int_equal(c.h.silence.n_open, SILENCE_OPEN);
    assert_int_equal(c.h.state, QHCP_CONNECTING);
    health_answer(&c.h, c.now, c.now, c.now - START, QHCP_SERVING, true, &c.step);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_true(c.h.silence.n_open < SILENCE_OPEN);
}

static void failed_dials_are_repeated_ever_more_slowly_until_down(void **state)
{
    static const unsigned pauses[] = {50, 100, 200, 400, 800, 1000, 1000};
    struct clock c;

    (void)state;
    clock_init(&c, 8);
    for (unsigned i = 0; i < 8; i++) {
        assert_true(clock_until(&c, SEC).dial);
        health_dialed(&c.h, c.now);
        c.now += 10 * MS;
        clock_signal(&c, HEALTH_SIGNAL_DIAL_FAILED);
        assert_int_equal(c.h.fails, i + 1);
        assert_int_equal(c.step.verdict, i == 7);
        if (i < 7)
            assert_int_equal(health_deadline(&c.h) - c.now, pauses[i] * MS);
    }
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_NO_HANDSHAKE);
    assert_true(health_deadline(&c.h) == c.now + 30 * SEC);
}

static void a_server_that_is_down_is_dialled_each_reconnect_interval(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    clock_cut(&c);
    clock_until(&c, SEC);
    for (unsigned i = 0; i < 5; i++) {
        qhcp_nsec before = c.now;

        assert_true(clock_until(&c, 60 * SEC).dial);
        assert_true(c.now == before + 30 * SEC);
        health_dialed(&c.h, c.now);
        health_signal(&c.h, c.now + SEC, HEALTH_SIGNAL_DIAL_UNREACHABLE, &c.step);
        assert_false(c.step.verdict);
        assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
    }
    clock_until(&c, 60 * SEC);
    clock_establish(&c);
    assert_int_equal(c.h.state, QHCP_DOWN);
    answer(&c, QHCP_SERVING, true);
    assert_true(c.step.verdict);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.fails, 0);
}

static void what_a_server_said_no_longer_holds_when_it_is_gone(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    answer(&c, QHCP_NOT_SERVING, true);
    clock_signal(&c, HEALTH_SIGNAL_CLOSED);
    assert_true(c.step.dial); /* it may have restarted */
    health_dialed(&c.h, c.now);
    clock_signal(&c, HEALTH_SIGNAL_DIAL_UNREACHABLE);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_UNREACHABLE);
    health_dialed(&c.h, c.now);
    clock_signal(&c, HEALTH_SIGNAL_REFUSED);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_REFUSED);
    assert_false(c.step.verdict);
}

static void an_attempt_that_is_forgotten_fails(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 1);
    health_dialed(&c.h, c.now);
    assert_true(health_deadline(&c.h) == c.now + DIAL_TIMEOUT);
    clock_step(&c);
    assert_true(c.step.drop && c.step.verdict);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_NO_HANDSHAKE);
}

static void connections_that_end_unanswered_count_as_failed_dials(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    for (unsigned i = 0; i < 3; i++) {
        clock_until(&c, SEC);
        clock_establish(&c);
        clock_signal(&c, HEALTH_SIGNAL_CLOSED);
        assert_int_equal(c.h.fails, i + 1);
        assert_false(c.step.dial);
    }
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_CLOSED);
}

static void connections_that_always_end_after_an_answer_are_dialled_at_the_interval(void **state)
{
    struct clock c;
    unsigned dials = 0;
    qhcp_nsec end;

    (void)state;
    clock_up(&c, 3);
    end = c.now + 10 * SEC;
    while (c.now < end) {
        clock_signal(&c, HEALTH_SIGNAL_RESET);
        if (!c.step.dial)
            clock_until(&c, 2 * SEC);
        assert_true(c.step.dial);
        dials++;
        clock_establish(&c);
        answer(&c, QHCP_SERVING, true);
    }
    assert_in_range(dials, 10, 12);
    assert_int_equal(c.h.state, QHCP_UP);
}

static void new_intervals_count_from_now(void **state)
{
    struct health_config config = {.interval = 100 * MS, .reconnect_interval = SEC, .fall = 1};
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    health_configure(&c.h, &config, c.now);
    assert_in_range(health_deadline(&c.h) - c.now, 1, 100 * MS);
    clock_cut(&c);
    clock_until(&c, SEC);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.fails, 1);
    config.reconnect_interval = 500 * MS;
    health_configure(&c.h, &config, c.now);
    assert_true(health_deadline(&c.h) == c.now + 500 * MS);
    config.reconnect_interval = 60 * SEC; /* does not put off what was promised */
    health_configure(&c.h, &config, c.now);
    assert_true(health_deadline(&c.h) == c.now + 500 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_keep_their_rhythm_however_late_they_are_sent),
        cmocka_unit_test(a_stall_is_not_made_up_for),
        cmocka_unit_test(what_is_due_stays_due_until_it_is_done),
        cmocka_unit_test(our_own_lateness_is_forgiven_once),
        cmocka_unit_test(a_little_lateness_is_judged_by),
        cmocka_unit_test(a_forgiven_probe_that_stays_unanswered_in_time_is_a_miss),
        cmocka_unit_test(a_late_burst_is_forgiven_too),
        cmocka_unit_test(a_probe_that_could_not_leave_is_no_miss),
        cmocka_unit_test(a_burst_that_could_not_leave_convicts_nobody),
        cmocka_unit_test(an_earlier_probe_stays_open_when_a_later_one_could_not_leave),
        cmocka_unit_test(an_interval_shorter_than_the_round_trip_works),
        cmocka_unit_test(many_open_probes_are_no_trouble),
        cmocka_unit_test(failed_dials_are_repeated_ever_more_slowly_until_down),
        cmocka_unit_test(a_server_that_is_down_is_dialled_each_reconnect_interval),
        cmocka_unit_test(what_a_server_said_no_longer_holds_when_it_is_gone),
        cmocka_unit_test(an_attempt_that_is_forgotten_fails),
        cmocka_unit_test(connections_that_end_unanswered_count_as_failed_dials),
        cmocka_unit_test(connections_that_always_end_after_an_answer_are_dialled_at_the_interval),
        cmocka_unit_test(new_intervals_count_from_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
