/* What `qhcp top` knows of the servers, its sparklines, and the line that is typed. */
#include "../words.h"

#include "base/text.h"
#include "cli/top_fleet.h"
#include "cli/top_line.h"
#include "cli/top_spark.h"

/* ---- the fleet ---- */

static void take(struct top_fleet *f, uint64_t seq, int64_t second, const char *text)
{
    json_t *object = json_loads(text, 0, NULL);

    assert_non_null(object);
    assert_true(top_fleet_take(f, object, seq, second));
    json_decref(object);
}

static bool tell(struct top_fleet *f, const char *text)
{
    json_t *event = json_loads(text, 0, NULL);
    bool more;

    assert_non_null(event);
    more = top_fleet_event(f, event);
    json_decref(event);
    return more;
}

/* The names, in order, with a blank behind each. */
static void expect(struct top_fleet *f, const char *filter, enum top_sort sort, bool reversed,
                   const char *names)
{
    char found[200] = "";

    assert_true(top_fleet_sort(f, filter, sort, reversed));
    for (size_t i = 0; i < top_fleet_rows(f); i++) {
        size_t n = strlen(found);

        snprintf(found + n, sizeof found - n, "%s ", top_fleet_row(f, i)->name);
    }
    assert_string_equal(found, names);
}

static void setup(struct top_fleet *f)
{
    take(f, 3, 1,
         "{\"server\":\"a\",\"name\":\"web2\",\"state\":\"up\",\"share\":1000,"
         "\"verdict\":{\"rtt_us\":300},\"tags\":[\"eu\"]}");
    take(f, 3, 1,
         "{\"server\":\"b\",\"name\":\"web10\",\"state\":\"up\",\"share\":500,"
         "\"verdict\":{\"rtt_us\":200},\"forward\":{\"in_flight\":3}}");
    take(f, 3, 1,
         "{\"server\":\"c\",\"name\":\"db\",\"state\":\"down\",\"reason\":\"No answer\","
         "\"verdict\":{\"rtt_us\":900},"
         "\"report\":{\"metrics\":{\"cpu_usage_percent\":12.5}}}");
}

static void test_rows_are_chosen_and_sorted(void **state)
{
    struct top_fleet f = {.all = NULL};

    (void)state;
    setup(&f);
    expect(&f, "", TOP_WORST, false, "db web2 web10 ");
    expect(&f, "", TOP_NAME, false, "db web2 web10 ");
    expect(&f, "", TOP_RTT, false, "web2 web10 db "); /* one that is down has none */
    expect(&f, "", TOP_SHARE, true, "db web10 web2 ");
    expect(&f, "", TOP_CONNECTIONS, false, "web10 db web2 ");
    expect(&f, "  WEB ", TOP_NAME, false, "web2 web10 ");
    expect(&f, "web eu", TOP_NAME, false, "web2 ");
    expect(&f, "no down", TOP_NAME, false, "db ");
    expect(&f, "web down", TOP_NAME, false, "");
    top_fleet_deinit(&f);
}

static void test_an_old_answer_does_not_undo_an_event(void **state)
{
    static const char up[] = "{\"server\":\"a\",\"name\":\"web2\",\"state\":\"up\"}";
    struct top_fleet f = {.all = NULL};

    (void)state;
    setup(&f);
    assert_false(tell(&f, "{\"seq\":4,\"kind\":\"state\",\"server\":\"a\",\"to\":\"down\","
                          "\"reason\":\"gone\",\"time\":\"2026-11-28T02:10:30.250Z\"}"));
    expect(&f, "gone", TOP_NAME, false, "web2 ");
    assert_int_equal(top_fleet_row(&f, 0)->since_ms % 1000, 250);
    take(&f, 3, 2, up);
    expect(&f, "down", TOP_NAME, false, "db web2 ");
    take(&f, 4, 2, up);
    expect(&f, "down", TOP_NAME, false, "db ");
    take(&f, 4, 3,
         "{\"server\":\"a\",\"name\":\"web2\",\"state\":\"up\",\"share\":1e300}"); /* of no use */
    expect(&f, "up", TOP_NAME, false, "web2 web10 ");
    assert_int_equal(top_fleet_row(&f, 0)->share, -1);
    take(&f, 4, 4, up);
    /* an event that an answer has had in it already */
    assert_false(tell(&f, "{\"seq\":4,\"kind\":\"state\",\"server\":\"a\",\"to\":\"down\"}"));
    expect(&f, "down", TOP_NAME, false, "db ");
    top_fleet_deinit(&f);
}

