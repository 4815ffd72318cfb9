/* Moments as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "history/when.h"

#include <qhcp/error.h>

#define NOW_MS INT64_C(1800000000000) /* 2027-01-15 08:00:00 UTC */

static void assert_when(const char *text, int64_t ms)
{
    char words[300] = "";
    int64_t got = 0;

    assert_int_equal(when_parse(text, NOW_MS, &got, words, sizeof words), 0);
    assert_int_equal(got, ms);
}

static void moments(void **state)
{
    (void)state;
    assert_when("2h", NOW_MS - 2 * 3600 * 1000);
    assert_when("90", NOW_MS - 90 * 1000);
    assert_when("07:30", NOW_MS - 30 * 60 * 1000);
    assert_when("07:30:15", NOW_MS - 30 * 60 * 1000 + 15000);
    assert_when("2027-01-15", NOW_MS - 8 * 3600 * 1000);
    assert_when("2027-01-14 08:00", NOW_MS - 24 * 3600 * 1000);
    assert_when("2027-01-14T08:00:01", NOW_MS - 24 * 3600 * 1000 + 1000);
}

static void moments_of_programs_are_utc(void **state)
{
    (void)state;
    setenv("TZ", "America/New_York", 1);
    tzset();
    assert_when("2027-01-14T08:00:01Z", NOW_MS - 24 * 3600 * 1000 + 1000);
    assert_when("2027-01-14T03:00:01", NOW_MS - 24 * 3600 * 1000 + 1000);
    setenv("TZ", "UTC", 1);
    tzset();
}

static void others_are_refused_with_what_would_do(void **state)
{
    static const char *const bad[] = {"yesterday", "",    "25:00", "2027-13-01",
                                      "2h ago",    "-2h", "07:30x"};
    char words[300];
    int64_t got;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(when_parse(bad[i], NOW_MS, &got, words, sizeof words), QHCP_E_PARSE);
        assert_non_null(strstr(words, bad[i]));
        assert_non_null(strstr(words, "03:10"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments),
        cmocka_unit_test(moments_of_programs_are_utc),
        cmocka_unit_test(others_are_refused_with_what_would_do),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
