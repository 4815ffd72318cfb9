/* The command lines of qhcp-fleet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "command.h"

#include <qhcp/error.h>

#define SERVERS 1000

static struct command parsed(const char *line)
{
    struct command c;
    char words[300] = "";

    if (command_parse(line, SERVERS, &c, words, sizeof words) != 1)
        fail_msg("%s: %s", line, words);
    return c;
}

static unsigned count(const struct command *c)
{
    unsigned n = 0;

    for (unsigned i = 1; i <= SERVERS; i++)
        n += command_has(&c->which, i);
    return n;
}

static void verbs_values_and_servers_are_read(void **state)
{
    struct command c = parsed("silent 1-100");

    (void)state;
    assert_int_equal(c.verb, COMMAND_SILENT);
    assert_int_equal(count(&c), 100);
    assert_true(command_has(&c.which, 1) && command_has(&c.which, 100));
    assert_false(command_has(&c.which, 101));
    c = parsed("  close\t7,9-10 ");
    assert_int_equal(c.verb, COMMAND_CLOSE);
    assert_int_equal(count(&c), 3);
    c = parsed("slow 50ms 3");
    assert_int_equal(c.verb, COMMAND_SLOW);
    assert_int_equal(c.delay, 50 * NSEC_PER_MSEC);
    assert_int_equal(count(&c), 1);
    c = parsed("set cpu_usage_percent=93.5 all");
    assert_string_equal(c.value, "cpu_usage_percent=93.5");
    assert_int_equal(count(&c), SERVERS);
    c = parsed("back");
    assert_int_equal(count(&c), SERVERS);
}

static void a_share_is_spread_over_all(void **state)
{
    struct command c = parsed("silent 10%");
    unsigned low = 0;

    (void)state;
    assert_int_equal(count(&c), SERVERS / 10);
    for (unsigned i = 1; i <= SERVERS / 2; i++)
        low += command_has(&c.which, i);
    assert_int_equal(low, SERVERS / 20);
    c = parsed("silent 0.1%");
    assert_int_equal(count(&c), 1);
    c = parsed("silent 100%");
    assert_int_equal(count(&c), SERVERS);
}

static void empty_lines_and_comments_are_nothing(void **state)
{
    struct command c;
    char words[300] = "";

    (void)state;
    assert_int_equal(command_parse("", SERVERS, &c, words, sizeof words), 0);
    assert_int_equal(command_parse(" \t", SERVERS, &c, words, sizeof words), 0);
    assert_int_equal(command_parse("# silent 1", SERVERS, &c, words, sizeof words), 0);
    assert_string_equal(words, "");
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *line, *part;
    } bad[] = {
        {"quiet 1", "\"quiet\" is not a command"},
        {"silent 0", "\"0\""},
        {"silent 1001", "\"1001\""},
        {"silent 1-1001", "\"1001\""},
        {"silent 9-3", "\"3\""},
        {"silent 1,", "\"\""},
        {"silent 1 2", "\"2\" is too much"},
        {"silent 0%", "\"0%\" is not a share"},
        {"silent 101%", "\"101%\""},
        {"silent 5%%", "\"5%%\""},
        {"slow", "slow needs a value"},
        {"slow 1-3", "\"1-3\""},
        {"slow 61s", "\"61s\""},
        {"set", "set needs a value"},
    };
    struct command c;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char words[300] = "";

        assert_true(command_parse(bad[i].line, SERVERS, &c, words, sizeof words) < 0);
        if (!strstr(words, bad[i].part))
            fail_msg("%s: %s", bad[i].line, words);
    }
    parsed("silent 1000");
    parsed("slow 60s 1-3");
}

static void too_many_ranges_are_refused(void **state)
{
    char line[COMMAND_LINE] = "silent 1", words[300] = "";
    struct command c;

    (void)state;
    for (int i = 1; i < COMMAND_RANGES; i++)
        strcat(line, ",1");
    assert_int_equal(command_parse(line, SERVERS, &c, words, sizeof words), 1);
    strcat(line, ",1");
    assert_int_equal(command_parse(line, SERVERS, &c, words, sizeof words), QHCP_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_values_and_servers_are_read),
        cmocka_unit_test(a_share_is_spread_over_all),
        cmocka_unit_test(empty_lines_and_comments_are_nothing),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(too_many_ranges_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
