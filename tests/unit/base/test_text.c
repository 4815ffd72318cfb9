/* Text that another wrote, on a terminal and in a log: it stays on its line, in its place and in
 * sight. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static const struct {
    const char *given, *plain;
} rows[] = {
    {"new disk", "new disk"},
    {"gr\xc3\xbc\xc3\x9f\x65 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80",
     "gr\xc3\xbc\xc3\x9f\x65 \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x98\x80"},
    {"\x1b[2Jred\a\b\r\n\t\x7f", "?[2Jred??????"},
    {"\xc2\x9b[2J", "?[2J"},               /* CSI as C1 */
    {"a\xff\xc3 \xed\xa0\x80", "a?? ???"}, /* no UTF-8, a surrogate */
    {"x          18:13:17  web2:4243  up -> down", "x 18:13:17 web2:4243 up -> down"},
    {"x\xc2\xa0\xe2\x80\x83\xe3\x80\x80 \xe2\xa0\x80y", "x y"}, /* wide blanks, an empty Braille */
    {"u\xe2\x80\x8bp\xef\xbb\xbf", "u?p?"},                     /* blanks of no width */
    {"Z\xcc\xb4\xcc\xb5\xcc\xb6", "Z???"},                      /* painted over the lines around */
    {"\xe2\x80\xaenwod", "?nwod"},                              /* from right to left */
    {"\xf3\xa0\x81\xa1", "?"},                                  /* tags */
};

static void text_of_others_is_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text t = {0};

        text_plain(&t, rows[i].given);
        assert_string_equal(t.at, rows[i].plain);
        text_deinit(&t);
    }
}

static void wide_characters_take_two_columns(void **state)
{
    (void)state;
    assert_int_equal(text_fitting("abc", 2), 2);
    assert_int_equal(text_fitting("abc", 9), 3);
    assert_int_equal(text_fitting("\xc3\xbc\xc3\xbc\xc3\xbc", 2), 4);
    assert_int_equal(text_fitting("\xe4\xb8\xad\xe6\x96\x87", 4), 6);
    assert_int_equal(text_fitting("\xe4\xb8\xad\xe6\x96\x87", 3), 3);
    assert_int_equal(text_fitting("\xf0\x9f\x98\x80", 1), 0);
    assert_int_equal(text_fitting("\xff\xff", 1), 1);
    assert_int_equal(text_fitting("", 0), 0);
}

static void json_has_what_was_said_and_nothing_that_acts(void **state)
{
    struct text t = {0};

    (void)state;
    text_json(&t, "a  b\x1b\n\"\\\xff\xc2\x9b\xe4\xb8\xad");
    assert_string_equal(t.at, "\"a  b\\u001b\\n\\\"\\\\\\ufffd\\u009b\xe4\xb8\xad\"");
    text_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_others_is_plain),
        cmocka_unit_test(wide_characters_take_two_columns),
        cmocka_unit_test(json_has_what_was_said_and_nothing_that_acts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
