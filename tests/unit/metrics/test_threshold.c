/* Rules on metrics: how they are written, when they hold, when they are over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "metrics/threshold.h"

#include <qhcp/error.h>

#define SEC NSEC_PER_SEC

static struct threshold rule;
static char words[300];

static int parse(const char *text)
{
    return threshold_parse(text, threshold_registered, NULL, &rule, words, sizeof words);
}

static void values_are_in_the_metric_s_own_unit_or_in_one_that_is_named(void **state)
{
    static const struct {
        const char *text;
        uint64_t limit, clear;
        qhcp_nsec hold;
    } rows[] = {
        {"cpu_usage_percent>90", 9000, 8100, 0},
        {"cpu_usage_percent > 90% for 5s", 9000, 8100, 5 * SEC},
        {" cpu_usage_percent  >12.5 clear 12.25 ", 1250, 1225, 0},
        {"cpu_usage_percent<10", 1000, 1100, 0},
        {"requests_in_flight>100 for 250ms clear 50", 100, 50, 250 * NSEC_PER_MSEC},
        {"request_latency_p50_us>20ms", 20000, 18000, 0},
        {"request_latency_p50_us>1.5s for 2m", 1500000, 1350000, 120 * SEC},
        {"request_latency_p50_us>2500000ns for 500us", 2500, 2250, 500 * NSEC_PER_USEC},
        {"request_latency_p50_us>2m for 0.5h", 120000000, 108000000, 1800 * SEC},
        {"errors_per_second>0.5", 500, 450, 0},
        {"errors_per_second>0 clear 0", 0, 0, 0},
        {"cpu_usage_percent>99.99", 9999, 9000, 0},
        {"application_utilization_percent>150", 15000, 13500, 0}, /* it may pass 100 */
        {"cpu_usage_percent<0.01", 1, 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (parse(rows[i].text) != 0)
            fail_msg("%s: %s", rows[i].text, words);
        assert_int_equal(rule.limit, rows[i].limit);
        assert_int_equal(rule.clear, rows[i].clear);
        assert_int_equal(rule.hold, rows[i].hold);
        assert_int_equal(rule.below, strchr(rows[i].text, '<') != NULL);
    }
}

