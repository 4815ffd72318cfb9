/* What the verdict is: statuses, silence, ICMP, ends of connections. */
#include "clock.h"

static void nothing_is_known_before_the_first_answer(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    assert_int_equal(c.h.state, QHCP_CONNECTING);
    assert_true(clock_until(&c, SEC).dial);
    clock_establish(&c);
    assert_int_equal(c.h.state, QHCP_CONNECTING);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_NONE);
    assert_true(c.step.verdict);
    assert_int_equal(c.step.from, QHCP_CONNECTING);
}

static void each_status_has_its_state(void **state)
{
    static const struct {
        unsigned status;
        enum qhcp_state state;
        enum health_cause cause;
    } cases[] = {{QHCP_SERVING, QHCP_UP, HEALTH_CAUSE_NONE},
                 {QHCP_STATUS_DEGRADED, QHCP_DEGRADED, HEALTH_CAUSE_STATUS},
                 {QHCP_STATUS_DRAINING, QHCP_DRAINING, HEALTH_CAUSE_STATUS},
                 {QHCP_NOT_SERVING, QHCP_DOWN, HEALTH_CAUSE_STATUS},
                 {QHCP_STATUS_MAINTENANCE, QHCP_MAINTENANCE, HEALTH_CAUSE_STATUS},
                 {99, QHCP_DOWN, HEALTH_CAUSE_STATUS}};
    struct clock c;

    (void)state;
    for (size_t from = 0; from < 6; from++) {
        for (size_t to = 0; to < 6; to++) {
            clock_up(&c, 3);
            answer(&c, cases[from].status, true);
            answer(&c, cases[to].status, true);
            assert_int_equal(c.h.state, cases[to].state);
            assert_int_equal(c.h.cause, cases[to].cause);
            assert_int_equal(c.step.verdict, cases[from].state != cases[to].state);
            assert_int_equal(c.h.phase, HEALTH_WATCHING); /* also when down by its own word */
            assert_false(c.step.drop);
        }
    }
}

static void serving_without_the_required_metrics_is_up_and_said(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    clock_establish(&c);
    answer(&c, QHCP_SERVING, false);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_METRICS);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_NONE);
    assert_false(c.step.verdict);
    answer(&c, QHCP_NOT_SERVING, false);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_STATUS);
}

static void silence_is_down_after_as_many_misses_as_configured(void **state)
{
    struct clock c;

    (void)state;
    for (unsigned fall = 1; fall <= 10; fall++) {
        qhcp_nsec first;

        clock_up(&c, fall);
        first = clock_cut(&c);
        assert_true(clock_until(&c, 5 * SEC).verdict);
        assert_int_equal(c.h.state, QHCP_DOWN);
        assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
        assert_true(c.step.drop);
        assert_int_equal(c.step.from, QHCP_UP);
        assert_int_equal(c.step.misses, fall);
        assert_int_equal(c.h.fails, fall);
        assert_true(c.step.span == c.now - first);
        assert_int_equal(c.probes, fall);
        assert_int_equal(c.h.phase, HEALTH_IDLE);
    }
}

static void misses_after_the_first_come_fast(void **state)
{
    struct clock c;
    qhcp_nsec first;

    (void)state;
    clock_up(&c, 3); /* answers take 1 ms */
    first = clock_cut(&c);
    clock_until(&c, 5 * SEC);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_in_range(c.now - first, 20 * MS, 25 * MS); /* 10 + 5 + 5 */
}

static void the_servers_bound_is_waited_for(void **state)
{
    struct clock c;
    qhcp_nsec first;

    (void)state;
    clock_init(&c, 3);
    c.bound = 50 * MS;
    clock_establish(&c);
    for (unsigned i = 0; i < 50; i++)
        answer(&c, QHCP_SERVING, true);
    first = clock_cut(&c);
    clock_until(&c, 5 * SEC);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_in_range(c.now - first, 150 * MS, 180 * MS);
}

static void one_answer_acquits(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    for (unsigned i = 0; i < 20; i++) {
        clock_cut(&c);
        while (c.h.silence.misses < 2)
            clock_step(&c);
        assert_int_equal(c.h.fails, 2);
        answer(&c, QHCP_SERVING, true);
        assert_int_equal(c.h.fails, 0);
        assert_int_equal(c.h.state, QHCP_UP);
    }
}

static void a_server_that_never_answers_a_check_is_down(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 2);
    clock_establish(&c);
    c.probes = 0;
    assert_true(clock_until(&c, 10 * SEC).verdict);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
    assert_in_range(c.now - START, SEC, 2 * SEC);
}

static void icmp_alone_convicts_nobody(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    assert_true(c.step.probe);
    assert_false(c.step.verdict);
    answer(&c, QHCP_SERVING, true);
    clock_answering(&c, 2 * SEC, MS);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.fails, 0);
}

