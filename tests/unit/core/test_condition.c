/* What a server says of itself: operator, checks and thresholds, as a load balancer sees them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define MSEC ((qhcp_nsec)1000000)
#define SEC ((qhcp_nsec)1000000000)

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
    pair_pass_check(p, 60 * SEC);
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

/* It is no news of the server's: the next answer has it. */
static void an_outcome_that_changes_no_status_comes_with_the_next_answer(void **state)
{
    const struct qhcp_lb_config config = {.liveness_interval = SEC, .check_interval = SEC};
    struct qhcp_check_view checks[QHCP_CHECKS];
    struct pair *p = *state;

    p->metrics_given = true; /* no new figures, which an answer would be encoded for */
    pair_start(p, 0);
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "cpu_usage_percent", 1, 1000), 0);
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "memory_usage_percent", 1, 2000), 0);
    pair_watch(p, 1, &config);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(check(p, "web", QHCP_SERVING, "fast"), 0);
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(qhcp_lb_checks(p->lb, 0, checks, QHCP_CHECKS), 1);
    assert_string_equal(checks[0].reason, "fast");
    assert_int_equal(check(p, "web", QHCP_SERVING, "faster"), 0);
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(qhcp_lb_checks(p->lb, 0, checks, QHCP_CHECKS), 1);
    assert_string_equal(checks[0].reason, "faster");
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
            qhcp_server_add_threshold(s, p->now, "cpu_usage_percent>99", words, sizeof words), 0);
    assert_int_equal(
        qhcp_server_add_threshold(s, p->now, "cpu_usage_percent>99", words, sizeof words),
        QHCP_E_FULL);
}

static struct qhcp_check_view seen[QHCP_CHECKS];

static size_t see(struct pair *p)
{
    memset(seen, 0xa5, sizeof seen);
    pair_run(p, 2 * MSEC, NULL);
    return qhcp_lb_checks(p->lb, 0, seen, QHCP_CHECKS);
}

static void the_load_balancer_keeps_the_newest_outcome_of_each_check(void **state)
{
    struct pair *p = *state;
    struct qhcp_check_view one[2];

    up(p);
    assert_int_equal(see(p), 0);
    assert_int_equal(check(p, "web", QHCP_NOT_SERVING, "connection refused"), 0);
    assert_int_equal(see(p), 1); /* down, and it is the reason for it */
    assert_int_equal(pair_state(p, 0), QHCP_DOWN);
    assert_string_equal(seen[0].name, "web");
    assert_int_equal(seen[0].status, QHCP_NOT_SERVING);
    assert_string_equal(seen[0].reason, "connection refused");
    assert_int_equal(seen[0].duration, MSEC);
    assert_int_equal(check(p, "disk", QHCP_STATUS_DEGRADED, "slow"), 0);
    assert_int_equal(check(p, "web", QHCP_SERVING, ""), 0);
    assert_int_equal(see(p), 2);
    assert_int_equal(seen[0].status, QHCP_SERVING);
    assert_string_equal(seen[0].reason, "");
    assert_string_equal(seen[1].name, "disk");
    assert_int_equal(seen[1].status, QHCP_STATUS_DEGRADED);
    assert_string_equal(seen[1].reason, "slow");
    memset(one, 0xa5, sizeof one);
    assert_int_equal(qhcp_lb_checks(p->lb, 0, one, 1), 2);
    assert_string_equal(one[0].name, "web");
    assert_int_equal((unsigned char)one[1].name[0], 0xa5);
    assert_int_equal(qhcp_lb_checks(p->lb, 0, NULL, 0), 2);
    assert_int_equal(qhcp_lb_checks(p->lb, 1, seen, QHCP_CHECKS), 0);
}

