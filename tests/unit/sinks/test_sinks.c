/* The frame of sinks: who is told what, when, and what a reload does. */
#include "fleet.h"

#include "sinks/sink_kinds.h"
#include "sinks/sinks.h"

/* ---- a kind that notes what happens to it; instead of sink_kinds.c ---- */

struct noted {
    struct sink sink;
    unsigned starts, settles, events, missed;
    size_t changed; /* of the last settle */
    bool all;
    enum say_use first; /* of slot 0 */
};

static struct noted *last; /* the one that was started last */
static unsigned stops, fail_starts;

static int parse(struct sink *s, char *words, size_t words_cap)
{
    (void)s, (void)words, (void)words_cap;
    return 0;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    (void)now;
    if (fail_starts > 0) {
        fail_starts--;
        snprintf(words, words_cap, "there is no room");
        return QHCP_E_FULL;
    }
    last = (struct noted *)s;
    last->starts++;
    return 0;
}

static void event(struct sink *s, const struct fleet_change *c, qhcp_nsec now)
{
    struct noted *n = (struct noted *)s;

    (void)now;
    n->events += c != NULL;
    n->missed += c == NULL;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    struct noted *n = (struct noted *)s;

    (void)now;
    n->settles++;
    n->changed = view->n_changed;
    n->all = view->all;
    n->first = view->slots > 0 ? view->say[0].use : SAY_UNKNOWN;
}

static void stop(struct sink *s)
{
    (void)s;
    stops++;
}

static const struct sink_kind kind = {.name = "note",
                                      .usage = "note WORD",
                                      .size = sizeof(struct noted),
                                      .least = 1,
                                      .most = 2,
                                      .settings = "",
                                      .figures = true,
                                      .parse = parse,
                                      .start = start,
                                      .event = event,
                                      .settle = settle,
                                      .stop = stop};

const struct sink_kind *sink_kinds_find(const char *name)
{
    return strcmp(name, "note") == 0 ? &kind : NULL;
}

void sink_kinds_names(char *ret, size_t cap)
{
    snprintf(ret, cap, "note");
}

/* ---- */

static struct sinks sinks;
static char words[SINK_WORDS];

static int setup(void **state)
{
    (void)state;
    last = NULL;
    stops = fail_starts = 0;
    if (loop_new(NULL, &loop) != 0 || feed_new(16, &feed) != 0)
        return -1;
    sinks_init(&sinks, loop, feed);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sinks_deinit(&sinks);
    feed_free(feed);
    loop_free(loop);
    return 0;
}

static int set(const char *a, const char *b)
{
    struct list list = {.n = 0};
    int r;

    if (a)
        assert_int_equal(list_add(&list, a, strlen(a), NULL), 0);
    if (b)
        assert_int_equal(list_add(&list, b, strlen(b), NULL), 0);
    r = sinks_set(&sinks, loop_now(), &list, words, sizeof words);
    list_deinit(&list);
    return r;
}

static void sweep(void)
{
    feed_self(feed)->swept = true;
    publish();
}

static void nothing_is_said_before_all_were_looked_at(void **state)
{
    (void)state;
    server(1);
    server(2);
    publish();
    assert_int_equal(set("note a", NULL), 0);
    be(1, QHCP_UP);
    publish();
    run(NULL);
    assert_int_equal(last->settles, 0);
    assert_null(sink_look(&last->sink));
    be(2, QHCP_DOWN);
    sweep();
    run(NULL);
    assert_int_equal(last->settles, 1);
    assert_true(last->all);
    assert_int_equal(last->first, SAY_SERVE);
    assert_true(sink_look(&last->sink)->all);
}

static void no_two_sinks_have_one_name(void **state)
{
    struct sink_state st[2];

    (void)state;
    assert_int_equal(set("note a x", "note a y"), 0);
    assert_int_equal(sinks_states(&sinks, st, 2), 2);
    assert_string_equal(st[0].name, "note a");
    assert_string_equal(st[1].name, "note a (2)");
    assert_int_equal(set("note a y", "note b"), 0);
    assert_int_equal(sinks_states(&sinks, st, 2), 2);
    assert_string_equal(st[0].name, "note a");
    assert_string_equal(st[1].name, "note b");
}