static void icmp_and_an_unanswered_burst_convict(void **state)
{
    struct clock c;
    qhcp_nsec from;

    (void)state;
    clock_up(&c, 10);
    from = c.now;
    c.probes = 0;
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    clock_take(&c);
    assert_true(clock_until(&c, SEC).verdict);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_UNREACHABLE);
    assert_true(c.step.drop);
    assert_int_equal(c.probes, BURST_PROBES);
    assert_in_range(c.now - from, 2 * MS, 5 * MS); /* a millisecond apart, then srtt + 2 or 3 */
}

/* The server's processing bound is waited for, unless the burst shows that nobody is there. */
static void certain_icmp_after_the_burst_hastens_it(void **state)
{
    static const struct {
        enum health_signal first, again;
        unsigned least, most; /* ms from the first to the verdict */
    } cases[] = {
        {HEALTH_SIGNAL_ICMP, HEALTH_SIGNAL_ICMP, 22, 25},
        {HEALTH_SIGNAL_ICMP_CERTAIN, HEALTH_SIGNAL_ICMP, 22, 25},
        {HEALTH_SIGNAL_ICMP, HEALTH_SIGNAL_ICMP_CERTAIN, 2, 4},
        {HEALTH_SIGNAL_ICMP_CERTAIN, HEALTH_SIGNAL_ICMP_CERTAIN, 2, 4},
    };
    struct clock c;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned late = 0; late < 2; late++) { /* during the burst, or after it */
            qhcp_nsec from;

            clock_up(&c, 10);
            c.h.rtt.bound = 20 * MS;
            from = c.now;
            clock_signal(&c, cases[i].first);
            clock_take(&c);
            while (late && c.h.burst.left > 0)
                clock_step(&c);
            if (!late) /* what the burst provoked, not what came before it */
                clock_until(&c, c.h.rtt.srtt / 2);
            clock_signal(&c, cases[i].again);
            clock_take(&c);
            assert_int_equal(c.h.state, QHCP_UP);
            while (c.h.state == QHCP_UP)
                clock_until(&c, MS);
            assert_int_equal(c.h.cause, HEALTH_CAUSE_UNREACHABLE);
            assert_in_range(c.now - from, cases[i].least * MS, cases[i].most * MS);
        }
    }
}

static void an_answer_within_the_burst_acquits(void **state)
{
    struct clock c;

    (void)state;
    for (unsigned after = 1; after <= BURST_PROBES; after++) {
        clock_up(&c, 3);
        clock_signal(&c, HEALTH_SIGNAL_ICMP);
        clock_take(&c);
        for (unsigned i = 1; i < after; i++)
            clock_step(&c);
        answer(&c, QHCP_SERVING, true);
        clock_answering(&c, 500 * MS, MS);
        assert_int_equal(c.h.state, QHCP_UP);
    }
}

static void icmp_provokes_one_burst_in_200_ms(void **state)
{
    struct clock c;
    unsigned bursts = 0;

    (void)state;
    clock_up(&c, 3);
    c.h.config.interval = 3600 * SEC;
    c.h.grid.at = c.h.next = NSEC_NEVER;
    for (qhcp_nsec end = c.now + SEC; c.now < end; c.now += MS) {
        clock_signal(&c, HEALTH_SIGNAL_ICMP);
        if (!c.step.probe)
            continue;
        bursts++;
        health_sent(&c.h, c.now);
        health_answer(&c.h, c.now, c.now, MS, QHCP_SERVING, true, &c.step);
    }
    assert_int_equal(bursts, 5);
}

static void a_restart_is_no_verdict_if_it_answers_again(void **state)
{
    static const enum health_signal signals[] = {HEALTH_SIGNAL_RESET, HEALTH_SIGNAL_CLOSED};
    struct clock c;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        clock_up(&c, 3);
        clock_signal(&c, signals[i]);
        assert_true(c.step.dial);
        assert_int_equal(c.step.drop, signals[i] == HEALTH_SIGNAL_RESET);
        assert_false(c.step.verdict);
        assert_int_equal(c.h.state, QHCP_UP);
        clock_establish(&c);
        assert_int_equal(c.h.state, QHCP_UP);
        answer(&c, QHCP_SERVING, true);
        assert_false(c.step.verdict);
        assert_int_equal(c.h.state, QHCP_UP);
    }
}

static void redials_that_fail_are_a_verdict_with_their_cause(void **state)
{
    static const struct {
        enum health_signal end, dial;
        enum health_cause cause;
    } cases[] = {{HEALTH_SIGNAL_RESET, HEALTH_SIGNAL_DIAL_FAILED, HEALTH_CAUSE_NO_HANDSHAKE},
                 {HEALTH_SIGNAL_CLOSED, HEALTH_SIGNAL_DIAL_FAILED, HEALTH_CAUSE_CLOSED},
                 {HEALTH_SIGNAL_CLOSED, HEALTH_SIGNAL_DIAL_UNREACHABLE, HEALTH_CAUSE_UNREACHABLE},
                 {HEALTH_SIGNAL_RESET, HEALTH_SIGNAL_CLOSED, HEALTH_CAUSE_CLOSED}};
    struct clock c;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        clock_up(&c, 3);
        clock_signal(&c, cases[i].end);
        for (unsigned dials = 1; dials <= 3; dials++) {
            assert_true(c.step.dial);
            health_dialed(&c.h, c.now);
            assert_int_equal(c.h.state, QHCP_UP);
            clock_signal(&c, cases[i].dial);
            assert_int_equal(c.step.verdict, dials == 3);
            if (dials < 3)
                clock_until(&c, SEC);
        }
        assert_int_equal(c.h.state, QHCP_DOWN);
        assert_int_equal(c.h.cause, cases[i].cause);
    }
}

