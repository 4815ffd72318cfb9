/* What people and programs see of the fleet. */
#include "../words.h"

#include <jansson.h>

#include "base/os/clock.h"
#include "fleet.h"
#include "proxy/proxy.h"
#include "status/status_human.h"
#include "status/status_json.h"

/* 2026-11-23T15:43:17.123Z, an hour after the monotonic clock's beginning. */
static const struct status_moment at = {3600 * NSEC_PER_SEC, 1795448597123};

static struct fake fake;
static struct text text;

static int begin(void **state)
{
    (void)state;
    fake.n = 0;
    text_reset(&text);
    return 0;
}

static int end(void **state)
{
    (void)state;
    text_deinit(&text);
    return 0;
}

/* The text is one line, and an object; json_decref it. */
static json_t *parse_line(void)
{
    json_error_t error;

    assert_true(text.n > 0);
    assert_ptr_equal(strchr(text.at, '\n'), text.at + text.n - 1);
    json_t *o = json_loads(text.at, JSON_REJECT_DUPLICATES, &error);
    if (!o)
        fail_msg("%s: %s", error.text, text.at);
    return o;
}

static void times_are_rfc_3339_in_utc(void **state)
{
    char time[CLOCK_TEXT];

    (void)state;
    assert_string_equal(clock_rfc3339(0, time), "1970-01-01T00:00:00.000Z");
    assert_string_equal(clock_rfc3339(1795448597123, time), "2026-11-23T15:43:17.123Z");
}

static void a_status_line_is_as_documented(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);

    (void)state;
    fake_add(&fake, "localhost:4243");
    fake_change(fake_add(&fake, "localhost:4244"), QHCP_DOWN, "port unreachable (ICMP)");
    fake.at[0].own_share = fake.at[0].share = 1000;
    fake.at[0].since = 600 * NSEC_PER_SEC;
    fake.at[0].listening = true;
    fake.at[1].since = at.now - 1500 * NSEC_PER_MSEC;
    fake.at[1].cause = QHCP_CAUSE_UNREACHABLE;
    fake.at[1].n_values = 0;
    fake.at[1].false_verdicts = 2;
    snprintf(fake.at[1].evidence, QHCP_EVIDENCE, "loss 0.1 %%");
    status_json_fleet(&text, &fleet, at);
    assert_string_equal(
        text.at,
        "{\"type\":\"status\",\"schema\":2,\"time\":\"2026-11-23T15:43:17.123Z\","
        "\"total\":2,\"healthy\":1,\"up\":1,"
        "\"local_score\":0,\"panic\":false,\"use\":\"healthy\","
        "\"probe_lateness_us\":{\"le\":[50,100,200,300,500,700,1000,1500,2000,3000,4000,5000,7000,"
        "10000,20000,50000,100000,1000000],\"count\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]},"
        "\"servers\":[{\"address\":"
        "\"localhost:4243\",\"name\":\"localhost:4243\",\"tags\":[],"
        "\"server_id\":"
        "\"id-1\",\"state\":\"up\",\"since\":\"2026-11-23T14:53:17.123Z\","
        "\"cause\":\"none\","
        "\"reason\":\"\",\"share\":1000,\"own_share\":1000,\"false_verdicts\":0,\"liveness\":"
        "\"listen\",\"fails\":0,"
        "\"rtt_us\":412,"
        "\"checks_sent\":12,"
        "\"checks_ok\":12,"
        "\"metrics\":{\"cpu_usage_percent\":3.14,\"memory_usage_percent\":40.20},"
        "\"services\":[],\"checks\":[]},"
        "{\"address\":\"localhost:4244\",\"name\":\"localhost:4244\",\"tags\":[],"
        "\"server_id\":\"id-2\",\"state\":\"down\","
        "\"since\":\"2026-11-23T15:43:15.623Z\",\"cause\":\"unreachable\","
        "\"reason\":\"port unreachable (ICMP)\",\"evidence\":\"loss 0.1 "
        "%\",\"share\":0,\"own_share\":0,\"false_verdicts\":2,\"liveness\":\"ask\",\"fails\":3,"
        "\"rtt_us\":412,\"checks_sent\":12,"
        "\"checks_ok\":12,\"metrics\":{},\"services\":[],\"checks\":[]}]}\n");
}

static size_t some_checks(const void *ctx, size_t index, struct qhcp_check_view *ret, size_t cap)
{
    (void)ctx;
    assert_int_equal(cap, QHCP_CHECKS);
    ret[0] = (struct qhcp_check_view){"web", QHCP_NOT_SERVING, "it said \"no\"\n", 1234567};
    ret[1] = (struct qhcp_check_view){"disk", QHCP_SERVING, "", 0};
    return index == 1 ? 2 : 0;
}

static size_t some_services(const void *ctx, size_t index, char ret[][QHCP_SERVICE], size_t cap)
{
    (void)ctx;
    assert_int_equal(cap, QHCP_SERVICES);
    strcpy(ret[0], "tcp:8080");
    strcpy(ret[1], "tcp:db.example:5432");
    return index == 1 ? 2 : 0;
}

