/* The common tick of a large fleet, how late probes leave, and what says that it may wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#include "health/rtt.h"
#include "lb/tick.h"

#define SEC NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC

static void few_servers_share_no_tick(void **state)
{
    (void)state;
    assert_int_equal(tick_length(0, SEC), 0);
    assert_int_equal(tick_length(1, 1), 0);
    assert_int_equal(tick_length(499, SEC), 0);
    assert_int_equal(tick_length(15, 25 * MSEC), 0);
    assert_int_equal(tick_length(4999, 10 * SEC), 0);
}

/* A whole part of the interval, and shorter than any time-out. */
static void many_servers_share_one(void **state)
{
    static const qhcp_nsec intervals[] = {10 * MSEC, 25 * MSEC, 100 * MSEC, 250 * MSEC,
                                          SEC,       SEC + 1,   10 * SEC,   3600 * SEC};

    (void)state;
    assert_int_equal(tick_length(500, SEC), 8 * MSEC);
    assert_int_equal(tick_length(16, 25 * MSEC), 25 * MSEC / 4);
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        qhcp_nsec tick = tick_length(100000000, intervals[i]);

        assert_in_range(tick, 4 * MSEC, TICK_MOST);
        assert_true(tick + MSEC < RTT_TIMEOUT_MIN);
        assert_true(intervals[i] % tick < intervals[i] / tick + 1);
    }
}

static void lateness_is_counted_by_classes(void **state)
{
    struct tick t = {0};

    (void)state;
    for (size_t i = 0; i < QHCP_LATENESS - 1; i++) {
        assert_true(i == 0 || qhcp_lateness_us(i) > qhcp_lateness_us(i - 1));
        tick_left(&t, SEC + qhcp_lateness_us(i) * NSEC_PER_USEC, SEC);
        tick_left(&t, SEC + (qhcp_lateness_us(i) + 1) * NSEC_PER_USEC, SEC);
    }
    tick_left(&t, SEC, SEC + 1); /* too early is not late */
    assert_true(qhcp_lateness_us(QHCP_LATENESS - 1) == UINT64_MAX);
    assert_int_equal(t.lateness.count[0], 2);
    for (size_t i = 1; i < QHCP_LATENESS - 1; i++)
        assert_int_equal(t.lateness.count[i], 2);
    assert_int_equal(t.lateness.count[QHCP_LATENESS - 1], 1);
}

static const struct qhcp_lb_config quick = {.liveness_interval = 10 * MSEC,
                                            .reconnect_interval = SEC};

/* 10 ms are two parts: eight servers would share a tick.  Four have none. */
static void regular_probes_are_counted_and_their_answers_may_wait(void **state)
{
    struct pair *p = *state;
    struct qhcp_self before, after;
    uint64_t n = 0;

    for (int i = 0; i < PAIR_SERVERS; i++)
        pair_start(p, i);
    pair_watch(p, PAIR_SERVERS, &quick);
    assert_int_equal(qhcp_lb_patience(p->lb), 0);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, SEC, NULL);
    qhcp_lb_self(p->lb, p->now, &before);
    p->patient = p->urgent = 0;
    pair_run(p, SEC, NULL);
    qhcp_lb_self(p->lb, p->now, &after);
    for (size_t i = 0; i < QHCP_LATENESS; i++)
        n += after.lateness.count[i] - before.lateness.count[i];
    assert_in_range(n, 395, 405);
    assert_int_equal(after.lateness.count[0] - before.lateness.count[0], n);
    assert_in_range(p->patient, n - 8, n + 8);
    assert_int_equal(p->urgent, 0);
}

static bool draining0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DRAINING;
}

static void news_never_say_that_they_may_wait(void **state)
{
    struct pair *p = *state;
    const struct qhcp_lb_config slow = {.liveness_interval = 10 * SEC};

    pair_start(p, 0);
    pair_watch(p, 1, &slow);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_pass_check(p, 10 * SEC);
    p->patient = p->urgent = 0;
    qhcp_server_set_status(p->servers[0], p->now, QHCP_STATUS_DRAINING, "by operator");
    assert_true(pair_run(p, 5 * MSEC, draining0));
    assert_int_equal(p->patient, 0);
    assert_true(p->urgent > 0);
    pair_run(p, SEC, NULL); /* what acknowledges it is answered, and has no news in it */
    p->patient = p->urgent = 0;
    qhcp_server_stop(p->servers[0], p->now, SEC, "stops");
    pair_run(p, 100 * MSEC, NULL);
    assert_int_equal(p->patient, 0); /* TERMINATE, and the close */
    assert_true(p->urgent > 0);
}

/* Servers that are too many for the test's link: nobody answers, and nobody has to. */
static void the_tick_comes_and_goes_with_the_number_of_servers(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config slower = quick;
    char words[256], address[32];

    pair_watch(p, 0, &quick);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(qhcp_lb_patience(p->lb), 0);
        snprintf(address, sizeof address, "127.0.0.1:%d", 4243 + i);
        assert_int_equal(qhcp_lb_add(p->lb, p->now, address, words, sizeof words), 0);
    }
    assert_int_equal(qhcp_lb_patience(p->lb), 5 * MSEC);
    slower.liveness_interval = SEC;
    pair_reload(p, &slower);
    assert_int_equal(qhcp_lb_patience(p->lb), 0);
    pair_reload(p, &quick);
    assert_int_equal(qhcp_lb_patience(p->lb), 5 * MSEC);
    assert_int_equal(qhcp_lb_remove(p->lb, p->now, address), 0);
    assert_int_equal(qhcp_lb_patience(p->lb), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_servers_share_no_tick),
        cmocka_unit_test(many_servers_share_one),
        cmocka_unit_test(lateness_is_counted_by_classes),
        TEST(regular_probes_are_counted_and_their_answers_may_wait),
        TEST(news_never_say_that_they_may_wait),
        TEST(the_tick_comes_and_goes_with_the_number_of_servers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
