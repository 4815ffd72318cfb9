/* Others are asked when one falls silent, and no more often than their answers can tell something
 * new. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define INTERVAL (500 * MSEC)
#define FALL 150 /* misses, so that the silence lasts */

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static void watch(struct pair *p)
{
    struct qhcp_lb_config c = {.liveness_interval = INTERVAL, .max_fail_attempts = FALL};

    for (int i = 0; i < 4; i++)
        pair_start(p, i);
    pair_watch(p, 4, &c);
    assert_true(pair_run(p, 2 * SEC, pair_all_up));
}

static uint64_t checks(struct pair *p, size_t i)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, i, &v), 0);
    return v.checks_sent;
}

static void a_silence_that_lasts_asks_once_in_a_pause(void **state)
{
    struct pair *p = *state;
    uint64_t mine, others, asked;
    qhcp_nsec begin;

    watch(p);
    assert_int_equal(p->lb->crowd.number, 0);
    p->cut[0] = true;
    mine = checks(p, 0);
    others = checks(p, 1);
    begin = p->now;
    assert_true(pair_run(p, 60 * SEC, down0));
    asked = (p->now - begin) / CROSS_PAUSE + 1;
    assert_true(p->now - begin > 3 * CROSS_PAUSE && checks(p, 0) - mine >= FALL);
    assert_in_range(p->lb->crowd.number, 1, asked);
    assert_in_range(checks(p, 1) - others, 1,
                    p->lb->crowd.number + (p->now - begin) / INTERVAL + 1);
}

static void where_all_answer_nobody_is_asked(void **state)
{
    struct pair *p = *state;

    watch(p);
    assert_false(pair_run(p, 5 * SEC, down0));
    assert_int_equal(p->lb->crowd.number, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silence_that_lasts_asks_once_in_a_pause, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(where_all_answer_nobody_is_asked, pair_setup,
                                        pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
