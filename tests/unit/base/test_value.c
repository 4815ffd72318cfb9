/* Durations, counts and switches: each refusal beside a twin that is accepted. */
#include "../words.h"

#include "base/value.h"

#define SECOND NSEC_PER_SEC

static int duration(const char *text, qhcp_nsec *ret)
{
    char words[300];

    return value_duration(text, NSEC_PER_MSEC, 3600 * SECOND, ret, words, sizeof words);
}

static void a_bare_number_is_seconds(void **state)
{
    qhcp_nsec d = 0;

    (void)state;
    assert_int_equal(duration("10", &d), 0);
    assert_int_equal(d, 10 * SECOND);
    assert_int_equal(duration("0.25", &d), 0);
    assert_int_equal(d, 250 * NSEC_PER_MSEC);
}

static void every_unit_means_what_it_says(void **state)
{
    static const struct {
        const char *text;
        qhcp_nsec nsec;
    } rows[] = {
        {"1000000ns", NSEC_PER_MSEC},   {"2500us", 2500 * NSEC_PER_USEC},
        {"250ms", 250 * NSEC_PER_MSEC}, {"1.5s", 1500 * NSEC_PER_MSEC},
        {"2m", 120 * SECOND},           {"1h", 3600 * SECOND},
        {"0.03125d", 2700 * SECOND},    {"0.5h", 1800 * SECOND},
        {"1.000000001s", SECOND + 1},   {"007s", 7 * SECOND},
    };
    qhcp_nsec d;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        d = 0;
        if (duration(rows[i].text, &d) != 0 || d != rows[i].nsec)
            fail_msg("%s gave %llu", rows[i].text, (unsigned long long)d);
    }
}

