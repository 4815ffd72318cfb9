/* What HAProxy's Runtime API answers, and the commands that follow. */
#include "../words.h"

#include "sinks/haproxy_server.h"
#include "sinks/haproxy_text.h"

#define HEAD                                                                                       \
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "        \
    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health "   \
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord "  \
    "srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port\n"

static const char *text;
static size_t left;

static void given(const char *answers)
{
    text = answers;
    left = strlen(answers);
}

static void next(bool last, const char *expected)
{
    const char *answer;
    size_t n;

    assert_true(haproxy_text_answer(&text, &left, last, &answer, &n));
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(answer, expected, n);
}

static void no_more(bool last)
{
    const char *answer;
    size_t n;

    assert_false(haproxy_text_answer(&text, &left, last, &answer, &n));
}

static void answers_are_taken_apart(void **state)
{
    (void)state;
    given("\n\nNo such server.\n\n\nPid: 7\nb\n\nServer deleted.\n");
    next(false, "");
    next(false, "");
    next(false, "No such server.");
    next(false, "");
    next(false, "Pid: 7\nb");
    next(true, "Server deleted.");
    no_more(true);
    given("half");
    no_more(false);
    given("line\n");
    no_more(false);
    next(true, "line");
    given("");
    no_more(true);
}

static void a_process_is_known_by_two_figures(void **state)
{
    struct haproxy_info info;
    const char *good =
        "Name: HAProxy\nPid: 71\nUptime_sec: 3\nStart_time_sec: 1795851486\nStopping: 1";

    (void)state;
    assert_true(haproxy_text_info(good, strlen(good), &info));
    assert_int_equal(info.pid, 71);
    assert_int_equal(info.started, 1795851486);
    assert_true(info.stopping);
    for (const char *bad = "Pid: 71\nStart_time_sec: \n\0Pid: -1\nStart_time_sec: 1\0Pid: 71\0\0";
         *bad; bad += strlen(bad) + 1)
        assert_false(haproxy_text_info(bad, strlen(bad), &info));
}

static void rows_of_one_backend_are_read(void **state)
{
    const char *p = HEAD "2 be 1 web1 127.0.0.1 2 8 50 100 2 1 0 2 6 22 0 0 - 9701 - 0 0 - - 0\n"
                         "3 bb 1 web2 127.0.0.1 2 0 100 100 2 1 0 2 0 0 0 0 - 9701 - 0 0 - - 0\n"
                         "2 be 2 web3 127.0.0.1 two 0 100 100 2 1 0 2 0 0 0 0 - 9701\n"
                         "2 be 3 web4 127.0.0.1 0 0 1\n\n"
                         "2 be 4 web5 ::1 0 1 1 1 2 1 0 2 0 0 0 0 - 65535";
    size_t n = strlen(p);
    struct haproxy_row row;

    (void)state;
    assert_true(haproxy_text_is_state(p, n));
    assert_false(haproxy_text_is_state(p + 1, n - 1));
    assert_true(haproxy_text_row(&p, &n, "be", &row));
    assert_string_equal(row.name, "web1");
    assert_int_equal(row.op, 2);
    assert_int_equal(row.admin, HAPROXY_FORCED_DRAIN);
    assert_int_equal(row.weight, 50);
    assert_int_equal(row.configured, 100);
    assert_int_equal(row.check, 6);
    assert_int_equal(row.agent, 22);
    assert_int_equal(row.port, 9701);
    assert_true(haproxy_text_row(&p, &n, "be", &row));
    assert_string_equal(row.name, "web5");
    assert_string_equal(row.address, "::1");
    assert_false(haproxy_text_row(&p, &n, "be", &row));
}

/* All commands that lead from a row to what is said, one a line. */
static const char *commands(const char *row_text, const struct haproxy_rules *rules,
                            const struct say *say)
{
    static char out[600];
    struct text t = {0};
    struct haproxy_server s;
    struct haproxy_row row;
    struct haproxy_step step;
    size_t n = strlen(row_text);

    assert_true(haproxy_text_row(&row_text, &n, "be", &row));
    haproxy_server_init(&s, &row);
    for (int i = 0; i < 9; i++) {
        step = haproxy_server_step(&s, &s.belief, rules, say, NULL, &t);
        if (step.effect == HAPROXY_NOTHING)
            break;
        text_add(&t, "\n");
        haproxy_server_did(&s.belief, &step);
        if (step.effect == HAPROXY_DELETE)
            break;
    }
    snprintf(out, sizeof out, "%s", t.n > 0 ? t.at : "");
    text_deinit(&t);
    return out;
}