static void what_is_wrong_is_named_with_its_place(void **state)
{
    static const struct {
        const char *text, *said;
        int error;
    } rows[] = {
        {"", "at its end: expected a metric's name", QHCP_E_PARSE},
        {"nonesuch>1", "at character 1, \"nonesuch>1\": there is no metric", QHCP_E_NOT_FOUND},
        {"Cpu>1", "expected a metric's name", QHCP_E_PARSE},
        {"cpu_usage_percent>100", "at character 19, \"100\": this can never be true", QHCP_E_ARG},
        {"memory_usage_percent>101%", "this can never be true", QHCP_E_ARG},
        {"cpu_usage_percent<0", "this can never be true", QHCP_E_ARG},
        {"connections<0", "this can never be true", QHCP_E_ARG},
        {"cpu_usage_percent", "at its end: expected > or <", QHCP_E_PARSE},
        {"cpu_usage_percent=9", "at character 18, \"=9\": expected > or <", QHCP_E_PARSE},
        {"cpu_usage_percent>=9", "at character 19, \"=9\": expected a percentage", QHCP_E_PARSE},
        {"cpu_usage_percent>", "at its end: expected a percentage", QHCP_E_PARSE},
        {"cpu_usage_percent>-1", "a percentage", QHCP_E_PARSE},
        {"cpu_usage_percent>9ms", "a percentage", QHCP_E_PARSE},
        {"cpu_usage_percent>9.", "a percentage", QHCP_E_PARSE},
        {"cpu_usage_percent>9.1.2", "a percentage", QHCP_E_PARSE},
        {"cpu_usage_percent>99999999999999999999999", "too large", QHCP_E_ARG},
        {"requests_in_flight>9999999999999999999", "too large", QHCP_E_ARG},
        {"cpu_usage_percent>9 clear 10", "at character 27, \"10\": clears on the wrong",
         QHCP_E_ARG},
        {"cpu_usage_percent<9 clear 8", "clears on the wrong", QHCP_E_ARG},
        {"cpu_usage_percent>9 clear", "only \"clear VALUE\"", QHCP_E_PARSE},
        {"cpu_usage_percent>9 for", "only \"clear VALUE\"", QHCP_E_PARSE},
        {"cpu_usage_percent>9 for 1s for 1s", "at character 28", QHCP_E_PARSE},
        {"cpu_usage_percent>9 for 25h", "at character 25, \"25h\" is out of range: 0s to 1d",
         QHCP_E_ARG},
        {"cpu_usage_percent>9 for x", "at character 25, \"x\" is not a duration", QHCP_E_PARSE},
        {"cpu_usage_percent>9 or so", "at character 21, \"or so\"", QHCP_E_PARSE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        words[0] = '\0';
        int r = parse(rows[i].text);
        if (r != rows[i].error || !strstr(words, rows[i].said))
            fail_msg("%s: %d, %s", rows[i].text, r, words);
    }
}

static void it_holds_at_once_without_a_duration_and_is_over_below_nine_tenths(void **state)
{
    (void)state;
    assert_int_equal(parse("cpu_usage_percent>90"), 0);
    threshold_value(&rule, 1, true, 9000);
    assert_false(rule.holds); /* 90 is not over 90 */
    threshold_value(&rule, 2, true, 9001);
    assert_true(rule.holds);
    threshold_value(&rule, 3, true, 8101);
    assert_true(rule.holds);
    threshold_value(&rule, 4, true, 8100);
    assert_false(rule.holds);
    threshold_value(&rule, 5, true, 8999);
    assert_false(rule.holds);
}

static void with_a_duration_every_value_of_it_must_be_beyond(void **state)
{
    (void)state;
    assert_int_equal(parse("cpu_usage_percent>90 for 5s"), 0);
    assert_int_equal(threshold_deadline(&rule), NSEC_NEVER);
    threshold_value(&rule, 10 * SEC, true, 9500);
    assert_int_equal(threshold_deadline(&rule), 15 * SEC);
    threshold_value(&rule, 14 * SEC, true, 8900); /* a dip */
    assert_int_equal(threshold_deadline(&rule), NSEC_NEVER);
    threshold_value(&rule, 14 * SEC + 1, true, 9500);
    threshold_value(&rule, 19 * SEC, true, 9500);
    assert_false(rule.holds);
    assert_int_equal(threshold_deadline(&rule), 19 * SEC + 1);
    threshold_value(&rule, 19 * SEC + 1, true, 9720);
    assert_true(rule.holds);
    assert_int_equal(threshold_deadline(&rule), NSEC_NEVER);
    threshold_words(&rule, words, sizeof words);
    assert_string_equal(words, "cpu_usage_percent is 97.2: over 90 for 5s");
    threshold_value(&rule, 20 * SEC, true, 9999);
    threshold_words(&rule, words, sizeof words);
    assert_string_equal(words, "cpu_usage_percent is 97.2: over 90 for 5s");
}

static void below_is_the_mirror_of_above(void **state)
{
    (void)state;
    assert_int_equal(parse("connections<10"), 0);
    threshold_value(&rule, 1, true, 10);
    assert_false(rule.holds);
    threshold_value(&rule, 2, true, 9);
    assert_true(rule.holds);
    threshold_value(&rule, 3, true, 10);
    assert_true(rule.holds);
    threshold_value(&rule, 4, true, 11);
    assert_false(rule.holds);
}

static void a_value_on_the_brink_does_not_flap(void **state)
{
    unsigned changes = 0;

    (void)state;
    assert_int_equal(parse("cpu_usage_percent>90"), 0);
    for (unsigned i = 0; i < 1000; i++) {
        bool held = rule.holds;
        threshold_value(&rule, i * SEC, true, i % 2 ? 9001 : 8999);
        changes += held != rule.holds;
    }
    assert_int_equal(changes, 1);
}

static void a_value_that_is_missing_ends_it(void **state)
{
    (void)state;
    assert_int_equal(parse("cpu_usage_percent<101"), 0);
    threshold_value(&rule, 1, false, 0);
    assert_false(rule.holds);
    threshold_value(&rule, 2, true, 0);
    assert_true(rule.holds);
    threshold_value(&rule, 3, false, 0);
    assert_false(rule.holds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_in_the_metric_s_own_unit_or_in_one_that_is_named),
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(it_holds_at_once_without_a_duration_and_is_over_below_nine_tenths),
        cmocka_unit_test(with_a_duration_every_value_of_it_must_be_beyond),
        cmocka_unit_test(below_is_the_mirror_of_above),
        cmocka_unit_test(a_value_on_the_brink_does_not_flap),
        cmocka_unit_test(a_value_that_is_missing_ends_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
