/* Words beside an error number: the cause, and what to do; times as people say them. */
#include "../words.h"

#include <errno.h>

#include "base/words.h"

#include <qhcp/error.h>

static void a_span_has_a_unit_of_which_there_are_three(void **state)
{
    static const struct {
        int64_t seconds;
        const char *said;
    } rows[] = {
        {0, "0 s"},
        {1, "1 s"},
        {179, "179 s"},
        {180, "3 min"},
        {5400, "90 min"},
        {10799, "180 min"},
        {10800, "3 h"},
        {82801, "23 h"},
        {129600, "36 h"},
        {3 * 86400, "3 days"},
        {7 * 86400, "7 days"},
    };
    char said[WORDS_SPAN];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        words_span(rows[i].seconds, said);
        assert_string_equal(said, rows[i].said);
    }
    words_span(INT64_MAX / 2, said);
    assert_says(said, "days");
}

static void a_failed_call_has_its_cause_and_a_remedy(void **state)
{
    char said[200] = "";
    const struct words w = {said, sizeof said}, silent = {NULL, 0};

    (void)state;
    assert_int_equal(words_errno(&w, ENOENT, "open", "/a"), QHCP_E_NOT_FOUND);
    assert_says(said, "/a");
    assert_says(said, "No such file");
    assert_int_equal(words_errno(&w, ENOSPC, "write", "/a"), QHCP_E_IO);
    assert_says(said, "free some space");
    assert_int_equal(words_errno(&w, EIO, "write", "/a"), QHCP_E_IO);
    assert_int_equal(words_fail(&w, QHCP_E_ARG, "%s: %d", "x", 7), QHCP_E_ARG);
    assert_string_equal(said, "x: 7");
    assert_int_equal(words_fail(&silent, QHCP_E_ARG, "nobody listens"), QHCP_E_ARG);
}

static void a_time_is_in_utc(void **state)
{
    char said[WORDS_TIME];

    (void)state;
    words_time(1700000000, said);
    assert_string_equal(said, "2023-11-14 22:13:20 UTC");
    words_time(INT64_MAX, said);
    assert_says(said, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_has_a_unit_of_which_there_are_three),
        cmocka_unit_test(a_failed_call_has_its_cause_and_a_remedy),
        cmocka_unit_test(a_time_is_in_utc),
    };

    return cmocka_run_group_tests_name("base-words", tests, NULL, NULL);
}
