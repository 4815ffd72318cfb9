/* What a server says of itself: operator, checks and thresholds, as a load balancer sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define MSEC ((qhcp_nsec)1000000)
#define SEC ((qhcp_nsec)1000000000)

static int begin(void **state)
{
    static struct pair p;

    pair_init(&p);
    *state = &p;
    return 0;
}

static int end(void **state)
{
    pair_deinit(*state);
    return 0;
}

/* One server, up, probed so rarely that whatever is heard was pushed. */
static struct qhcp_server *up(struct pair *p)
{
    const struct qhcp_lb_config config = {.liveness_interval = 60 * SEC,
                                          .check_interval = 60 * SEC};

    pair_start(p, 0);
    pair_watch(p, 1, &config);
    assert_true(pair_run(p, SEC, pair_all_up));
    return p->servers[0];
}

static void expect(struct pair *p, enum qhcp_state state, const char *reason)
{
    struct qhcp_view v;

    pair_run(p, 2 * MSEC, NULL);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    assert_int_equal(v.state, state);
    assert_string_equal(v.reason, reason);
}

static int check(struct pair *p, const char *name, enum qhcp_status status, const char *reason)
{
    return qhcp_server_set_check(p->servers[0], p->now, name, status, reason, MSEC);
}

static void the_worst_of_operator_and_checks_is_pushed_with_its_words(void **state)
{
    struct pair *p = *state;
    struct qhcp_server *s = up(p);

    assert_int_equal(check(p, "a", QHCP_STATUS_DEGRADED, "slow"), 0);
    expect(p, QHCP_DEGRADED, "server is degraded: a: slow");
    assert_int_equal(check(p, "b", QHCP_NOT_SERVING, "refused"), 0);
    expect(p, QHCP_DOWN, "server is not serving: b: refused");
    qhcp_server_set_status(s, p->now, QHCP_STATUS_DRAINING, "by operator");
    expect(p, QHCP_DOWN, "server is not serving: b: refused");
    assert_int_equal(check(p, "b", QHCP_SERVING, ""), 0);
    expect(p, QHCP_DRAINING, "server is draining: by operator");
    qhcp_server_set_status(s, p->now, QHCP_STATUS_MAINTENANCE, "by operator");
    assert_int_equal(check(p, "b", QHCP_NOT_SERVING, "refused"), 0);
    expect(p, QHCP_MAINTENANCE, "server is in maintenance: by operator");
    qhcp_server_set_status(s, p->now, QHCP_SERVING, "");
    assert_int_equal(check(p, "b", QHCP_SERVING, ""), 0);
    expect(p, QHCP_DEGRADED, "server is degraded: a: slow");
    assert_int_equal(check(p, "a", QHCP_SERVING, ""), 0);
    expect(p, QHCP_UP, "");
}

static void words_alone_are_pushed_once_a_second_at_most(void **state)
{
    struct pair *p = *state;
    char reason[32];
    uint64_t before;

    up(p);
    assert_int_equal(check(p, "a", QHCP_NOT_SERVING, "first"), 0);
    assert_int_equal(check(p, "a", QHCP_NOT_SERVING, "second"), 0);
    expect(p, QHCP_DOWN, "server is not serving: a: second");
    before = p->packets;
    for (unsigned i = 0; i < 80; i++) {
        snprintf(reason, sizeof reason, "word %u", i);
        assert_int_equal(check(p, "a", QHCP_NOT_SERVING, reason), 0);
        pair_run(p, 10 * MSEC, NULL);
    }
    assert_int_equal(p->packets, before);
    pair_run(p, 300 * MSEC, NULL);
    assert_int_equal(check(p, "a", QHCP_NOT_SERVING, "last"), 0);
    expect(p, QHCP_DOWN, "server is not serving: a: last");
}