static void checks_and_services_stand_with_the_server_that_told_of_them(void **state)
{
    struct status_fleet fleet = fake_fleet(&fake);

    (void)state;
    fleet.checks = some_checks;
    fleet.services = some_services;
    fake_add(&fake, "a:1");
    fake_add(&fake, "b:1");
    status_json_fleet(&text, &fleet, at);
    json_decref(parse_line());
    assert_says(text.at, "40.20},\"services\":[],\"checks\":[]},{\"address\":\"b:1\"");
    assert_says(text.at, "40.20},\"services\":[\"tcp:8080\",\"tcp:db.example:5432\"],"
                         "\"checks\":[{\"name\":\"web\",\"status\":\"not serving\","
                         "\"reason\":\"it said \\\"no\\\"\\n\",\"duration_us\":1234},"
                         "{\"name\":\"disk\",\"status\":\"serving\",\"reason\":\"\","
                         "\"duration_us\":0}]}]}\n");
}

static void a_self(const void *ctx, struct qhcp_self *ret)
{
    (void)ctx;
    *ret = (struct qhcp_self){.local_score = 3, .panic = {true, QHCP_USE_ALL, 1, 3}};
}

static void a_load_balancer_that_is_ill_says_so(void **state)
{
    const struct status_human_page page = {.rows = 10, .time = "now"};
    struct status_fleet fleet = fake_fleet(&fake);

    (void)state;
    fake_add(&fake, "a:1");
    status_human_table(&text, &fleet, &page);
    assert_null(strstr(text.at, "WARNING"));
    fleet.self = a_self;
    text_reset(&text);
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "PANIC: too few servers are healthy: using every server except");
    assert_says(text.at, "WARNING: this load balancer is late or cut off itself (score 3 of 7)");
    text_reset(&text);
    status_json_fleet(&text, &fleet, at);
    assert_says(text.at, "\"local_score\":3,\"panic\":true,\"use\":\"all\",");
}

static void panic_is_a_line_of_its_own(void **state)
{
    const struct qhcp_panic begins = {true, QHCP_USE_NONE, 1, 3},
                            ends = {false, QHCP_USE_HEALTHY, 3, 3};

    (void)state;
    status_json_panic(&text, &begins, 1795448597123);
    assert_string_equal(text.at,
                        "{\"type\":\"panic\",\"schema\":2,\"time\":\"2026-11-23T15:43:17.123Z\","
                        "\"panic\":true,\"use\":\"none\",\"healthy\":1,"
                        "\"total\":3}\n");
    text_reset(&text);
    status_human_panic(&text, &begins, "now  ");
    assert_string_equal(text.at, "now  PANIC: 1 of 3 servers are healthy: using no server\n");
    text_reset(&text);
    status_human_panic(&text, &ends, "now  ");
    assert_string_equal(text.at, "now  the panic is over: 3 of 3 servers are healthy: using "
                                 "the healthy servers\n");
}

static void an_event_line_is_as_documented(void **state)
{
    const struct qhcp_event event = {.address = "localhost:4243",
                                     .from = QHCP_UP,
                                     .to = QHCP_DRAINING,
                                     .cause = QHCP_CAUSE_STATUS,
                                     .reason = "server is draining: SIGTERM",
                                     .evidence = ""},
                            down = {.address = "localhost:4243",
                                    .from = QHCP_UP,
                                    .to = QHCP_DOWN,
                                    .cause = QHCP_CAUSE_SILENCE,
                                    .reason = "silent",
                                    .evidence = "3 missed in 60 ms"};

    (void)state;
    status_json_event(&text, &event, "", 1795448597123);
    assert_string_equal(text.at,
                        "{\"type\":\"event\",\"schema\":2,\"time\":\"2026-11-23T15:43:17.123Z\","
                        "\"address\":\"localhost:4243\",\"name\":\"localhost:4243\","
                        "\"from\":\"up\",\"to\":\"draining\","
                        "\"cause\":\"status\",\"reason\":\"server is draining: SIGTERM\"}\n");
    text_reset(&text);
    status_json_event(&text, &down, "web1", 1795448597123);
    assert_string_equal(
        text.at,
        "{\"type\":\"event\",\"schema\":2,\"time\":\"2026-11-23T15:43:17.123Z\","
        "\"address\":\"localhost:4243\",\"name\":\"web1\",\"from\":\"up\",\"to\":\"down\","
        "\"cause\":\"silence\",\"evidence\":\"3 missed in 60 ms\",\"reason\":\"silent\"}\n");
    text_reset(&text);
    status_json_dropped(&text, 7, 1795448597123);
    json_t *o = parse_line();
    assert_int_equal(json_integer_value(json_object_get(o, "count")), 7);
    json_decref(o);
}

