/* What others than the agent say of a server, its data port; and how one that was lost comes back.
 */
#include "clock.h"

static void port(struct clock *c, bool open)
{
    health_data_port(&c->h, c->now, open, &c->step);
    assert_false(c->step.probe && c->step.dial);
}

static void a_lying_agent_is_down_by_its_data_port(void **state)
{
    static const unsigned statuses[] = {QHCP_SERVING, QHCP_STATUS_DEGRADED};
    struct clock c;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        clock_up(&c, 3);
        answer(&c, statuses[i], true);
        port(&c, false);
        assert_true(c.step.verdict);
        assert_int_equal(c.h.state, QHCP_DOWN);
        assert_int_equal(c.h.cause, HEALTH_CAUSE_DATA_PORT);
        assert_int_equal(c.h.phase, HEALTH_WATCHING); /* the agent is heard all the time */
        answer(&c, statuses[i], true);
        assert_int_equal(c.h.state, QHCP_DOWN);
        port(&c, true);
        assert_true(c.step.verdict);
        assert_int_equal(c.h.state, i == 0 ? QHCP_UP : QHCP_DEGRADED);
    }
}

static void what_is_not_meant_to_serve_is_not_judged_by_its_data_port(void **state)
{
    static const unsigned statuses[] = {QHCP_STATUS_DRAINING, QHCP_STATUS_MAINTENANCE};
    static const enum qhcp_state states[] = {QHCP_DRAINING, QHCP_MAINTENANCE};
    struct clock c;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        clock_up(&c, 3);
        answer(&c, statuses[i], true);
        port(&c, false);
        assert_int_equal(c.h.state, states[i]);
        answer(&c, QHCP_SERVING, true); /* it wants traffic again, and cannot take any */
        assert_int_equal(c.h.state, QHCP_DOWN);
        assert_int_equal(c.h.cause, HEALTH_CAUSE_DATA_PORT);
    }
}

static void a_data_port_is_remembered_over_connections(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    port(&c, false);
    assert_int_equal(c.h.state, QHCP_CONNECTING);
    clock_establish(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_DOWN);
    clock_signal(&c, HEALTH_SIGNAL_RESET);
    port(&c, true);
    assert_int_equal(c.h.state, QHCP_DOWN); /* there is nobody to ask just now */
    clock_establish(&c);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
}

static void a_load_balancer_that_is_ill_calls_nobody_down_by_a_data_port(void **state)
{
    struct local local = {.level = 0};
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    c.h.config.local = &local;
    local_late(&local, c.now, SEC);
    port(&c, false);
    assert_int_equal(c.h.state, QHCP_UP);
    answer(&c, QHCP_SERVING, true);
    while (local_score(&local, c.now) > 0) {
        assert_int_equal(c.h.state, QHCP_UP);
        clock_answering(&c, SEC, MS);
        answer(&c, QHCP_SERVING, true);
    }
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_DOWN); /* it was put off, not forgotten */
    local_late(&local, c.now, SEC);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_DOWN); /* nor up for that */
}

static void one_that_is_there_again_is_dialled_at_once(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    clock_cut(&c);
    clock_until(&c, 5 * SEC);
    assert_true(c.step.lost); /* the owner may keep the connection */
    clock_signal(&c, HEALTH_SIGNAL_RETURNED);
    assert_true(c.step.dial && !c.step.drop);
    health_dialed(&c.h, c.now);
    clock_signal(&c, HEALTH_SIGNAL_RETURNED);
    assert_false(c.step.dial); /* that attempt is the answer to it, and has its time */
    c.now += DIAL_RETURN - 1;
    clock_signal(&c, HEALTH_SIGNAL_RETURNED);
    assert_false(c.step.dial);
    c.now++;
    clock_signal(&c, HEALTH_SIGNAL_RETURNED);
    assert_true(c.step.dial && c.step.drop);
    assert_int_equal(c.h.fails, 3);
    clock_establish(&c);
    clock_signal(&c, HEALTH_SIGNAL_RETURNED);
    assert_int_equal(c.h.phase, HEALTH_WATCHING);
    assert_false(c.step.dial);
}

static void one_that_was_lost_can_be_heard_again_in_every_phase(void **state)
{
    struct clock c;

    (void)state;
    for (unsigned dialling = 0; dialling < 2; dialling++) {
        qhcp_nsec srtt;

        clock_up(&c, 3);
        clock_cut(&c);
        clock_until(&c, 5 * SEC);
        srtt = c.h.rtt.srtt;
        c.now += 10 * SEC;
        if (dialling)
            health_dialed(&c.h, c.now);
        health_established(&c.h, c.now, 0);
        health_answer(&c.h, c.now, c.now, 10 * SEC, QHCP_SERVING, true, &c.step);
        assert_true(c.h.rtt.srtt == srtt); /* that check had gone out long ago */
        assert_int_equal(c.h.state, QHCP_UP);
        clock_answering(&c, 5 * SEC, MS);
    }
}

static void a_refusal_leaves_nothing_to_keep(void **state)
{
    struct clock c;

    (void)state;
    clock_up(&c, 3);
    clock_signal(&c, HEALTH_SIGNAL_REFUSED);
    assert_true(c.step.drop && !c.step.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lying_agent_is_down_by_its_data_port),
        cmocka_unit_test(what_is_not_meant_to_serve_is_not_judged_by_its_data_port),
        cmocka_unit_test(a_data_port_is_remembered_over_connections),
        cmocka_unit_test(a_load_balancer_that_is_ill_calls_nobody_down_by_a_data_port),
        cmocka_unit_test(one_that_is_there_again_is_dialled_at_once),
        cmocka_unit_test(one_that_was_lost_can_be_heard_again_in_every_phase),
        cmocka_unit_test(a_refusal_leaves_nothing_to_keep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
