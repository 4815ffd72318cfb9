/* Values of metrics as people write them: each refusal beside a twin that is accepted. */
#include "../words.h"

#include "metrics/application.h"
#include "metrics/quantity.h"
#include "wire/registry.h"

static void each_unit_has_its_own_words(void **state)
{
    static const struct {
        const char *text;
        unsigned unit;
        uint64_t value;
    } rows[] = {
        {"12", WIRE_UNIT_NONE, 12},
        {"12.5", WIRE_UNIT_PERCENT, 1250},
        {"12.5%", WIRE_UNIT_PERCENT, 1250},
        {"512MiB", WIRE_UNIT_BYTES, 512 << 20},
        {"1.5KiB", WIRE_UNIT_BYTES, 1536},
        {"20", WIRE_UNIT_USEC, 20},
        {"2500ns", WIRE_UNIT_USEC, 2},
        {"20us", WIRE_UNIT_USEC, 20},
        {"20ms", WIRE_UNIT_USEC, 20000},
        {"0.5h", WIRE_UNIT_USEC, 1800000000},
        {"0.125", WIRE_UNIT_MILLI, 125},
        {"99999999999999999999", WIRE_UNIT_NONE, UINT64_MAX},
        {"18446744073709551615%", WIRE_UNIT_PERCENT, UINT64_MAX},
    };
    uint64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        value = 77;
        if (!quantity_parse(rows[i].text, rows[i].unit, false, &value) || value != rows[i].value)
            fail_msg("%s gave %llu", rows[i].text, (unsigned long long)value);
    }
}

static void another_unit_s_words_are_refused(void **state)
{
    static const struct {
        const char *text;
        unsigned unit;
    } rows[] = {
        {"", WIRE_UNIT_NONE},      {"12%", WIRE_UNIT_NONE},    {"12ms", WIRE_UNIT_PERCENT},
        {"12MB", WIRE_UNIT_BYTES}, {"12MiB", WIRE_UNIT_USEC},  {"1w", WIRE_UNIT_USEC},
        {"-1", WIRE_UNIT_NONE},    {"1.2.3", WIRE_UNIT_MILLI}, {"5.", WIRE_UNIT_PERCENT},
    };
    uint64_t value = 77;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (quantity_parse(rows[i].text, rows[i].unit, false, &value) || value != 77)
            fail_msg("\"%s\" was taken", rows[i].text);
}

static void an_exact_value_loses_no_digits(void **state)
{
    uint64_t value = 77;

    (void)state;
    assert_true(quantity_parse("81.55", WIRE_UNIT_PERCENT, true, &value));
    assert_int_equal(value, 8155);
    assert_false(quantity_parse("81.555", WIRE_UNIT_PERCENT, true, &value));
    assert_true(quantity_parse("81.555", WIRE_UNIT_PERCENT, false, &value));
    assert_int_equal(value, 8155);
    assert_false(quantity_parse("1.5", WIRE_UNIT_NONE, true, &value));
    assert_true(quantity_parse("1.0", WIRE_UNIT_NONE, true, &value));
}

static void a_report_names_a_metric_and_its_value(void **state)
{
    static const char *const bad[] = {
        "a", "=1", "a=", "a=1.5", "a=x", "a=1000000000000000", "a_percent=1.234", "a=1 "};
    struct application_value v;
    char words[300];

    (void)state;
    assert_int_equal(application_parse("a=999999999999999", &v, words, sizeof words), 0);
    assert_string_equal(v.name, "a");
    assert_int_equal(v.value, 999999999999999);
    assert_int_equal(application_parse("a_percent=1.23", &v, words, sizeof words), 0);
    assert_int_equal(v.unit, WIRE_UNIT_PERCENT);
    assert_int_equal(v.value, 123);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(application_parse(bad[i], &v, words, sizeof words), QHCP_E_PARSE);
        assert_says(words, "is not a metric's value");
    }
}

static void values_are_written_as_short_as_they_are(void **state)
{
    char text[32];

    (void)state;
    quantity_text(WIRE_UNIT_PERCENT, 1250, text, sizeof text);
    assert_string_equal(text, "12.5");
    quantity_text(WIRE_UNIT_PERCENT, 1205, text, sizeof text);
    assert_string_equal(text, "12.05");
    quantity_text(WIRE_UNIT_MILLI, 250, text, sizeof text);
    assert_string_equal(text, "0.25");
    quantity_text(WIRE_UNIT_NONE, 1250, text, sizeof text);
    assert_string_equal(text, "1250");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_unit_has_its_own_words),
        cmocka_unit_test(another_unit_s_words_are_refused),
        cmocka_unit_test(an_exact_value_loses_no_digits),
        cmocka_unit_test(a_report_names_a_metric_and_its_value),
        cmocka_unit_test(values_are_written_as_short_as_they_are),
    };

    return cmocka_run_group_tests_name("metrics-quantity", tests, NULL, NULL);
}