static bool down(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static void of_a_server_that_is_gone_no_outcome_is_news(void **state)
{
    struct pair *p = *state;

    pair_start(p, 0);
    pair_watch(p, 1, &(struct qhcp_lb_config){.liveness_interval = 100 * MSEC});
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(check(p, "a", QHCP_SERVING, "fine"), 0);
    assert_int_equal(check(p, "b", QHCP_SERVING, "fine"), 0);
    pair_run(p, SEC, NULL);
    assert_int_equal(see(p), 2); /* not pushed: the next answer brings it */
    p->cut[0] = true;
    assert_true(pair_run(p, SEC, down));
    assert_int_equal(see(p), 0);
    p->cut[0] = false;
    pair_start(p, 0);
    assert_int_equal(check(p, "a", QHCP_STATUS_DEGRADED, "warm"), 0);
    pair_run(p, 40 * SEC, NULL);
    assert_int_equal(pair_state(p, 0), QHCP_DEGRADED);
    assert_int_equal(see(p), 1); /* the one that is left */
    assert_string_equal(seen[0].reason, "warm");
}

static void sixteen_checks_with_long_reasons_are_kept_as_far_as_an_answer_holds_them(void **state)
{
    struct pair *p = *state;
    char name[8], reason[201];

    up(p);
    memset(reason, 'r', 200);
    reason[200] = '\0';
    for (unsigned i = 0; i < QHCP_CHECKS; i++) {
        snprintf(name, sizeof name, "c%u", i);
        assert_int_equal(check(p, name, i == 9 ? QHCP_STATUS_DEGRADED : QHCP_SERVING, reason), 0);
    }
    assert_int_equal(see(p), QHCP_CHECKS);
    for (unsigned i = 0; i < QHCP_CHECKS; i++) {
        snprintf(name, sizeof name, "c%u", i);
        assert_string_equal(seen[i].name, name);
        assert_int_equal(seen[i].status, i == 9 ? QHCP_STATUS_DEGRADED : QHCP_SERVING);
        assert_string_equal(seen[i].reason, "");
    }
}

static void services_are_those_of_the_last_session_whatever_the_state(void **state)
{
    static const char *const first[] = {"tcp:8080", "tcp:db.example:5432"}, *const then[] = {
                                                                                "tcp:9"};
    struct pair *p = *state;
    char got[3][QHCP_SERVICE];

    p->services = first;
    p->n_services = 2;
    pair_start(p, 0);
    pair_watch(p, 1, &(struct qhcp_lb_config){.reconnect_interval = SEC});
    assert_int_equal(qhcp_lb_services(p->lb, 0, got, 3), 0);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(qhcp_lb_services(p->lb, 0, got, 3), 2);
    assert_string_equal(got[0], first[0]);
    assert_string_equal(got[1], first[1]);
    pair_kill(p, 0);
    assert_true(pair_run(p, 3 * SEC, down));
    got[1][0] = '\0';
    assert_int_equal(qhcp_lb_services(p->lb, 0, got, 1), 2);
    assert_string_equal(got[0], first[0]);
    assert_string_equal(got[1], "");
    p->services = then;
    p->n_services = 1;
    pair_start(p, 0);
    assert_true(pair_run(p, 3 * SEC, pair_all_up));
    assert_int_equal(qhcp_lb_services(p->lb, 0, got, 3), 1);
    assert_string_equal(got[0], then[0]);
    assert_int_equal(qhcp_lb_services(p->lb, 7, got, 3), 0);
    p->n_services = 0;
    pair_start(p, 0);
    pair_run(p, 3 * SEC, NULL);
    assert_true(pair_all_up(p));
    assert_int_equal(qhcp_lb_services(p->lb, 0, got, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_worst_of_operator_and_checks_is_pushed_with_its_words,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(words_alone_are_pushed_once_a_second_at_most, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(
            names_statuses_and_numbers_of_checks_are_held_to_their_limits, pair_setup,
            pair_teardown),
        cmocka_unit_test_setup_teardown(
            an_outcome_that_changes_no_status_comes_with_the_next_answer, pair_setup,
            pair_teardown),
        cmocka_unit_test_setup_teardown(a_view_shows_what_was_set_and_what_it_comes_to, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(a_threshold_on_the_application_s_own_metric, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(more_than_sixteen_rules_are_refused, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(the_load_balancer_keeps_the_newest_outcome_of_each_check,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(of_a_server_that_is_gone_no_outcome_is_news, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(
            sixteen_checks_with_long_reasons_are_kept_as_far_as_an_answer_holds_them, pair_setup,
            pair_teardown),
        cmocka_unit_test_setup_teardown(services_are_those_of_the_last_session_whatever_the_state,
                                        pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
