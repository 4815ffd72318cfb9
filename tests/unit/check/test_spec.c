/* Checks as their owners write them: each refusal names its place, and has an accepted twin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "check/spec.h"

#include <qhcp/error.h>

static struct spec spec;
static char words[400];

static int parse(const char *text)
{
    return spec_parse(text, false, &spec, words, sizeof words);
}

static void a_port_alone_is_this_machine_s(void **state)
{
    (void)state;
    assert_int_equal(parse("tcp:8080"), 0);
    assert_int_equal(spec.kind, SPEC_TCP);
    assert_int_equal(spec.address.port, 8080);
    assert_string_equal(spec.address.host, "");
    assert_string_equal(spec.name, "tcp:8080");
    assert_int_equal(spec.every, NSEC_PER_SEC);
    assert_int_equal(spec.timeout, NSEC_PER_SEC);
    assert_int_equal(spec.fall, 1);
    assert_int_equal(spec.rise, 2);
}

static void parameters_stand_before_or_behind_the_target(void **state)
{
    (void)state;
    assert_int_equal(parse("every=250ms tcp:[::1]:80  timeout=1.5s fall=3 rise=1 name=web"), 0);
    assert_true(spec.address.literal);
    assert_int_equal(spec.every, 250 * NSEC_PER_MSEC);
    assert_int_equal(spec.timeout, 1500 * NSEC_PER_MSEC);
    assert_int_equal(spec.fall, 3);
    assert_int_equal(spec.rise, 1);
    assert_string_equal(spec.name, "web");
}

static void a_url_has_its_host_port_and_what_is_expected(void **state)
{
    (void)state;
    assert_int_equal(parse("http://example.org/a?b=c expect=200-399 body=\"all is \\\"well\\\"\""),
                     0);
    assert_int_equal(spec.kind, SPEC_HTTP);
    assert_string_equal(spec.address.host, "example.org");
    assert_int_equal(spec.address.port, 80);
    assert_string_equal(spec.text, "http://example.org/a?b=c");
    assert_int_equal(spec.expect_from, 200);
    assert_int_equal(spec.expect_to, 399);
    assert_string_equal(spec.body, "all is \"well\"");
    assert_int_equal(parse("http://[::1]:8080 expect=204"), 0);
    assert_int_equal(spec.address.port, 8080);
    assert_int_equal(spec.expect_from, 204);
    assert_int_equal(spec.expect_to, 204);
    assert_int_equal(parse("http://[::1]/"), 0);
    assert_int_equal(spec.address.port, 80);
}

static void all_behind_a_command_are_its_arguments(void **state)
{
    (void)state;
    assert_int_equal(parse("timeout=2 exec:/bin/sh -c 'exit 1' every=5"), 0);
    assert_int_equal(spec.kind, SPEC_EXEC);
    assert_int_equal(spec.timeout, 2 * NSEC_PER_SEC);
    assert_int_equal(spec.every, NSEC_PER_SEC);
    assert_string_equal(spec.argv[0], "/bin/sh");
    assert_string_equal(spec.argv[1], "-c");
    assert_string_equal(spec.argv[2], "exit 1");
    assert_string_equal(spec.argv[3], "every=5");
    assert_null(spec.argv[4]);
}

static void what_is_wrong_is_quoted_with_its_place(void **state)
{
    static const struct {
        const char *bad, *said, *good;
    } rows[] = {
        {"", "expected a check", "tcp:1"},
        {"tcp:0", "at character 1, \"tcp:0\": \"0\" is out of range: a port is 1 to 65535",
         "tcp:1"},
        {"tcp:65536", "a port is 1 to 65535", "tcp:65535"},
        {"tcp:", "is not a port", "tcp:h:1"},
        {"tcp:h:0", "\"tcp:h:0\"", "tcp:h:65535"},
        {"udp:53", "tcp:[HOST:]PORT, http://", "tcp:53"},
        {"https://h/", "tcp:[HOST:]PORT, http://", "http://h/"},
        {"http://", "expected http://HOST[:PORT][/PATH]", "http://h"},
        {"http://user@h/", "expected http://HOST[:PORT][/PATH]", "http://h/user@h"},
        {"http://h/#x", "expected http://HOST[:PORT][/PATH]", "http://h/?x"},
        {"http://h:99999/", "at character 1", "http://h:9999/"},
        {"exec:true", "an absolute path", "exec:/bin/true"},
        {"exec:/nonesuch", "No such file", "exec:/bin/true a"},
        {"exec:/bin", "is not a regular file", "exec:/bin/true b"},
        {"exec:/etc/passwd", "is not executable", "exec:/bin/true c"},
        {"tcp:1 rise=0", "at character 7, \"rise=0\": \"0\" is out of range: a count is 1 to 1000",
         "tcp:1 rise=1"},
        {"tcp:1 fall=1001", "a count is 1 to 1000", "tcp:1 fall=1000"},
        {"tcp:1 fall=x", "\"fall=x\": \"x\" is not a count", "tcp:1 fall=7"},
        {"tcp:1 every=9ms", "\"9ms\" is out of range: 10ms to 1h", "tcp:1 every=10ms"},
        {"tcp:1 every=9999999ns", "is out of range: 10ms to 1h", "tcp:1 every=10000000ns"},
        {"tcp:1 every=1.h", "\"1.h\" is not a duration", "tcp:1 every=0.5h"},
        {"tcp:1 timeout=61m", "is out of range: 1ms to 1h", "tcp:1 timeout=60m"},
        {"tcp:1 timeout=", "\"\" is not a duration", "tcp:1 timeout=1"},
        {"tcp:1 evry=1", "not a setting", "tcp:1 every=1"},
        {"tcp:1 every=1 every=1", "at character 15, \"every=1\": is there twice", "every=1 tcp:1"},
        {"tcp:1 body=x", "only an http:// check takes this", "http://h body=x"},
        {"tcp:1 expect=200", "only an http:// check takes this", "http://h expect=200"},
        {"http://h expect=399-200", "expect= takes a status", "http://h expect=200-200"},
        {"http://h expect=99", "expect= takes a status", "http://h expect=100"},
        {"http://h expect=200-", "expect= takes a status", "http://h expect=200-599"},
        {"http://h body=", "body= takes 1 to 255 bytes", "http://h body=a"},
        {"tcp:1 tcp:2", "expected KEY=VALUE", "tcp:1 name=tcp:2"},
        {"tcp:1 name=", "name= takes 1 to 64", "tcp:1 name='a'"},
        {"tcp:1 'rise=1", "its quote does not end", "tcp:1 rise='1'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        words[0] = '\0';
        if (parse(rows[i].bad) == 0)
            fail_msg("accepted: %s", rows[i].bad);
        if (!strstr(words, rows[i].said))
            fail_msg("%s: says %s", rows[i].bad, words);
        if (parse(rows[i].good) != 0)
            fail_msg("refused: %s: %s", rows[i].good, words);
    }
}

static void advice_writes_durations_as_they_are_read(void **state)
{
    (void)state;
    assert_int_equal(parse("tcp:1 timeout=1500us every=10ms"), 0);
    assert_false(spec_advice(&spec, words, sizeof words));
    assert_int_equal(parse("tcp:1 timeout=1500ms"), 0);
    assert_true(spec_advice(&spec, words, sizeof words));
    assert_non_null(strstr(words, "timeout=1.5s is longer than every=1s"));
}

static void a_name_without_equals_in_quotes_is_no_parameter(void **state)
{
    (void)state;
    assert_int_not_equal(parse("tcp:1 'name=a'"), 0);
    assert_int_equal(parse("tcp:1 name='a b'"), 0);
    assert_string_equal(spec.name, "a b");
}

static void long_texts_are_refused_not_cut(void **state)
{
    static char text[2 * SPEC_TEXT];

    (void)state;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "http://h/", 9);
    assert_int_equal(parse(text), QHCP_E_ARG);
    text[SPEC_TEXT - 2] = '\0';
    assert_int_equal(parse(text), 0);
    assert_int_equal(strlen(spec.name), LIMIT_NAME);
    for (size_t i = 0; i < 97; i++)
        memcpy(text + 2 * i, "a ", 3);
    assert_int_equal(parse(text), QHCP_E_ARG);
    assert_non_null(strstr(words, "more than 96 words"));
}

static void processes_and_units_are_named_as_they_should(void **state)
{
    (void)state;
    assert_int_equal(spec_pid("1", &spec, words, sizeof words), 0);
    assert_int_equal(spec.pid, 1);
    assert_int_not_equal(spec_pid("0", &spec, words, sizeof words), 0);
    assert_int_not_equal(spec_pid("4194305", &spec, words, sizeof words), 0);
    assert_int_not_equal(spec_pid("12x", &spec, words, sizeof words), 0);
    assert_int_equal(spec_unit("nginx", &spec, words, sizeof words), 0);
    assert_string_equal(spec.name, "nginx.service");
    assert_int_equal(spec_unit("a@b.service", &spec, words, sizeof words), 0);
    assert_int_not_equal(spec_unit("a.socket", &spec, words, sizeof words), 0);
    assert_int_not_equal(spec_unit("", &spec, words, sizeof words), 0);
    assert_int_not_equal(spec_unit("a/b", &spec, words, sizeof words), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_alone_is_this_machine_s),
        cmocka_unit_test(parameters_stand_before_or_behind_the_target),
        cmocka_unit_test(a_url_has_its_host_port_and_what_is_expected),
        cmocka_unit_test(all_behind_a_command_are_its_arguments),
        cmocka_unit_test(what_is_wrong_is_quoted_with_its_place),
        cmocka_unit_test(advice_writes_durations_as_they_are_read),
        cmocka_unit_test(a_name_without_equals_in_quotes_is_no_parameter),
        cmocka_unit_test(long_texts_are_refused_not_cut),
        cmocka_unit_test(processes_and_units_are_named_as_they_should),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
