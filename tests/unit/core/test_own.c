/* A server may have intervals of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

static bool never(struct pair *p)
{
    (void)p;
    return false;
}

static void watch(struct pair *p, enum qhcp_liveness liveness)
{
    const struct qhcp_lb_config config = {.liveness_interval = 200 * MSEC,
                                          .check_interval = SEC,
                                          .liveness = liveness,
                                          .reconnect_interval = SEC};

    for (int i = 0; i < 2; i++)
        pair_start(p, i);
    pair_watch(p, 2, &config);
    assert_false(pair_run(p, SEC, never));
    assert_true(pair_all_up(p));
}

static int tune(struct pair *p, const char *address, qhcp_nsec liveness, qhcp_nsec check)
{
    const struct qhcp_tuning t = {.liveness_interval = liveness, .check_interval = check};

    return qhcp_lb_tune(p->lb, p->now, address, &t);
}

static uint64_t checks(struct pair *p, size_t i)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, i, &v), 0);
    assert_int_equal(v.state, QHCP_UP);
    return v.checks_sent;
}

static void assert_checks(struct pair *p, size_t i, unsigned least, unsigned most)
{
    uint64_t before = checks(p, i);

    assert_false(pair_run(p, 2 * SEC, never));
    assert_in_range(checks(p, i) - before, least, most);
}

static void one_server_is_checked_more_often_than_the_others(void **state)
{
    struct pair *p = *state;

    watch(p, QHCP_LIVENESS_ASK);
    assert_checks(p, 0, 9, 11);
    assert_int_equal(tune(p, "127.0.0.1:4243", 20 * MSEC, 0), 0);
    assert_checks(p, 0, 97, 103);
    assert_checks(p, 1, 9, 11);
    assert_int_equal(p->lb->backends[0]->health.config.window, health_window(20 * MSEC));
    assert_false(p->lb->backends[0]->update.interval); /* the server knows */
    assert_int_equal(tune(p, "127.0.0.1:4243", 0, 0), 0);
    assert_checks(p, 0, 9, 11);
}

static void a_new_session_knows_the_interval_too(void **state)
{
    struct pair *p = *state;

    watch(p, QHCP_LIVENESS_ASK);
    assert_int_equal(tune(p, "127.0.0.1:4244", SEC, 0), 0);
    assert_checks(p, 1, 2, 2);
    pair_kill(p, 1);
    pair_start(p, 1);
    assert_false(pair_run(p, 5 * SEC, never));
    assert_false(p->lb->backends[1]->update.interval);
    assert_checks(p, 1, 2, 2);
    assert_checks(p, 0, 9, 11);
}

static void a_server_that_is_listened_to_sends_by_its_own_interval(void **state)
{
    struct pair *p = *state;

    watch(p, QHCP_LIVENESS_LISTEN);
    assert_int_equal(p->lb->backends[0]->link.session.beat_us, 200000);
    assert_int_equal(tune(p, "127.0.0.1:4243", 50 * MSEC, 500 * MSEC), 0);
    assert_checks(p, 0, 40, 46); /* statuses, and what is asked */
    assert_int_equal(p->lb->backends[0]->link.session.beat_us, 50000);
    assert_int_equal(p->lb->backends[1]->link.session.beat_us, 200000);
}

static bool listens(struct pair *p, size_t i)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, i, &v), 0);
    assert_int_equal(v.state, QHCP_UP);
    return v.listening;
}

static int set_way(struct pair *p, bool ask, bool listen)
{
    const struct qhcp_tuning t = {.ask = ask, .listen = listen};

    return qhcp_lb_tune(p->lb, p->now, "127.0.0.1:4243", &t);
}

static void one_server_is_listened_to_and_the_others_are_asked(void **state)
{
    struct pair *p = *state;

    watch(p, QHCP_LIVENESS_ASK);
    assert_int_equal(set_way(p, false, true), 0);
    assert_false(pair_run(p, SEC, never));
    assert_true(listens(p, 0) && !listens(p, 1));
    assert_int_equal(p->lb->backends[0]->link.session.beat_us, 200000);
    pair_kill(p, 0);
    pair_start(p, 0); /* another session knows it too */
    assert_false(pair_run(p, 5 * SEC, never));
    assert_true(listens(p, 0) && !listens(p, 1));
    assert_int_equal(set_way(p, false, false), 0);
    assert_false(pair_run(p, SEC, never));
    assert_true(!listens(p, 0) && !listens(p, 1));
}

static void one_server_is_asked_and_the_others_are_listened_to(void **state)
{
    struct pair *p = *state;

    watch(p, QHCP_LIVENESS_LISTEN);
    assert_true(listens(p, 0) && listens(p, 1));
    assert_int_equal(set_way(p, true, false), 0);
    assert_false(pair_run(p, SEC, never));
    assert_true(!listens(p, 0) && listens(p, 1));
    assert_checks(p, 0, 9, 11);
    pair_kill(p, 0);
    pair_start(p, 0);
    assert_false(pair_run(p, 5 * SEC, never));
    assert_true(!listens(p, 0) && listens(p, 1));
    assert_int_equal(set_way(p, true, true), QHCP_E_ARG);
}

static void what_cannot_be_is_refused(void **state)
{
    struct pair *p = *state;

    watch(p, QHCP_LIVENESS_ASK);
    assert_int_equal(tune(p, "127.0.0.1:9", SEC, 0), QHCP_E_NOT_FOUND);
    assert_int_equal(tune(p, "127.0.0.1:4243", MSEC - 1, 0), QHCP_E_ARG);
    assert_int_equal(tune(p, "127.0.0.1:4243", 0, 3601 * SEC), QHCP_E_ARG);
    assert_int_equal(tune(p, "127.0.0.1:4243", MSEC, 3600 * SEC), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_server_is_checked_more_often_than_the_others,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(a_new_session_knows_the_interval_too, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_listened_to_sends_by_its_own_interval,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(one_server_is_listened_to_and_the_others_are_asked,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(one_server_is_asked_and_the_others_are_listened_to,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests_name("core-own", tests, NULL, NULL);
}
