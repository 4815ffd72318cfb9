/* Many servers in one process: they share what is the same for all, and are told their values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#include "state/state.h"

#define SEC UINT64_C(1000000000)
#define PERCENT 1 /* struct qhcp_value: hundredths of a percent */

static void the_second_server_reads_no_file(void **state)
{
    struct pair *p = *state;
    char away[sizeof p->dir + 8];

    pair_start(p, 0);
    p->share = p->servers[0];
    pair_watch(p, 2, NULL);
    snprintf(away, sizeof away, "%s-away", p->dir);
    assert_int_equal(rename(p->dir, away), 0);
    pair_start(p, 1);
    assert_int_equal(rename(away, p->dir), 0);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(p->errors, 0);
}

static void what_the_first_has_read_again_the_others_take(void **state)
{
    struct pair *p = *state;
    char path[STATE_PATH], words[QHCP_TEXT * 2], *keys;
    struct state s;

    pair_start(p, 0);
    p->share = p->servers[0];
    pair_start(p, 1);
    pair_watch(p, 2, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(state_find(&s, words, sizeof words), 0);
    state_path(&s, STATE_TRUST, path, sizeof path);
    assert_int_equal(state_read_file(path, true, 1 << 16, &keys, NULL, words, sizeof words), 0);
    assert_int_equal(state_write_file(path, slice_str("{\"keys\": []}"), 0600, words, sizeof words),
                     0);
    pair_run(p, 25 * SEC, NULL);
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 0);
    assert_int_equal(qhcp_server_sessions(p->servers[1]), 0);
    assert_int_equal(state_write_file(path, slice_str(keys), 0600, words, sizeof words), 0);
    free(keys);
    assert_true(pair_run(p, 60 * SEC, pair_all_up));
    assert_int_equal(qhcp_server_sessions(p->servers[1]), 1);
}

static void given_metrics_are_those_that_were_told(void **state)
{
    struct pair *p = *state;
    struct qhcp_view v;

    p->metrics_given = true;
    pair_start(p, 0);
    assert_true(qhcp_server_measured(p->servers[0]));
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "memory_usage_percent", PERCENT, 700),
                     0);
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "cpu_usage_percent", PERCENT, 4200), 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    assert_int_equal(v.n_values, 2);
    assert_string_equal(v.values[0].name, "cpu_usage_percent");
    assert_int_equal(v.values[0].value, 4200);
    assert_int_equal(v.values[1].value, 700);
}

static void what_is_measured_cannot_be_told(void **state)
{
    struct pair *p = *state;

    pair_start(p, 0);
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "cpu_usage_percent", PERCENT, 4200),
                     QHCP_E_ARG);
}

static void rules_hold_for_given_metrics_too(void **state)
{
    struct pair *p = *state;
    char words[QHCP_TEXT];

    p->metrics_given = true;
    pair_start(p, 0);
    assert_int_equal(qhcp_server_add_threshold(p->servers[0], p->now, "cpu_usage_percent>90 for 2s",
                                               words, sizeof words),
                     0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "cpu_usage_percent", PERCENT, 9500), 0);
    pair_run(p, SEC, NULL);
    assert_int_equal(pair_state(p, 0), QHCP_UP);
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(pair_state(p, 0), QHCP_DEGRADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_server_reads_no_file, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(what_the_first_has_read_again_the_others_take, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(given_metrics_are_those_that_were_told, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(what_is_measured_cannot_be_told, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(rules_hold_for_given_metrics_too, pair_setup,
                                        pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
