/* The table of `qhcp status`, and what it ends with. */
#include "../words.h"

#include "base/text.h"
#include "cli/overview.h"

static const char well[] =
    "{\"status\":\"ok\",\"reason\":\"\",\"panic\":false,\"insecure\":false,\"use\":\"healthy\","
    "\"servers\":{\"total\":4,\"healthy\":2,\"up\":2,\"down\":2}}";

static json_t *json(const char *text)
{
    json_t *j = json_loads(text, 0, NULL);

    assert_non_null(j);
    return j;
}

static json_t *servers(const char *list)
{
    char text[4000];

    snprintf(text, sizeof text, "{\"time\":\"2026-11-28T06:00:00.500Z\",\"servers\":[%s]}", list);
    return json(text);
}

static void assert_table(const char *self, const char *list, size_t width, const char *want)
{
    json_t *a = json(self), *b = servers(list);
    struct text t = {0};
    const char *line;

    overview_table(&t, a, b, width, false);
    assert_false(t.failed);
    line = strchr(t.at, '\n'); /* the first line has a local time */
    assert_non_null(line);
    assert_string_equal(line + 1, want);
    text_deinit(&t);
    json_decref(a);
    json_decref(b);
}

static enum overview_status status(const char *self, const char *list)
{
    json_t *a = json(self), *b = servers(list);
    enum overview_status status = overview_status(a, b);

    json_decref(a);
    json_decref(b);
    return status;
}

static const char web1[] = "{\"name\":\"web1\",\"state\":\"up\",\"since\":"
                           "\"2026-11-28T05:00:00.000Z\",\"reason\":\"\",\"notice\":\"\","
                           "\"share\":1000,\"verdict\":{\"rtt_us\":410},"
                           "\"forward\":{\"in_flight\":12}}";

static void what_is_worst_comes_first(void **state)
{
    char list[3000];

    (void)state;
    snprintf(list, sizeof list,
             "%s,"
             "{\"name\":\"web2\",\"state\":\"up\",\"since\":\"2026-11-28T05:59:00.000Z\","
             "\"notice\":\"its certificate ends in 3 days\",\"share\":1000},"
             "{\"name\":\"web3\",\"state\":\"down\",\"since\":\"2026-11-28T05:00:00.000Z\","
             "\"reason\":\"3 checks missed\",\"share\":0,\"verdict\":{\"rtt_us\":410}},"
             "{\"name\":\"web4\",\"state\":\"down\",\"since\":\"2026-11-28T05:59:48.500Z\","
             "\"reason\":\"port unreachable\",\"share\":0,\"forward\":null}",
             web1);
    assert_table(well, list, 0,
                 "SERVER  STATE       SINCE  SHARE  CONNS        RTT  REASON\n"
                 "web4    down          12s    0 %      -          -  port unreachable\n"
                 "web3    down          60m    0 %      -          -  3 checks missed\n"
                 "web1    up            60m  100 %     12    0.41 ms\n"
                 "web2    up            60s  100 %      -          -\n"
                 "  ! its certificate ends in 3 days\n");
}

static void a_line_fits_the_terminal_and_has_no_control_character(void **state)
{
    (void)state;
    assert_table(well,
                 "{\"name\":\"w\\u001b[2J\",\"state\":\"down\",\"since\":null,"
                 "\"reason\":\"a\\nb           c long one\",\"share\":0}",
                 62,
                 "SERVER  STATE       SINCE  SHARE  CONNS        RTT  REASON\n"
                 "w?[2J   down            -    0 %      -          -  a?b c long\n");
}

static void what_is_wrong_with_the_load_balancer_is_shown_before_its_servers(void **state)
{
    static const char late[] =
        "{\"status\":\"late\",\"reason\":\"it is late\",\"panic\":true,\"use\":\"all\","
        "\"insecure\":true,\"sinks\":[{\"name\":\"nginx "
        "/be\",\"failing\":true,\"reason\":\"no\\nroom\"},"
        "{\"name\":\"exec /a\",\"failing\":false,\"reason\":\"\"}]}";

    (void)state;
    assert_table(late, "", 0,
                 "WARNING: the load balancer itself is not well (late): it is late\n"
                 "PANIC: too few servers are healthy; servers in use: all\n"
                 "WARNING: sink nginx /be: no?room\n"
                 "WARNING: --insecure: the certificates of the servers are not verified\n");
}

static void not_every_sink_that_fails_takes_a_line(void **state)
{
    static const char all[] =
        "{\"status\":\"ok\",\"sinks\":[{\"name\":\"a\",\"failing\":true},"
        "{\"name\":\"b\",\"failing\":true},{\"name\":\"c\",\"failing\":true},"
        "{\"name\":\"d\",\"failing\":true},{\"name\":\"e\",\"failing\":true}]}";

    (void)state;
    assert_table(all, "", 0,
                 "WARNING: sink a:\nWARNING: sink b:\nWARNING: sink c:\n"
                 "WARNING: sinks that fail besides: 2 (GET /api/v1/sinks shows all)\n");
}

static void the_exit_status_says_whose_fault_it_is(void **state)
{
    static const char drained[] = "{\"name\":\"web1\",\"state\":\"draining\"}";
    static const char panic[] = "{\"status\":\"ok\",\"panic\":true}";
    static const char stale[] = "{\"status\":\"stale\",\"panic\":false}";

    (void)state;
    assert_int_equal(status(well, web1), OVERVIEW_WELL);
    assert_int_equal(status(well, drained), OVERVIEW_SERVERS);
    assert_int_equal(status(well, ""), OVERVIEW_SERVERS);
    assert_int_equal(status(panic, web1), OVERVIEW_SERVERS);
    assert_int_equal(status(stale, web1), OVERVIEW_BALANCER);
    assert_int_equal(status("{}", web1), OVERVIEW_BALANCER);
}

/* What answers may be anything. */
static void an_answer_of_another_form_is_survived(void **state)
{
    static const char *const odd[] = {"",
                                      "1",
                                      "null,[]",
                                      "{\"state\":7,\"since\":\"x\"}",
                                      "{\"name\":[],\"share\":-1}",
                                      "{\"since\":\"0000-99-99T99:99:99Z\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        json_t *self = json("{\"servers\":[]}"), *list = servers(odd[i]);
        struct text t = {0};

        overview_table(&t, self, list, 80, true);
        assert_false(t.failed);
        assert_int_equal(overview_status(self, list), OVERVIEW_BALANCER);
        text_deinit(&t);
        json_decref(self);
        json_decref(list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_worst_comes_first),
        cmocka_unit_test(a_line_fits_the_terminal_and_has_no_control_character),
        cmocka_unit_test(what_is_wrong_with_the_load_balancer_is_shown_before_its_servers),
        cmocka_unit_test(not_every_sink_that_fails_takes_a_line),
        cmocka_unit_test(the_exit_status_says_whose_fault_it_is),
        cmocka_unit_test(an_answer_of_another_form_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