static void up_counts_that_state_alone_and_healthy_counts_degraded_too(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);

    (void)state;
    for (int s = QHCP_CONNECTING; s <= QHCP_DOWN; s++)
        fake_change(fake_add(&fake, "a:1"), (enum qhcp_state)s, "");
    status_json_fleet(&text, &fleet, at);
    json_t *o = parse_line();
    assert_int_equal(json_integer_value(json_object_get(o, "total")), 6);
    assert_int_equal(json_integer_value(json_object_get(o, "up")), 1);
    json_decref(o);
    text_reset(&text);
    status_human_summary(&text, &fleet, "t");
    assert_string_equal(text.at, "t  2 of 6 servers are healthy (1 down, 1 maintenance, "
                                 "1 draining, 1 degraded, 1 connecting)\n");
}

static void hostile_words_stay_one_json_line(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);

    (void)state;
    fake_change(
        fake_add(&fake, "a:1"), QHCP_DOWN,
        "\"}\\\n\t\r\x01\x1b[2J\x7f\xc2\x9b\xff\xc0\x80\xed\xa0\x80 \xc3\xb6\xf0\x9f\x98\x80");
    status_json_fleet(&text, &fleet, at);
    json_t *o = parse_line();
    json_t *server = json_array_get(json_object_get(o, "servers"), 0);
    assert_string_equal(json_string_value(json_object_get(server, "reason")),
                        "\"}\\\n\t\r\x01\x1b[2J\x7f\xc2\x9b"
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        " \xc3\xb6\xf0\x9f\x98\x80");
    for (size_t i = 0; i + 1 < text.n; i++)
        assert_true((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f);
    json_decref(o);
}

static void values_have_the_decimals_of_their_unit(void **state)
{
    static const struct {
        unsigned unit;
        uint64_t value;
        const char *text;
    } rows[] = {{1, 0, "0.00"},          {1, 5, "0.05"},
                {1, 10000, "100.00"},    {0, 42, "42"},
                {2, 1048576, "1048576"}, {3, 7, "7"},
                {4, 1500, "1.500"},      {0, UINT64_MAX, "18446744073709551615"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct qhcp_value v = {.unit = rows[i].unit, .value = rows[i].value};
        text_reset(&text);
        status_json_value(&text, &v);
        assert_string_equal(text.at, rows[i].text);
    }
}

static void insecure_and_notices_are_said_with_every_status(void **state)
{
    struct status_fleet fleet = fake_fleet(&fake);
    const struct status_human_page page = {.time = "t", .rows = 10, .rows_bad = 10};

    (void)state;
    snprintf(fake_add(&fake, "a:1")->notice, QHCP_TEXT, "certificate ends soon: run qhcp keys");
    fleet.insecure = true;
    status_json_fleet(&text, &fleet, at);
    assert_says(text.at, "\"insecure\":true");
    assert_says(text.at, "\"notice\":\"certificate ends soon: run qhcp keys\"");
    text_reset(&text);
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "WARNING: --insecure");
    assert_says(text.at, "\n  ! certificate ends soon: run qhcp keys\n");
    fleet.insecure = false;
    text_reset(&text);
    status_json_fleet(&text, &fleet, at);
    assert_null(strstr(text.at, "insecure"));
}

static bool two_sources(const void *ctx, size_t index, struct status_source *ret)
{
    static const struct status_source all[] = {
        {.name = "file a.txt", .words = "", .servers = 3, .age = 2 * NSEC_PER_SEC},
        {.name = "dns b:1", .words = "no such name", .servers = 1, .age = 240 * NSEC_PER_SEC},
        {.name = "srv c", .words = "no such name", .age = NSEC_NEVER},
    };

    (void)ctx;
    if (index < 3)
        *ret = all[index];
    return index < 3;
}

static void a_source_that_fails_is_said_with_every_status(void **state)
{
    struct status_fleet fleet = fake_fleet(&fake);
    const struct status_human_page page = {.time = "t", .rows = 10, .rows_bad = 10};

    (void)state;
    fleet.source = two_sources;
    status_json_fleet(&text, &fleet, at);
    assert_says(text.at,
                "\"sources\":[{\"name\":\"file a.txt\",\"servers\":3,\"age_s\":2,\"error\":\"\"},"
                "{\"name\":\"dns b:1\",\"servers\":1,\"age_s\":240,\"error\":\"no such name\"},"
                "{\"name\":\"srv c\",\"servers\":0,\"error\":\"no such name\"}],");
    text_reset(&text);
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "WARNING: source dns b:1: no such name; keeping its 1 server, confirmed "
                         "4 min ago\n");
    assert_says(text.at, "WARNING: source srv c: no such name\n");
    assert_null(strstr(text.at, "a.txt"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(times_are_rfc_3339_in_utc),
        T(a_status_line_is_as_documented),
        T(checks_and_services_stand_with_the_server_that_told_of_them),
        T(a_load_balancer_that_is_ill_says_so),
        T(panic_is_a_line_of_its_own),
        T(an_event_line_is_as_documented),
        T(up_counts_that_state_alone_and_healthy_counts_degraded_too),
        T(hostile_words_stay_one_json_line),
        T(values_have_the_decimals_of_their_unit),
        T(insecure_and_notices_are_said_with_every_status),
        T(a_source_that_fails_is_said_with_every_status),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
