/* What the list of servers says of each reaches the fleet, and is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../core/pair.h"
#include "daemon/list_news.h"
#include "daemon/publisher.h"
#include "sources/listed.h"

#define SEC NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC

static struct publisher publisher;
static struct loop *loop;

static void on_changed(void *ctx, const struct qhcp_changed *changed)
{
    publisher.core = ((struct pair *)ctx)->lb;
    publisher_changed(&publisher, changed);
}

static int setup(void **state)
{
    assert_int_equal(loop_new(NULL, &loop), 0);
    assert_int_equal(publisher_init(&publisher, loop, 4), 0);
    return pair_setup(state);
}

static int teardown(void **state)
{
    int r = pair_teardown(state);

    publisher_deinit(&publisher);
    loop_free(loop);
    return r;
}

static bool turn(struct pair *p)
{
    publisher.part.turn(&publisher, p->now);
    return false;
}

static void watch(struct pair *p, int n)
{
    static const struct qhcp_lb_config config = {
        .liveness_interval = 100 * MSEC, .reconnect_interval = SEC, .changed = on_changed};

    for (int i = 0; i < n; i++)
        pair_start(p, i);
    pair_watch(p, n, &config);
    assert_false(pair_run(p, SEC, turn));
    assert_true(pair_all_up(p));
}

static struct fleet_change heard[16];

/* What is told from now on; how much. */
static size_t hear(struct feed_reader *r)
{
    size_t n = 0;

    (void)reader_hold(r);
    while (n < 16 && reader_next(r, &heard[n]) == READER_CHANGE)
        n++;
    reader_let_go(r);
    return n;
}

static void what_the_list_says_of_a_server_reaches_the_fleet(void **state)
{
    struct listed l = {.address = "127.0.0.1:4243", .name = "web1", .tags = "a|b", .weight = 2};
    struct pair *p = *state;
    const struct fleet_entry *e;
    struct feed_reader *r;
    uint32_t slot;

    watch(p, 1);
    assert_int_equal(reader_open(publisher.feed, &r), 0);
    (void)hear(r);
    e = snapshot_find(feed_current(publisher.feed), "127.0.0.1:4243", &slot);
    assert_string_equal(fleet_text(e, FLEET_LABEL), "127.0.0.1:4243");
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    e = snapshot_find(feed_current(publisher.feed), "web1", &slot);
    assert_non_null(e);
    assert_string_equal(fleet_text(e, FLEET_NAME), "127.0.0.1:4243");
    assert_string_equal(fleet_text(e, FLEET_TAGS), "a|b");
    assert_int_equal(e->state, QHCP_UP);
    assert_int_equal(fleet_share(e, QHCP_USE_HEALTHY), 1000);
    assert_int_equal(hear(r), 1);
    assert_int_equal(heard[0].kind, FLEET_LISTED);
    assert_string_equal(heard[0].label, "web1");
    assert_string_equal(heard[0].words,
                        "name web1, was 127.0.0.1:4243; weight 2, was 1; tags a|b, was none");
    publisher_listed(&publisher, &l); /* nothing new */
    assert_int_equal(hear(r), 0);
    reader_close(r);
}

static void a_server_of_weight_0_drains(void **state)
{
    struct listed l = {.address = "127.0.0.1:4243"};
    struct pair *p = *state;
    const struct fleet_entry *e;
    uint32_t slot;

    watch(p, 1);
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    e = snapshot_find(feed_current(publisher.feed), "127.0.0.1:4243", &slot);
    assert_int_equal(e->state, QHCP_DRAINING);
    assert_int_equal(e->cause, QHCP_CAUSE_OPERATOR);
    assert_string_equal(fleet_reason(e), "its weight is 0");
    assert_int_equal(fleet_share(e, QHCP_USE_HEALTHY), 0);
    assert_int_equal(fleet_share(e, QHCP_USE_ALL), 0);
    l.weight = 1;
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    e = snapshot_find(feed_current(publisher.feed), "127.0.0.1:4243", &slot);
    assert_int_equal(e->state, QHCP_UP);
    assert_string_equal(fleet_reason(e), "");
}

