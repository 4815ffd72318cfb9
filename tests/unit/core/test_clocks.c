/* Wall clocks that are set while all runs, and clocks that are apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define DAY 86400

static const struct qhcp_lb_config quick = {.liveness_interval = 100 * MSEC,
                                            .reconnect_interval = 10 * SEC,
                                            .token_lifetime = 120,
                                            .flap_hold = QHCP_OFF};

static int setup(void **state)
{
    struct pair *p;

    pair_setup(state);
    p = *state;
    pair_start(p, 0);
    pair_watch(p, 1, &quick);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, SEC, NULL);
    p->n_events = 0;
    return 0;
}

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static const struct pair_event *last(const struct pair *p)
{
    return &p->events[p->n_events - 1];
}

/* Both machines' clocks are set, together as NTP would; sessions renew their tokens meanwhile. */
static void clocks_that_are_set_change_no_verdict_and_stop_no_watch(void **state)
{
    static const int64_t steps[] = {30 * DAY, -30 * DAY - 3600, 3600};
    struct pair *p = *state;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        p->wall += steps[i];
        pair_run(p, 150 * SEC, NULL);
        assert_int_equal(p->n_events, 0);
        pair_kill(p, 0);
        assert_true(pair_run(p, SEC, down0));
        pair_start(p, 0);
        assert_true(pair_run(p, SEC, pair_all_up));
        pair_run(p, 2 * SEC, NULL);
        p->n_events = 0;
    }
}

/* Only the server's: what lives goes on until its token is to be renewed, and then the words say
 * it. */
static void clocks_that_are_apart_are_said_with_how_far(void **state)
{
    struct pair *p = *state;

    p->skew = 23 * 3600;
    pair_run(p, 20 * SEC, NULL);
    assert_int_equal(p->n_events, 0);
    pair_start(p, 0); /* asks for a new session */
    assert_true(pair_run(p, 3 * SEC, down0));
    assert_non_null(
        strstr(last(p)->reason, "two clocks differ by 23 h; the server's clock is ahead"));
    p->skew = -2 * 3600;
    assert_false(pair_run(p, 15 * SEC, pair_all_up));
    {
        struct qhcp_view v;

        assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
        assert_non_null(strstr(v.reason, "differ by 120 min; the load balancer's clock is ahead"));
    }
    p->skew = 30; /* within what is forgiven */
    assert_true(pair_run(p, 15 * SEC, pair_all_up));
}

static uint64_t rtt_us(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return v.rtt_us;
}

static void what_waits_to_be_read_has_no_longer_a_way(void **state)
{
    struct pair *p = *state;

    p->waits = 8 * MSEC;
    pair_run(p, 10 * SEC, NULL);
    assert_in_range(rtt_us(p), 2 * PAIR_LATENCY / 1000, 2 * PAIR_LATENCY / 1000 + 50);
    assert_int_equal(p->n_events, 0);
    p->stamp_off = 8 * MSEC; /* the twin: stamps that say when it is read */
    pair_run(p, 10 * SEC, NULL);
    assert_in_range(rtt_us(p), 8000, 8500);
}

/* Whatever they say, an answer is an answer. */
static void stamps_that_are_nonsense_convict_nobody(void **state)
{
    static const int64_t off[] = {-3600 * (int64_t)SEC, 3600 * (int64_t)SEC, INT64_MIN, INT64_MAX};
    struct pair *p = *state;

    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        p->stamp_off = off[i];
        pair_run(p, 20 * SEC, NULL);
        assert_int_equal(p->n_events, 0);
        assert_in_range(rtt_us(p), 0, 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(clocks_that_are_set_change_no_verdict_and_stop_no_watch),
        TEST(clocks_that_are_apart_are_said_with_how_far),
        TEST(what_waits_to_be_read_has_no_longer_a_way),
        TEST(stamps_that_are_nonsense_convict_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