/* op, admin, weight, check, agent */
#define ROW(op, admin, weight, check, agent)                                                       \
    "2 be 1 w "                                                                                    \
    "127.0.0.1 " #op " " #admin " " #weight " 100 2 1 0 2 " #check " " #agent                      \
    " 0 0 - 9701 - 0 0 - - 0"

static void what_is_said_becomes_commands(void **state)
{
    const struct haproxy_rules all = {.backend = "be", .admin = true, .weights = true},
                               health = {.backend = "be", .weights = true},
                               managed = {.backend = "be", .admin = true, .manage = true};
    const struct say serve = {.use = SAY_SERVE, .percent = 100, .weight = 1},
                     half = {.use = SAY_SERVE, .percent = 50, .weight = 1},
                     down = {.use = SAY_DOWN}, drain = {.use = SAY_DRAIN},
                     maint = {.use = SAY_MAINTENANCE}, unknown = {.use = SAY_UNKNOWN};
    const struct {
        const char *row;
        const struct haproxy_rules *rules;
        const struct say *say;
        const char *commands;
    } rows[] = {
        {ROW(2, 0, 100, 6, 0), &all, &serve, ""},
        {ROW(2, 0, 100, 6, 0), &all, &unknown, ""},
        {ROW(2, 0, 100, 6, 0), &all, &half, "set server be/w weight 50\n"},
        /* a check, an agent, neither */
        {ROW(2, 0, 100, 6, 0), &all, &down, "disable health be/w\nset server be/w health down\n"},
        {ROW(2, 0, 100, 6, 22), &all, &down, "set server be/w agent down\n"},
        {ROW(2, 0, 100, 0, 0), &all, &down, "set server be/w health down\n"},
        /* and back, also by a process that did not do it */
        {ROW(0, 0, 100, 2, 0), &all, &serve, "set server be/w health up\nenable health be/w\n"},
        {ROW(0, 0, 100, 6, 22), &all, &serve, "set server be/w agent up\n"},
        {ROW(0, 0, 100, 0, 0), &all, &serve, "set server be/w health up\n"},
        {ROW(0, 0, 100, 6, 0), &all, &serve, ""}, /* HAProxy's own check has found it down */
        {ROW(2, 0, 100, 6, 0), &all, &drain, "set server be/w state drain\n"},
        {ROW(2, 8, 30, 6, 0), &all, &maint, "set server be/w state maint\n"},
        {ROW(0, 1, 30, 2, 0), &all, &serve,
         "set server be/w health up\nenable health be/w\nset server be/w weight 100\n"
         "set server be/w state ready\n"},
        /* the administrative state is HAProxy's operator's */
        {ROW(2, 1, 100, 0, 0), &health, &serve, ""},
        {ROW(2, 0, 100, 0, 0), &health, &drain, "set server be/w weight 0\n"},
        {ROW(2, 0, 100, 0, 0), &health, &maint, "set server be/w health down\n"},
        /* one that is not ours any more */
        {ROW(2, 0, 100, 0, 0), &all, NULL, ""},
        {ROW(2, 0, 100, 0, 0), &managed, NULL, "set server be/w state maint\ndel server be/w\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(commands(rows[i].row, rows[i].rules, rows[i].say), rows[i].commands);
}

static void weights_are_never_rounded_to_a_drain(void **state)
{
    const struct haproxy_rules all = {.backend = "be", .weights = true};
    const struct say least = {.use = SAY_SERVE, .percent = 10, .weight = 1};
    const char *one = "2 be 1 w 127.0.0.1 2 0 9 1 2 1 0 2 0 0 0 0 - 9701",
               *zero = "2 be 1 w 127.0.0.1 2 0 9 0 2 1 0 2 0 0 0 0 - 9701";

    (void)state;
    assert_string_equal(commands(one, &all, &least), "set server be/w weight 1\n");
    assert_string_equal(commands(zero, &all, &least), "set server be/w weight 0\n");
    assert_false(haproxy_server_name("a b"));
    assert_false(haproxy_server_name("a;b"));
    assert_true(haproxy_server_name("127.0.0.1:4243"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_taken_apart),
        cmocka_unit_test(a_process_is_known_by_two_figures),
        cmocka_unit_test(rows_of_one_backend_are_read),
        cmocka_unit_test(what_is_said_becomes_commands),
        cmocka_unit_test(weights_are_never_rounded_to_a_drain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
