/* Intents as text: what is written is read again, whatever another version or a broken disk made of
 * the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/intents.h"
#include "fleet/feed.h"

#define NOW INT64_C(1700000000000)

static struct feed *feed;
static struct intents all;

static int setup(void **state)
{
    (void)state;
    all = (struct intents){NULL};
    return feed_new(0, &feed);
}

static int teardown(void **state)
{
    (void)state;
    intents_deinit(&all);
    feed_free(feed);
    return 0;
}

static struct fleet_entry *entry(const char *name)
{
    uint32_t slot;

    (void)feed_add(feed, name, &slot);
    assert_int_equal(feed_find(feed, name, &slot), 0);
    return feed_change(feed, slot);
}

static void want(const char *name, enum wish_kind kind, enum fleet_intent_use use, unsigned weight,
                 qhcp_nsec lasts, const char *why)
{
    struct wish w = {.kind = kind, .lasts = lasts, .who = "root (uid 0) by the socket"};
    struct fleet_entry *e = entry(name);

    snprintf(w.words, sizeof w.words, "%s", why);
    e->intent.use = use;
    e->intent.weight = (uint16_t)weight;
    e->intent.weighed = weight != e->intent.listed;
    assert_int_equal(intents_take(&all, e, &w, NOW), 0);
}

/* All of it is written, forgotten, and read at that time. */
static size_t again(int64_t at)
{
    struct text t = {0};
    size_t left_out;

    intents_write(&all, at, &t);
    text_add(&t, "");
    intents_deinit(&all);
    all = (struct intents){NULL};
    left_out = intents_read(&all, t.at, at);
    text_deinit(&t);
    return left_out;
}

static void what_is_wanted_is_read_as_it_was_written(void **state)
{
    const struct intent *one;

    (void)state;
    want("a:1", WISH_MAINTENANCE, FLEET_MAINTENANCE, 1, 60 * NSEC_PER_SEC, "\"ü\" \\ {\xff\n}");
    want("b:1", WISH_WEIGHT, FLEET_IN_USE, 0, 0, "");
    want("c:1", WISH_DRAIN, FLEET_DRAIN, 1, 0, "x");
    want("c:1", WISH_UNDRAIN, FLEET_IN_USE, 1, 0, "");
    assert_int_equal(again(NOW + 5), 0);
    one = intents_find(&all, "a:1");
    assert_non_null(one);
    assert_int_equal(one->use, FLEET_MAINTENANCE);
    assert_true(one->until_ms == NOW + 60000 && one->used.since_ms == NOW && !one->weighed);
    assert_true(one->gone_ms == NOW + 5); /* until it is listed */
    assert_string_equal(one->used.why, "\"ü\" \\ {??}");
    assert_string_equal(one->used.who, "root (uid 0) by the socket");
    one = intents_find(&all, "b:1");
    assert_true(one && one->use == FLEET_IN_USE && one->weighed && one->weight == 0);
    assert_null(intents_find(&all, "c:1"));
}

static void a_weight_and_a_drain_do_not_undo_each_other(void **state)
{
    const struct intent *one;

    (void)state;
    want("a:1", WISH_DRAIN, FLEET_DRAIN, 1, 0, "disks");
    want("a:1", WISH_WEIGHT, FLEET_DRAIN, 7, 0, "slow");
    one = intents_find(&all, "a:1");
    assert_true(one && one->use == FLEET_DRAIN && one->weighed && one->weight == 7);
    assert_string_equal(one->used.why, "disks");
    want("a:1", WISH_UNDRAIN, FLEET_IN_USE, 7, 0, "");
    assert_true(one->use == FLEET_IN_USE && one->weight == 7);
    want("a:1", WISH_WEIGHT, FLEET_IN_USE, 1, 0, ""); /* as listed */
    assert_null(intents_find(&all, "a:1"));
}

static void one_that_is_gone_for_a_day_is_forgotten(void **state)
{
    (void)state;
    want("a:1", WISH_DRAIN, FLEET_DRAIN, 1, 0, "");
    want("b:1", WISH_DRAIN, FLEET_DRAIN, 1, 0, "");
    intents_find(&all, "a:1")->gone_ms = NOW;
    assert_int_equal(again(NOW + INTENTS_GONE_MS), 0);
    assert_true(intents_find(&all, "a:1") && intents_find(&all, "b:1"));
    assert_true(intents_find(&all, "a:1")->gone_ms == NOW);
    assert_int_equal(again(NOW + INTENTS_GONE_MS + 1), 0);
    assert_null(intents_find(&all, "a:1"));
    assert_non_null(intents_find(&all, "b:1"));
}

static void lines_that_make_no_sense_cost_themselves_alone(void **state)
{
    static const struct {
        const char *line;
        bool good;
    } rows[] = {
        {"{\"server\":\"a:1\",\"use\":\"drain\"}", true},
        {"{\"server\":\"a:1\",\"use\":\"drain\",\"of a later version\":[1]}", true},
        {"{\"server\":\"a:1\",\"use\":\"in_use\",\"weight\":1000}", true},
        {"{\"server\":\"a:1\",\"use\":\"in_use\",\"weight\":1001}", false},
        {"{\"server\":\"a:1\",\"use\":\"in_use\",\"weight\":-1}", false},
        {"{\"server\":\"a:1\",\"use\":\"in_use\",\"weight\":\"1\"}", false},
        {"{\"server\":\"\",\"use\":\"drain\"}", false},
        {"{\"server\":1,\"use\":\"drain\"}", false},
        {"{\"server\":\"a:1\",\"use\":\"dance\"}", false},
        {"{\"server\":\"a:1\"}", false},
        {"{\"use\":\"drain\"}", false},
        {"{\"server\":\"a:1\",\"use\":\"drain\"", false},
        {"[]", false},
        {"a:1 1000 0 10.0.0.1:80", false},
    };
    char text[200];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "%s\n{\"server\":\"b:1\",\"use\":\"drain\"}", rows[i].line);
        assert_int_equal(intents_read(&all, text, NOW), rows[i].good ? 0 : 1);
        assert_int_equal(intents_find(&all, "a:1") != NULL, rows[i].good);
        assert_non_null(intents_find(&all, "b:1"));
        intents_deinit(&all);
        all = (struct intents){NULL};
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_wanted_is_read_as_it_was_written),
        TEST(a_weight_and_a_drain_do_not_undo_each_other),
        TEST(one_that_is_gone_for_a_day_is_forgotten),
        TEST(lines_that_make_no_sense_cost_themselves_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