static void only_what_is_new_is_told(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 200; i++)
        be(i, QHCP_UP);
    sweep();
    assert_int_equal(set("note a", NULL), 0);
    assert_int_equal(last->settles, 1);
    server(7)->report.number++; /* a figure */
    publish();
    run(NULL);
    assert_int_equal(last->settles, 1);
    be(7, QHCP_DOWN);
    be(8, QHCP_DRAINING);
    publish();
    run(NULL);
    assert_int_equal(last->settles, 2);
    assert_int_equal(last->changed, 2);
    assert_false(last->all);
    assert_int_equal(feed_text(feed, server(9), FLEET_LABEL, "other"), 0);
    server(10)->target.in.sin_family = AF_INET;
    publish();
    run(NULL);
    assert_int_equal(last->changed, 2);
    for (unsigned i = 1; i <= 200; i++)
        be(i, QHCP_DOWN);
    feed_panic(feed, 50, QHCP_USE_NONE);
    publish();
    run(NULL);
    assert_int_equal(last->settles, 4);
}

static void events_come_in_order_or_are_said_to_be_missed(void **state)
{
    struct fleet_change c = {.kind = FLEET_STATE};

    (void)state;
    be(1, QHCP_UP);
    feed_tell(feed, &c);
    sweep();
    assert_int_equal(set("note a", NULL), 0);
    assert_int_equal(last->events, 0); /* what was before it */
    for (int i = 0; i < 3; i++)
        feed_tell(feed, &c);
    server(1)->report.number++;
    publish();
    run(NULL);
    assert_int_equal(last->events, 3);
    for (int i = 0; i < 40; i++) /* more than the log keeps */
        feed_tell(feed, &c);
    server(1)->report.number++;
    publish();
    run(NULL);
    assert_int_equal(last->missed, 1);
}

static void a_reload_leaves_alone_what_stays(void **state)
{
    struct sink_state states[SINKS_MAX];
    struct noted *a;

    (void)state;
    be(1, QHCP_UP);
    sweep();
    assert_int_equal(set("note a", NULL), 0);
    a = last;
    assert_int_equal(set("note b", "note a"), 0);
    assert_int_equal(a->starts, 1);
    assert_int_equal(a->settles, 1);
    assert_int_equal(last->settles, 1); /* the new one is told of all */
    assert_ptr_not_equal(last, a);
    assert_int_equal(stops, 0);
    assert_int_equal(sinks_states(&sinks, states, SINKS_MAX), 2);
    assert_string_equal(states[1].name, "note a");
    assert_true(sinks_figures(&sinks));
    assert_int_equal(set("note b", NULL), 0);
    assert_int_equal(stops, 1);
    assert_int_equal(set(NULL, NULL), 0);
    assert_int_equal(stops, 2);
    assert_int_equal(sinks_states(&sinks, states, SINKS_MAX), 0);
    assert_int_equal(set("note a", NULL), 0);
    assert_int_equal(last->settles, 1);
}

static bool started(void)
{
    return last && last->settles == 1;
}

static void one_that_does_not_start_is_tried_again(void **state)
{
    struct sink_state st;

    (void)state;
    be(1, QHCP_UP);
    sweep();
    fail_starts = 1;
    assert_int_equal(set("note a", NULL), QHCP_E_FULL);
    assert_string_equal(words, "there is no room");
    assert_int_equal(sinks_states(&sinks, &st, 1), 1);
    assert_string_equal(st.words, "there is no room");
    assert_int_equal(st.failures, 1);
    assert_true(st.failing_since > 0);
    sinks.at[0]->start_at = loop_now(); /* 5 s later */
    run(started);
    assert_int_equal(sinks_states(&sinks, &st, 1), 1);
    assert_string_equal(st.words, "");
    assert_int_equal(st.done, 1);
    assert_int_equal(st.failing_since, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        TEST(nothing_is_said_before_all_were_looked_at),
        TEST(no_two_sinks_have_one_name),
        TEST(only_what_is_new_is_told),
        TEST(events_come_in_order_or_are_said_to_be_missed),
        TEST(a_reload_leaves_alone_what_stays),
        TEST(one_that_does_not_start_is_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