static void an_operator_s_weight_outlasts_the_list_s(void **state)
{
    struct listed l = {.address = "127.0.0.1:4243", .weight = 2};
    struct pair *p = *state;
    struct feed_reader *r;
    struct fleet_entry *e;

    watch(p, 1);
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    assert_int_equal(reader_open(publisher.feed, &r), 0);
    (void)hear(r);
    e = feed_change(publisher.feed, 0);
    assert_int_equal(e->intent.weight, 2);
    e->intent.weight = 7;
    e->intent.weighed = true;
    l.weight = 3;
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    assert_int_equal(feed_at(publisher.feed, 0)->intent.weight, 7);
    assert_int_equal(hear(r), 1);
    assert_string_equal(heard[0].words, "weight 3, was 2 (an operator's weight, 7, is in force)");
    feed_change(publisher.feed, 0)->intent.weighed = false; /* the twin */
    l.weight = 4;
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    assert_int_equal(feed_at(publisher.feed, 0)->intent.weight, 4);
    assert_int_equal(hear(r), 1);
    assert_string_equal(heard[0].words, "weight 4, was 3");
    reader_close(r);
}

static void a_server_is_told_as_added_once_with_its_name(void **state)
{
    struct listed l = {.address = "127.0.0.1:4999", .name = "new", .weight = 1};
    struct pair *p = *state;
    struct feed_reader *r;
    char words[200];

    watch(p, 1);
    assert_int_equal(reader_open(publisher.feed, &r), 0);
    (void)hear(r);
    assert_int_equal(qhcp_lb_add(p->lb, p->now, l.address, words, sizeof words), 0);
    publisher_listed(&publisher, &l);
    publisher.part.turn(&publisher, p->now);
    assert_int_equal(hear(r), 1);
    assert_int_equal(heard[0].kind, FLEET_ADDED);
    assert_string_equal(heard[0].name, "127.0.0.1:4999");
    assert_string_equal(heard[0].label, "new");
    assert_int_equal(qhcp_lb_remove(p->lb, p->now, l.address), 0);
    publisher.part.turn(&publisher, p->now);
    assert_int_equal(hear(r), 1);
    assert_int_equal(heard[0].kind, FLEET_REMOVED);
    assert_string_equal(heard[0].label, "new");
    reader_close(r);
}

static void the_log_gets_one_line_for_all_changes(void **state)
{
    struct list_news news = {.part[0].n = 0};
    struct fleet_change c = {.kind = FLEET_ADDED};
    struct text t = {0};

    (void)state;
    list_news_tell(&news, &t);
    assert_int_equal(t.n, 0);
    for (unsigned i = 0; i < 12; i++) {
        snprintf(c.name, sizeof c.name, "10.0.0.%u:1", i);
        assert_true(list_news_take(&news, &c));
    }
    c = (struct fleet_change){.kind = FLEET_REMOVED, .name = "a:1", .label = "web1"};
    assert_true(list_news_take(&news, &c));
    c = (struct fleet_change){.kind = FLEET_LISTED, .name = "b:1", .words = "weight 2, was 1"};
    assert_true(list_news_take(&news, &c));
    c.kind = FLEET_STATE;
    assert_false(list_news_take(&news, &c));
    list_news_tell(&news, &t);
    assert_string_equal(t.at, "12 servers added: 10.0.0.0:1, 10.0.0.1:1, 10.0.0.2:1, 10.0.0.3:1, "
                              "10.0.0.4:1, 10.0.0.5:1, 10.0.0.6:1, 10.0.0.7:1, 10.0.0.8:1, "
                              "10.0.0.9:1 and 2 more; 1 removed: web1; 1 changed: b:1 (weight 2, "
                              "was 1)");
    text_reset(&t);
    c.kind = FLEET_REMOVED;
    assert_true(list_news_take(&news, &c));
    list_news_tell(&news, &t);
    assert_string_equal(t.at, "1 server removed: b:1");
    text_deinit(&t);
    list_news_deinit(&news);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_list_says_of_a_server_reaches_the_fleet, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_server_of_weight_0_drains, setup, teardown),
        cmocka_unit_test_setup_teardown(an_operator_s_weight_outlasts_the_list_s, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_is_told_as_added_once_with_its_name, setup,
                                        teardown),
        cmocka_unit_test(the_log_gets_one_line_for_all_changes),
    };

    return cmocka_run_group_tests_name("daemon-listed", tests, NULL, NULL);
}
