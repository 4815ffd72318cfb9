/* The line of `qhcp check`, its exit status, and the rules that sharpen both. */
#include "../words.h"

#include "../status/fleet.h"
#include "cli/check_rules.h"

#include <qhcp/error.h>

static struct fake fake;
static struct list warning, critical;
static const struct check_rules rules = {.warning = &warning, .critical = &critical, .wall = 86400};
static char line[900], said[400];

static int begin(void **state)
{
    (void)state;
    fake.n = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    list_deinit(&warning);
    list_deinit(&critical);
    return 0;
}

static void add(struct list *l, const char *rule)
{
    struct threshold t;

    assert_int_equal(check_rules_parse(rule, &t, said, sizeof said), 0);
    assert_int_equal(list_add(l, rule, strlen(rule), NULL), 0);
}

static const char *line_of(const struct qhcp_view *v, enum check_line_status status)
{
    check_line_text(v, status, "", &rules, line, sizeof line);
    return line;
}

static void nagios_gets_its_line(void **state)
{
    struct qhcp_view *v = fake_add(&fake, "localhost:4243");

    (void)state;
    assert_int_equal(check_line_verdict(v, false), CHECK_LINE_OK);
    assert_string_equal(line_of(v, CHECK_LINE_OK),
                        "QHCP OK - localhost:4243 is up: cpu 3.1 %, memory 40.2 %, rtt 0.4 ms "
                        "| cpu=3.14%;;;0;100 memory=40.20%;;;0;100 rtt=412us;;;0\n");
    fake_change(v, QHCP_DRAINING, "server is draining: a|b");
    assert_says(line_of(v, CHECK_LINE_WARNING),
                "QHCP WARNING - localhost:4243 is draining: server is draining: a/b, cpu");
    strcpy(v->notice, "c|d\n");
    assert_says(line_of(v, CHECK_LINE_WARNING), "; c/d? | cpu=3.14%");
    v->notice[0] = '\0';
    fake_change(v, QHCP_DOWN, "port unreachable (ICMP)");
    v->n_values = 0;
    assert_string_equal(line_of(v, CHECK_LINE_CRITICAL),
                        "QHCP CRITICAL - localhost:4243 is down: port unreachable (ICMP)\n");
    /* Nothing was learnt about it, so it is not said to be down. */
    fake_change(v, QHCP_DOWN, "certificate is for b.example, not localhost");
    assert_string_equal(
        line_of(v, CHECK_LINE_UNKNOWN),
        "QHCP UNKNOWN - localhost:4243: certificate is for b.example, not localhost\n");
}

static void rules_are_ranges_behind_the_figures(void **state)
{
    struct qhcp_view *v = fake_add(&fake, "localhost:4243");

    (void)state;
    v->certificate_expires = 86400 * 20 + 5;
    add(&warning, "cpu_usage_percent>80");
    add(&critical, "cpu_usage_percent>92.5");
    add(&warning, "rtt_us>20ms");
    add(&critical, "certificate_days<7");
    assert_says(line_of(v, CHECK_LINE_OK), "| cpu=3.14%;80;92.5;0;100 memory=40.20%;;;0;100 "
                                           "rtt=412us;20000;;0 certificate_days=19;;7:;0\n");
}

static enum check_line_status judge(const struct qhcp_view *v)
{
    return check_rules_judge(&rules, v, said, sizeof said);
}

static void rules_make_a_healthy_server_a_warning_or_critical(void **state)
{
    struct qhcp_view *v = fake_add(&fake, "a:1");

    (void)state;
    v->certificate_expires = 86400 * 20;
    assert_int_equal(judge(v), CHECK_LINE_OK);
    add(&warning, "memory_usage_percent>40.20"); /* it is 40.20: not over */
    assert_int_equal(judge(v), CHECK_LINE_OK);
    assert_string_equal(said, "");
    add(&warning, "memory_usage_percent>40.19");
    assert_int_equal(judge(v), CHECK_LINE_WARNING);
    assert_string_equal(said, "memory_usage_percent is 40.2: over 40.19");
    add(&critical, "certificate_days<19"); /* it is 19 */
    assert_int_equal(judge(v), CHECK_LINE_WARNING);
    add(&critical, "certificate_days<20");
    assert_int_equal(judge(v), CHECK_LINE_CRITICAL);
    assert_string_equal(said, "certificate_days is 19: under 20; memory_usage_percent is 40.2: "
                              "over 40.19");
}

static void a_metric_without_a_value_is_unknown_where_nothing_is_worse(void **state)
{
    struct qhcp_view *v = fake_add(&fake, "a:1");

    (void)state;
    add(&warning, "queue_depth>5");
    assert_int_equal(judge(v), CHECK_LINE_UNKNOWN);
    assert_string_equal(said, "the server does not report queue_depth");
    add(&critical, "rtt_us>1");
    assert_int_equal(judge(v), CHECK_LINE_CRITICAL);
}

static void rules_that_mean_nothing_here_are_refused(void **state)
{
    static const char *const bad[] = {"cpu_usage_percent>90 for 5s", "cpu_usage_percent>90 clear 5",
                                      "cpu_usage_percent>100",       "cpu_usage_percent",
                                      "certificate_days<0",          ""};
    struct threshold t;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_true(check_rules_parse(bad[i], &t, said, sizeof said) < 0);
    assert_int_equal(check_rules_parse("cpu_usage_percent>90", &t, said, sizeof said), 0);
}

static void the_server_is_asked_for_what_rules_need(void **state)
{
    char names[4][LIMIT_NAME + 1];

    (void)state;
    add(&warning, "cpu_usage_percent>5");
    add(&warning, "rtt_us>5");
    add(&critical, "certificate_days<5");
    assert_int_equal(check_rules_metrics(&rules, names, 4), 0);
    add(&warning, "queue_depth>5");
    add(&critical, "queue_depth>9");
    add(&critical, "connections>9");
    assert_int_equal(check_rules_metrics(&rules, names, 4), 2);
    assert_string_equal(names[0], "queue_depth");
    assert_string_equal(names[1], "connections");
}

static void exit_statuses_follow_the_state(void **state)
{
    static const struct {
        enum qhcp_state state;
        const char *reason;
        bool refused;
        int status, alive;
    } rows[] = {
        {QHCP_UP, "", false, 0, 0},
        {QHCP_DEGRADED, "", false, 1, 0},
        {QHCP_DRAINING, "", false, 1, 0},
        {QHCP_MAINTENANCE, "", false, 1, 0},
        {QHCP_DOWN, "no answer to 3 checks in 214 ms", false, 2, 2},
        {QHCP_DOWN, "server is not serving: certificate store is gone", false, 2, 2},
        {QHCP_DOWN, "certificate is for b.example, not a.example", true, 3, 3},
        {QHCP_CONNECTING, "", false, 2, 2},
    };
    struct qhcp_view *v = fake_add(&fake, "a:1");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fake_change(v, rows[i].state, rows[i].reason);
        v->refused = rows[i].refused;
        assert_int_equal(check_line_verdict(v, false), rows[i].status);
        assert_int_equal(check_line_verdict(v, true), rows[i].alive);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nagios_gets_its_line),
        T(rules_are_ranges_behind_the_figures),
        T(rules_make_a_healthy_server_a_warning_or_critical),
        T(a_metric_without_a_value_is_unknown_where_nothing_is_worse),
        T(rules_that_mean_nothing_here_are_refused),
        T(the_server_is_asked_for_what_rules_need),
        T(exit_statuses_follow_the_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