static void what_is_no_duration_is_refused_and_nothing_is_set(void **state)
{
    static const char *const bad[] = {"",    " ",     "s",     "-1",  "+1",   "1e3", "nan",  "inf",
                                      "1 s", "1s ",   " 1s",   ".5",  "5.",   "1,5", "0x10", "1S",
                                      "1w",  "1.2.3", "1.5ss", "ten", "\xff", "1\n"};
    qhcp_nsec d;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        d = 77;
        if (duration(bad[i], &d) != QHCP_E_PARSE || d != 77)
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void limits_are_inclusive_and_beyond_them_is_refused(void **state)
{
    qhcp_nsec d = 77;

    (void)state;
    assert_int_equal(duration("1ms", &d), 0);
    assert_int_equal(duration("1h", &d), 0);
    d = 77;
    assert_int_equal(duration("0", &d), QHCP_E_ARG);
    assert_int_equal(duration("0.0s", &d), QHCP_E_ARG);
    assert_int_equal(duration("999us", &d), QHCP_E_ARG);
    assert_int_equal(duration("3601", &d), QHCP_E_ARG);
    assert_int_equal(duration("99999999999999999999999999999999999999h", &d), QHCP_E_ARG);
    assert_int_equal(duration("18446744073709551617", &d), QHCP_E_ARG);
    assert_int_equal(d, 77);
}

static void a_refusal_quotes_the_value_and_names_the_limits(void **state)
{
    char words[300], huge[500];
    qhcp_nsec d;

    (void)state;
    value_duration("0", NSEC_PER_MSEC, 3600 * SECOND, &d, words, sizeof words);
    assert_says(words, "\"0\"");
    assert_says(words, "1ms to 1h");
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = '\0';
    value_duration(huge, NSEC_PER_MSEC, 3600 * SECOND, &d, words, sizeof words);
    assert_says(words, "xxx...\"");
    value_duration("1\033[2Js", NSEC_PER_MSEC, SECOND, &d, words, sizeof words);
    assert_null(strchr(words, '\033'));
}

static void what_is_quoted_is_printable_and_cut_between_characters(void **state)
{
    char quote[VALUE_QUOTE + 8], text[VALUE_QUOTE + 3];

    (void)state;
    assert_string_equal(value_quote("", quote), "\"\"");
    assert_string_equal(value_quote("gr\xc3\xbcn", quote), "\"gr\xc3\xbcn\"");
    assert_string_equal(value_quote("\x1b\xff\xc2\x9b\xe2\x80\xae", quote), "\"?\?\?\?\?\?\?\"");
    memset(text, 'a', sizeof text);
    memcpy(text + VALUE_QUOTE, "\xc3\xbc", 3);
    value_quote(text, quote);
    assert_string_equal(quote + VALUE_QUOTE, "a...\"");
    memcpy(text + VALUE_QUOTE - 1, "\xc3\xbc", 3); /* over the edge */
    value_quote(text, quote);
    assert_string_equal(quote + VALUE_QUOTE - 1, "a...\"");
    memcpy(text + VALUE_QUOTE - 2, "\xc3\xbc", 3); /* just fits */
    value_quote(text, quote);
    assert_string_equal(quote + VALUE_QUOTE - 1, "\xc3\xbc\"");
}

static void counts_and_ports_keep_their_limits(void **state)
{
    char words[300];
    uint64_t v = 7;

    (void)state;
    assert_int_equal(value_count("1", "port", 1, 65535, &v, words, sizeof words), 0);
    assert_int_equal(v, 1);
    assert_int_equal(value_count("65535", "port", 1, 65535, &v, words, sizeof words), 0);
    assert_int_equal(v, 65535);
    v = 7;
    assert_int_equal(value_count("0", "port", 1, 65535, &v, words, sizeof words), QHCP_E_ARG);
    assert_int_equal(value_count("70000", "port", 1, 65535, &v, words, sizeof words), QHCP_E_ARG);
    assert_says(words, "\"70000\" is out of range: a port is 1 to 65535");
    assert_int_equal(value_count("18446744073709551617", "port", 1, 65535, &v, words, sizeof words),
                     QHCP_E_ARG);
    static const char *const bad[] = {"", "-1", "+1", "1.0", "1 ", "x", "0x1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(value_count(bad[i], "port", 1, 65535, &v, words, sizeof words),
                         QHCP_E_PARSE);
    assert_int_equal(v, 7);
}

static void switches_know_their_words_alone(void **state)
{
    char words[300];
    bool on = false;

    (void)state;
    assert_int_equal(value_switch("yes", &on, words, sizeof words), 0);
    assert_true(on);
    assert_int_equal(value_switch("false", &on, words, sizeof words), 0);
    assert_false(on);
    assert_int_equal(value_switch("1", &on, words, sizeof words), QHCP_E_PARSE);
    assert_int_equal(value_switch("", &on, words, sizeof words), QHCP_E_PARSE);
}

static void durations_are_written_as_they_are_read(void **state)
{
    static const char *const texts[] = {"14d",   "1h",  "2m",    "90s", "1.5s",
                                        "250ms", "1ms", "2.5ms", "7ns"};
    char text[32], words[300];
    qhcp_nsec d;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(value_duration(texts[i], 1, NSEC_NEVER - 1, &d, words, sizeof words), 0);
        value_duration_text(d, text, sizeof text);
        assert_string_equal(text, texts[i]);
    }
    value_duration_text(0, text, sizeof text);
    assert_string_equal(text, "0s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_number_is_seconds),
        cmocka_unit_test(every_unit_means_what_it_says),
        cmocka_unit_test(what_is_no_duration_is_refused_and_nothing_is_set),
        cmocka_unit_test(limits_are_inclusive_and_beyond_them_is_refused),
        cmocka_unit_test(a_refusal_quotes_the_value_and_names_the_limits),
        cmocka_unit_test(what_is_quoted_is_printable_and_cut_between_characters),
        cmocka_unit_test(counts_and_ports_keep_their_limits),
        cmocka_unit_test(switches_know_their_words_alone),
        cmocka_unit_test(durations_are_written_as_they_are_read),
    };

    return cmocka_run_group_tests_name("cli-value", tests, NULL, NULL);
}