static void test_servers_come_and_go(void **state)
{
    struct top_fleet f = {.all = NULL};

    (void)state;
    setup(&f);
    top_fleet_passed(&f);
    assert_true(tell(&f, "{\"seq\":5,\"kind\":\"added\",\"server\":\"d\"}"));
    take(&f, 5, 2, "{\"server\":\"d\",\"name\":\"new\",\"state\":\"connecting\"}");
    assert_false(tell(&f, "{\"seq\":6,\"kind\":\"removed\",\"server\":\"b\"}"));
    assert_true(tell(&f, "{\"seq\":7,\"kind\":\"intent\",\"server\":\"a\"}"));
    expect(&f, "", TOP_NAME, false, "db new web2 ");
    top_fleet_passed(&f); /* which had none of what was there before; c is gone */
    expect(&f, "", TOP_NAME, false, "new web2 ");
    top_fleet_again(&f); /* another process: its numbers begin anew */
    take(&f, 1, 3, "{\"server\":\"a\",\"name\":\"web2\",\"state\":\"degraded\"}");
    expect(&f, "degraded", TOP_NAME, false, "web2 ");
    top_fleet_passed(&f);
    expect(&f, "", TOP_NAME, false, "web2 ");
    assert_int_equal(top_fleet_count(&f), 1);
    assert_int_equal(top_fleet_find(&f, "a"), 0);
    assert_int_equal(top_fleet_find(&f, "d"), 1);
    top_fleet_deinit(&f);
}

static void test_an_answer_of_another_shape_is_taken(void **state)
{
    struct top_fleet f = {.all = NULL};

    (void)state;
    take(&f, 1, 1, "{}");
    take(&f, 1, 1, "[]");
    take(&f, 1, 1, "{\"server\":7}");
    take(&f, 1, 1,
         "{\"server\":\"x\",\"name\":[],\"state\":\"?\",\"verdict\":[],\"forward\":{},"
         "\"tags\":{},\"share\":-1,\"report\":{\"metrics\":{\"cpu_usage_percent\":1e99}}}");
    assert_false(tell(&f, "{\"server\":\"x\"}"));
    assert_false(tell(&f, "{\"seq\":2,\"kind\":\"state\",\"server\":\"x\"}"));
    expect(&f, "", TOP_CPU, false, " ");
    top_fleet_deinit(&f);
}

/* ---- sparklines ---- */

static void expect_spark(const struct top_spark *s, int64_t second, size_t width, int64_t most,
                         int blocks, const char *line)
{
    struct text t = {0};

    top_spark_text(s, second, width, most, blocks, &t);
    assert_string_equal(t.at, line);
    text_deinit(&t);
}

static void test_a_sparkline_has_a_character_for_each_second(void **state)
{
    struct top_spark s = {.second = 0};

    (void)state;
    expect_spark(&s, 100, 3, 0, 0, "   ");
    top_spark_add(&s, 100, 0);
    top_spark_add(&s, 101, 50);
    top_spark_add(&s, 103, 100);
    expect_spark(&s, 103, 5, 100, 0, " _= #");
    expect_spark(&s, 105, 4, 100, 0, " #  ");
    expect_spark(&s, 103, 4, 100, 1, "▁▅ █");
    top_spark_add(&s, 103, 1); /* again in one second: the newest counts */
    expect_spark(&s, 103, 1, 100, 0, "_");
    top_spark_add(&s, 500, 7); /* all is old */
    expect_spark(&s, 500, 60, 0, 0, "                                                           =");
    top_spark_add(&s, 501, -1);
    expect_spark(&s, 501, 2, 0, 0, "= ");
}

/* ---- a line that is typed ---- */

static void test_a_line_is_typed(void **state)
{
    struct top_line l = {.n = 0};

    (void)state;
    top_line_add(&l, 'a');
    top_line_add(&l, 0xe9);    /* é */
    top_line_add(&l, 0x20ac);  /* € */
    top_line_add(&l, 0x1f600); /* a face */
    top_line_add(&l, 0x1b);
    top_line_add(&l, 0x9b);
    top_line_add(&l, 0x202e);
    top_line_add(&l, 0xd800);
    top_line_add(&l, UINT32_MAX);
    assert_string_equal(l.text, "aé€😀");
    top_line_back(&l);
    top_line_back(&l);
    assert_string_equal(l.text, "aé");
    top_line_back(&l);
    top_line_back(&l);
    top_line_back(&l);
    assert_string_equal(l.text, "");
    for (int i = 0; i < 2 * TOP_LINE; i++)
        top_line_add(&l, i < 3 ? 'x' : 0x20ac);
    assert_int_equal(l.n, 3 + 3 * ((TOP_LINE - 1 - 3) / 3));
    top_line_clear(&l);
    assert_int_equal(l.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_chosen_and_sorted),
        cmocka_unit_test(test_an_old_answer_does_not_undo_an_event),
        cmocka_unit_test(test_servers_come_and_go),
        cmocka_unit_test(test_an_answer_of_another_shape_is_taken),
        cmocka_unit_test(test_a_sparkline_has_a_character_for_each_second),
        cmocka_unit_test(test_a_line_is_typed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