static void names_statuses_and_numbers_of_checks_are_held_to_their_limits(void **state)
{
    struct pair *p = *state;
    char name[80];

    up(p);
    memset(name, 'n', sizeof name);
    name[65] = '\0';
    assert_int_equal(check(p, name, QHCP_SERVING, ""), QHCP_E_ARG);
    name[64] = '\0';
    assert_int_equal(check(p, name, QHCP_SERVING, ""), 0);
    assert_int_equal(check(p, "", QHCP_SERVING, ""), QHCP_E_ARG);
    assert_int_equal(check(p, "a\n", QHCP_SERVING, ""), QHCP_E_ARG);
    assert_int_equal(check(p, "a", QHCP_STATUS_DRAINING, ""), QHCP_E_ARG);
    for (unsigned i = 1; i < QHCP_CHECKS; i++) {
        snprintf(name, sizeof name, "check %u", i);
        assert_int_equal(check(p, name, QHCP_SERVING, ""), 0);
    }
    assert_int_equal(check(p, "one more", QHCP_SERVING, ""), QHCP_E_FULL);
    assert_int_equal(check(p, "check 1", QHCP_NOT_SERVING, "not \x1b[31m text \xff"), 0);
    expect(p, QHCP_DOWN, "server is not serving: check 1: not ?[31m text ?");
}

static void a_view_shows_what_was_set_and_what_it_comes_to(void **state)
{
    struct pair *p = *state;
    struct qhcp_server_view v;
    struct qhcp_server *s = up(p);

    qhcp_server_set_status(s, p->now, QHCP_STATUS_DRAINING, "disk");
    assert_int_equal(check(p, "web", QHCP_NOT_SERVING, "refused"), 0);
    qhcp_server_status(s, &v);
    assert_int_equal(v.status, QHCP_NOT_SERVING);
    assert_string_equal(v.reason, "web: refused");
    assert_int_equal(v.set_status, QHCP_STATUS_DRAINING);
    assert_string_equal(v.set_reason, "disk");
    assert_int_equal(v.n_checks, 1);
    assert_string_equal(v.checks[0].name, "web");
    assert_int_equal(v.checks[0].duration, MSEC);
}

static void a_threshold_on_the_application_s_own_metric(void **state)
{
    struct pair *p = *state;
    char words[200];
    struct qhcp_server *s = up(p);

    assert_int_equal(qhcp_server_add_threshold(s, p->now, "queue>10", words, sizeof words),
                     QHCP_E_NOT_FOUND);
    assert_int_equal(qhcp_server_set_metric(s, "queue", 0, 3), 0);
    assert_int_equal(
        qhcp_server_add_threshold(s, p->now, "queue>10 clear 5 for 2s", words, sizeof words), 0);
    assert_int_equal(qhcp_server_set_metric(s, "queue", 0, 20), 0);
    pair_run(p, 1900 * MSEC, NULL);
    expect(p, QHCP_UP, "");
    pair_run(p, 200 * MSEC, NULL);
    expect(p, QHCP_DEGRADED, "server is degraded: queue is 20: over 10 for 2s");
    assert_int_equal(qhcp_server_set_metric(s, "queue", 0, 6), 0);
    expect(p, QHCP_DEGRADED, "server is degraded: queue is 20: over 10 for 2s");
    assert_int_equal(qhcp_server_set_metric(s, "queue", 0, 5), 0);
    expect(p, QHCP_UP, "");
}

static void more_than_sixteen_rules_are_refused(void **state)
{
    struct pair *p = *state;
    char words[200];
    struct qhcp_server *s = up(p);

    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(
            qhcp_server_add_threshold(s, p->now, "cpu_usage_percent>100", words, sizeof words), 0);
    assert_int_equal(
        qhcp_server_add_threshold(s, p->now, "cpu_usage_percent>100", words, sizeof words),
        QHCP_E_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_worst_of_operator_and_checks_is_pushed_with_its_words,
                                        begin, end),
        cmocka_unit_test_setup_teardown(words_alone_are_pushed_once_a_second_at_most, begin, end),
        cmocka_unit_test_setup_teardown(
            names_statuses_and_numbers_of_checks_are_held_to_their_limits, begin, end),
        cmocka_unit_test_setup_teardown(a_view_shows_what_was_set_and_what_it_comes_to, begin, end),
        cmocka_unit_test_setup_teardown(a_threshold_on_the_application_s_own_metric, begin, end),
        cmocka_unit_test_setup_teardown(more_than_sixteen_rules_are_refused, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
