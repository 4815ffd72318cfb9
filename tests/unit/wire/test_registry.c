#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "wire/registry.h"

static void registered_metrics_are_found_both_ways(void **state)
{
    uint64_t n = 1;

    (void)state;
    for (const struct wire_metric_row *row; (row = wire_metric_by_number(n)); n++) {
        assert_int_equal(row->number, n);
        assert_ptr_equal(wire_metric_by_name(slice_str(row->name)), row);
        assert_true(strlen(row->name) <= LIMIT_NAME);
        assert_string_not_equal(row->doc, "");
    }
    assert_int_equal(n, 12);
    assert_null(wire_metric_by_number(0));
    assert_null(wire_metric_by_number(UINT64_MAX));
    assert_null(wire_metric_by_number(WIRE_METRIC_APPLICATION_FIRST));
    assert_null(wire_metric_by_name(slice_str("cpu_usage_percen")));
    assert_null(wire_metric_by_name(slice_str("")));
}

static void the_required_metrics_are_percentages(void **state)
{
    const struct wire_metric_row *cpu = wire_metric_by_name(slice_str("cpu_usage_percent"));
    const struct wire_metric_row *memory = wire_metric_by_name(slice_str("memory_usage_percent"));

    (void)state;
    assert_int_equal(cpu->number, WIRE_METRIC_CPU);
    assert_int_equal(memory->number, WIRE_METRIC_MEMORY);
    assert_int_equal(cpu->unit, WIRE_UNIT_PERCENT);
    assert_int_equal(cpu->max, 10000);
    assert_int_equal(memory->max, 10000);
}

static void units_have_names_and_unknown_ones_are_numbers(void **state)
{
    (void)state;
    assert_string_equal(wire_unit_name(WIRE_UNIT_PERCENT), "percent");
    assert_string_equal(wire_unit_name(WIRE_UNIT_MILLI), "thousandths");
    assert_string_equal(wire_unit_name(99), "number");
}

static bool printable(const char *s, size_t n)
{
    return utf8_printable(slice_of(s, n));
}

static void text_is_utf8_without_control_characters(void **state)
{
    (void)state;
    assert_true(printable("", 0));
    assert_true(printable(" ~", 2));
    assert_true(
        printable("\xc2\xa0\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 18));
    assert_false(printable("\x1f", 1));
    assert_false(printable("\x7f", 1));
    assert_false(printable("\0", 1));
    assert_false(printable("\xc2\x9f", 2));         /* C1 */
    assert_false(printable("\xc1\xbf", 2));         /* not the shortest */
    assert_false(printable("\xe0\x9f\xbf", 3));     /* not the shortest */
    assert_false(printable("\xf0\x8f\xbf\xbf", 4)); /* not the shortest */
    assert_false(printable("\xed\xa0\x80", 3));     /* a surrogate */
    assert_false(printable("\xf4\x90\x80\x80", 4)); /* beyond U+10FFFF */
    assert_false(printable("\xf5\x80\x80\x80", 4));
    assert_false(printable("\x80", 1));
    assert_false(printable("\xe2\x82", 2)); /* cut */
    assert_false(printable("\xe2\x28\xa1", 3));
}

static bool printable_character(unsigned c)
{
    char two[] = {(char)(0xc0 | c >> 6), (char)(0x80 | (c & 0x3f))};
    char three[] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
                    (char)(0x80 | (c & 0x3f))};

    return c < 0x800 ? printable(two, 2) : printable(three, 3);
}

static void text_turns_and_breaks_no_line(void **state)
{
    static const unsigned refused[][2] = {
        {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned c = refused[i][0]; c <= refused[i][1]; c++)
            assert_false(printable_character(c));
        assert_true(printable_character(refused[i][0] - 1));
        assert_true(printable_character(refused[i][1] + 1));
    }
}

static void cleaning_makes_text_printable_and_cuts_between_characters(void **state)
{
    char dst[8];

    (void)state;
    assert_int_equal(utf8_clean(slice_str("a\nb\xff\x1b"), dst, sizeof dst), 5);
    assert_string_equal(dst, "a?b??");
    assert_int_equal(utf8_clean(slice_str("12345\xe2\x82\xac"), dst, sizeof dst), 5);
    assert_string_equal(dst, "12345");
    assert_int_equal(utf8_clean(slice_str("1234\xe2\x82\xac"), dst, sizeof dst), 7);
    assert_string_equal(dst, "1234\xe2\x82\xac");
    assert_int_equal(utf8_clean(slice_str("x"), dst, 1), 0);
    assert_string_equal(dst, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registered_metrics_are_found_both_ways),
        cmocka_unit_test(the_required_metrics_are_percentages),
        cmocka_unit_test(units_have_names_and_unknown_ones_are_numbers),
        cmocka_unit_test(text_is_utf8_without_control_characters),
        cmocka_unit_test(text_turns_and_breaks_no_line),
        cmocka_unit_test(cleaning_makes_text_printable_and_cuts_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