static void a_refusal_is_down_at_once(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    clock_until(&c, SEC);
    health_dialed(&c.h, c.now);
    clock_signal(&c, HEALTH_SIGNAL_REFUSED);
    assert_true(c.step.verdict && c.step.drop);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_REFUSED);
    assert_int_equal(c.h.fails, 1);
    clock_up(&c, 3);
    clock_signal(&c, HEALTH_SIGNAL_REFUSED);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_true(health_deadline(&c.h) == c.now + 30 * SEC);
}

static void a_server_that_leaves_drains_and_has_stopped_when_it_ends(void **state)
{
    static const enum health_signal ends[] = {HEALTH_SIGNAL_CLOSED, HEALTH_SIGNAL_RESET};
    struct clock c;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        clock_up(&c, 3);
        clock_signal(&c, HEALTH_SIGNAL_TERMINATE);
        assert_true(c.step.verdict);
        assert_int_equal(c.h.state, QHCP_DRAINING);
        answer(&c, QHCP_SERVING, true); /* sent before it decided to leave */
        assert_int_equal(c.h.state, QHCP_DRAINING);
        if (i < 2) {
            clock_signal(&c, ends[i]);
        } else {
            if (i == 2)
                clock_signal(&c, HEALTH_SIGNAL_ICMP);
            clock_take(&c);
            clock_until(&c, 5 * SEC);
        }
        assert_true(c.step.verdict);
        assert_int_equal(c.h.state, QHCP_DOWN);
        assert_int_equal(c.h.cause, HEALTH_CAUSE_STOPPED);
        assert_int_equal(c.step.dial, i == 1); /* a reset: there is somebody again */
    }
}

static void a_push_changes_the_status_and_is_acknowledged_at_once(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    health_status(&c.h, c.now, QHCP_STATUS_DRAINING, &c.step);
    assert_true(c.step.verdict && c.step.probe);
    assert_int_equal(c.h.state, QHCP_DRAINING);
    clock_take(&c);
    health_status(&c.h, c.now, QHCP_SERVING, &c.step);
    assert_int_equal(c.h.state, QHCP_UP);
}

static void a_push_alone_makes_nobody_up(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    clock_establish(&c);
    health_status(&c.h, c.now, QHCP_SERVING, &c.step);
    assert_int_equal(c.h.state, QHCP_CONNECTING);
    health_status(&c.h, c.now, QHCP_STATUS_MAINTENANCE, &c.step);
    assert_int_equal(c.h.state, QHCP_MAINTENANCE);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
}

static void what_comes_after_the_connection_ended_is_not_heard(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 1);
    clock_cut(&c);
    clock_until(&c, 5 * SEC);
    assert_int_equal(c.h.phase, HEALTH_IDLE);
    health_answer(&c.h, c.now, c.now, MS, QHCP_SERVING, true, &c.step);
    assert_int_equal(c.h.state, QHCP_DOWN);
    health_status(&c.h, c.now, QHCP_SERVING, &c.step);
    assert_int_equal(c.h.state, QHCP_DOWN);
    clock_signal(&c, HEALTH_SIGNAL_TERMINATE);
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    clock_signal(&c, HEALTH_SIGNAL_DIAL_FAILED);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
    assert_int_equal(c.h.phase, HEALTH_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_the_first_answer),
        cmocka_unit_test(each_status_has_its_state),
        cmocka_unit_test(serving_without_the_required_metrics_is_up_and_said),
        cmocka_unit_test(silence_is_down_after_as_many_misses_as_configured),
        cmocka_unit_test(misses_after_the_first_come_fast),
        cmocka_unit_test(the_servers_bound_is_waited_for),
        cmocka_unit_test(one_answer_acquits),
        cmocka_unit_test(a_server_that_never_answers_a_check_is_down),
        cmocka_unit_test(icmp_alone_convicts_nobody),
        cmocka_unit_test(icmp_and_an_unanswered_burst_convict),
        cmocka_unit_test(certain_icmp_after_the_burst_hastens_it),
        cmocka_unit_test(an_answer_within_the_burst_acquits),
        cmocka_unit_test(icmp_provokes_one_burst_in_200_ms),
        cmocka_unit_test(a_restart_is_no_verdict_if_it_answers_again),
        cmocka_unit_test(redials_that_fail_are_a_verdict_with_their_cause),
        cmocka_unit_test(a_refusal_is_down_at_once),
        cmocka_unit_test(a_server_that_leaves_drains_and_has_stopped_when_it_ends),
        cmocka_unit_test(a_push_changes_the_status_and_is_acknowledged_at_once),
        cmocka_unit_test(a_push_alone_makes_nobody_up),
        cmocka_unit_test(what_comes_after_the_connection_ended_is_not_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
