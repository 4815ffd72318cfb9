/* Rise and fall: when a run of results becomes a verdict. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "check/streak.h"

/* s, d and n: serving, degraded, not serving; results in, verdicts out. */
static void assert_verdicts(unsigned fall, unsigned rise, const char *results, const char *verdicts)
{
    struct streak j;

    streak_init(&j, fall, rise);
    for (const char *p = results; *p; p++) {
        enum qhcp_status r = *p == 's'   ? QHCP_SERVING
                             : *p == 'd' ? QHCP_STATUS_DEGRADED
                                         : QHCP_NOT_SERVING;
        enum qhcp_status v = streak_result(&j, r);
        char c = v == QHCP_SERVING ? 's' : v == QHCP_STATUS_DEGRADED ? 'd' : 'n';
        if (c != verdicts[p - results])
            fail_msg("%s at %d: %c, not %c", results, (int)(p - results), c, verdicts[p - results]);
    }
}

static void the_first_result_decides_alone(void **state)
{
    (void)state;
    assert_verdicts(3, 3, "n", "n");
    assert_verdicts(3, 3, "d", "d");
    assert_verdicts(3, 3, "s", "s");
}

static void worse_results_in_a_row_count_to_fall_and_better_ones_to_rise(void **state)
{
    (void)state;
    assert_verdicts(3, 2, "snnnnssn", "sssnnnss");
    assert_verdicts(1, 1, "snsn", "snsn");
}

static void a_result_like_the_verdict_begins_the_count_anew(void **state)
{
    (void)state;
    assert_verdicts(2, 2, "snsnsnn", "ssssssn");
    assert_verdicts(2, 2, "nsnsns", "nnnnnn");
}

static void degraded_lies_between(void **state)
{
    (void)state;
    assert_verdicts(2, 2, "sddnndd", "ssddnnd");
    assert_verdicts(2, 2, "sdn", "ssn"); /* two worse ones; the newest says how bad */
    assert_verdicts(2, 2, "nds", "nns");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_result_decides_alone),
        cmocka_unit_test(worse_results_in_a_row_count_to_fall_and_better_ones_to_rise),
        cmocka_unit_test(a_result_like_the_verdict_begins_the_count_anew),
        cmocka_unit_test(degraded_lies_between),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
