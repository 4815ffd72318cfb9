/* The fleet that the publisher publishes is the core's picture of the servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "../core/pair.h"
#include "base/cursor.h"
#include "daemon/publisher.h"
#include "daemon/status_view.h"
#include "lb/internal.h"
#include "wire/registry.h"

#define SEC NSEC_PER_SEC
#define MSEC NSEC_PER_MSEC

static struct publisher publisher;
static struct loop *loop;
static const struct status_view watched = {.publisher = &publisher};

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

/* Nothing of a view, but for figures, waits for anybody to look. */
static void assert_same(const struct qhcp_view *mine, const struct qhcp_view *v, bool figures)
{
    assert_string_equal(mine->address, v->address);
    assert_int_equal(mine->state, v->state);
    assert_int_equal(mine->cause, v->cause);
    assert_true(mine->since == v->since);
    assert_string_equal(mine->reason, v->reason);
    assert_string_equal(mine->evidence, v->evidence);
    assert_string_equal(mine->server_id, v->server_id);
    assert_memory_equal(&mine->remote, &v->remote, sizeof v->remote);
    assert_int_equal(mine->spare, v->spare);
    assert_int_equal(mine->status, v->status);
    assert_int_equal(mine->leaving, v->leaving);
    if (!figures)
        return;
    assert_int_equal(mine->share, v->share);
    assert_int_equal(mine->own_share, v->own_share);
    assert_int_equal(mine->fails, v->fails);
    assert_int_equal(mine->checks_sent, v->checks_sent);
    assert_int_equal(mine->checks_ok, v->checks_ok);
    assert_int_equal(mine->rtt_us, v->rtt_us);
    assert_int_equal(mine->reports, v->reports);
    assert_int_equal(mine->n_values, v->n_values);
    for (size_t i = 0; i < v->n_values; i++) {
        assert_string_equal(mine->values[i].name, v->values[i].name);
        assert_int_equal(mine->values[i].unit, v->values[i].unit);
        assert_int_equal(mine->values[i].value, v->values[i].value);
    }
}

static void compare(struct pair *p, bool figures)
{
    const struct status_fleet fleet = status_view_fleet(&watched);
    struct qhcp_view mine, v;

    assert_int_equal(fleet.count(&watched), qhcp_lb_count(p->lb));
    for (size_t i = 0; i < qhcp_lb_count(p->lb); i++) {
        assert_int_equal(fleet.view(&watched, i, &mine), 0);
        assert_int_equal(qhcp_lb_view(p->lb, i, &v), 0);
        assert_same(&mine, &v, figures);
    }
}

/* False always: it is asked after every step. */
static bool differs(struct pair *p)
{
    publisher.part.turn(&publisher, p->now);
    compare(p, false);
    return false;
}

static void watch(struct pair *p, int n)
{
    static const struct qhcp_lb_config config = {
        .liveness_interval = 100 * MSEC, .reconnect_interval = SEC, .changed = on_changed};

    for (int i = 0; i < n; i++)
        pair_start(p, i);
    pair_watch(p, n, &config);
    assert_false(pair_run(p, SEC, differs));
    assert_true(pair_all_up(p));
}

static void the_fleet_is_what_the_core_sees(void **state)
{
    struct pair *p = *state;

    watch(p, 3);
    publisher_refresh(&publisher, p->now);
    compare(p, true);
    p->cut[1] = true;
    qhcp_server_set_status(p->servers[2], p->now, QHCP_STATUS_DRAINING, "new disks");
    assert_false(pair_run(p, 2 * SEC, differs));
    assert_int_equal(feed_current(publisher.feed)->self.by_state[QHCP_DOWN], 1);
    assert_int_equal(feed_current(publisher.feed)->self.by_state[QHCP_DRAINING], 1);
    p->cut[1] = false;
    assert_false(pair_run(p, 5 * SEC, differs));
    publisher_refresh(&publisher, p->now);
    compare(p, true);
}

static void many_that_are_removed_together_leave_the_others_in_their_order(void **state)
{
    static const char *const gone[] = {"127.0.0.1:4245", "127.0.0.1:4243"};
    struct pair *p = *state;
    uint32_t slot, others[2];

    watch(p, 4);
    others[0] = publisher_slot(&publisher, 1);
    others[1] = publisher_slot(&publisher, 3);
    assert_int_equal(qhcp_lb_remove_many(p->lb, p->now, gone, 2), 2);
    assert_false(pair_run(p, SEC, differs));
    assert_int_equal(publisher_slot(&publisher, 0), others[0]);
    assert_int_equal(publisher_slot(&publisher, 1), others[1]);
    assert_int_equal(publisher_slot(&publisher, 2), FLEET_NOBODY);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(feed_find(publisher.feed, gone[i], &slot), QHCP_E_NOT_FOUND);
    assert_int_equal(feed_current(publisher.feed)->self.n, 2);
}

static void a_server_that_is_removed_gives_its_place_to_no_other(void **state)
{
    struct pair *p = *state;
    uint32_t slot, others[2];

    watch(p, 3);
    others[0] = publisher_slot(&publisher, 0);
    others[1] = publisher_slot(&publisher, 2);
    assert_int_equal(qhcp_lb_remove(p->lb, p->now, "127.0.0.1:4244"), 0);
    assert_false(pair_run(p, SEC, differs));
    assert_int_equal(publisher_slot(&publisher, 0), others[0]);
    assert_int_equal(publisher_slot(&publisher, 1), others[1]);
    assert_int_equal(publisher_slot(&publisher, 2), FLEET_NOBODY);
    assert_int_equal(feed_find(publisher.feed, "127.0.0.1:4244", &slot), QHCP_E_NOT_FOUND);
}

static void checks_without_news_publish_nothing_but_figures_of_once_a_second(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    watch(p, 1);
    assert_false(pair_run(p, SEC, differs)); /* the first values came */
    before = feed_current(publisher.feed)->version;
    assert_false(pair_run(p, 2 * SEC, differs));
    assert_true(feed_current(publisher.feed)->version <= before + 1);
    assert_true(publisher.look_at == NSEC_NEVER || publisher.look_at > loop_now());
}

static void expire(struct pair *p)
{
    qhcp_nsec at = publisher.part.deadline(&publisher);

    assert_true(at != NSEC_NEVER);
    publisher.part.expire(&publisher, at);
    publisher.part.turn(&publisher, p->now);
}

/* The history samples it each minute, whoever looks. */
static void what_nobody_looks_at_is_looked_at_each_minute_all_the_same(void **state)
{
    struct pair *p = *state;
    qhcp_nsec at;

    watch(p, 2);
    assert_false(pair_run(p, SEC, differs)); /* checks, and nothing new */
    publisher.look_at = NSEC_NEVER;
    publisher.at[0].stale = publisher.at[1].stale = false;
    publisher.to_look = 0;
    at = publisher.part.deadline(&publisher);
    assert_true(at <= loop_now() + 60 * SEC);
    expire(p);
    compare(p, true);
    assert_true(publisher.part.deadline(&publisher) > at);
}

/* Of those that report their requests in flight every report counts (proxy/table.c), of others only
 * one that says something new. */
static void a_report_that_says_the_same_is_looked_at_if_it_counts(void **state)
{
    static const char *const metrics[] = {"requests_in_flight"};
    static const struct qhcp_lb_config config = {.liveness_interval = 100 * MSEC,
                                                 .reconnect_interval = SEC,
                                                 .metrics = metrics,
                                                 .n_metrics = 1,
                                                 .changed = on_changed};
    struct pair *p = *state;
    uint64_t seen[2];

    publisher.balanced = true;
    pair_start(p, 0);
    pair_start(p, 1);
    assert_int_equal(qhcp_server_set_metric(p->servers[1], "requests_in_flight", 0, 3), 0);
    pair_watch(p, 2, &config);
    assert_false(pair_run(p, 2 * SEC, differs));
    expire(p);
    for (uint32_t i = 0; i < 2; i++)
        seen[i] = feed_at(publisher.feed, publisher_slot(&publisher, i))->report.number;
    assert_false(pair_run(p, SEC, differs));
    publisher.at[0].stale = publisher.at[1].stale = false; /* their CPU use may have changed */
    expire(p);
    assert_true(feed_at(publisher.feed, publisher_slot(&publisher, 0))->report.number == seen[0]);
    assert_true(feed_at(publisher.feed, publisher_slot(&publisher, 1))->report.number > seen[1]);
    publisher.balanced = false;
    publisher.to_look = 0;
    expire(p);
    assert_true(publisher.look_at == NSEC_NEVER);
}

/* As many metrics as there may be, each with the longest name and a unit of the peer's own. */
static void values_of_unknown_units_are_plain_numbers(void **state)
{
    static char name[LIMIT_NAME + 1];
    struct wire_metrics metrics = {.count = QHCP_VALUES};
    struct wire_values values = {.count = QHCP_VALUES};
    struct pair *p = *state;
    struct qhcp_view v;
    struct backend *b;

    watch(p, 1);
    b = p->lb->backends[0];
    memset(name, 'x', LIMIT_NAME);
    for (size_t i = 0; i < metrics.count; i++) {
        metrics.at[i] = (struct wire_metric){i, slice_str(name), CURSOR_VARINT_MAX - i};
        values.at[i] = (struct wire_value){i, i};
    }
    metrics.at[0].unit = WIRE_UNIT_MILLI;
    metrics.at[1].unit = (UINT64_C(1) << 32) + WIRE_UNIT_PERCENT;
    report_metrics(b, &metrics);
    report_values(b, &values);
    publisher_refresh(&publisher, p->now);
    compare(p, true);
    assert_int_equal(status_view_fleet(&watched).view(&watched, 0, &v), 0);
    assert_int_equal(v.n_values, QHCP_VALUES);
    for (size_t i = 0; i < v.n_values; i++) {
        assert_string_equal(v.values[i].name, name);
        assert_int_equal(v.values[i].unit, i == 0 ? WIRE_UNIT_MILLI : WIRE_UNIT_NONE);
    }
}

/* A part behind the publisher in the round, as the forwarder is. */
struct behind {
    struct loop_part part;
    struct pair *pair;
    unsigned turns;
};

static void shut_a_port(void *ctx, qhcp_nsec now)
{
    struct behind *b = ctx;

    (void)now;
    if (++b->turns == 1)
        assert_int_equal(
            qhcp_lb_data_port(b->pair->lb, b->pair->now, "127.0.0.1:4243", false, "refused"), 0);
    else if (feed_current(publisher.feed)->self.by_state[QHCP_DOWN] == 1)
        loop_stop(loop);
}

static qhcp_nsec patience;

static qhcp_nsec give_up_at(void *ctx)
{
    (void)ctx;
    return patience;
}

static void give_up(void *ctx, qhcp_nsec now)
{
    (void)ctx;
    (void)now;
    fail_msg("it was not published");
}

static void what_a_part_finds_in_its_turn_is_published_without_a_wait(void **state)
{
    struct pair *p = *state;
    struct behind b = {.pair = p};

    watch(p, 1);
    publisher.look_at = NSEC_NEVER;
    patience = loop_now() + 5 * SEC;
    b.part = (struct loop_part){.name = "behind",
                                .ctx = &b,
                                .deadline = give_up_at,
                                .expire = give_up,
                                .turn = shut_a_port};
    loop_add(loop, &b.part);
    loop_run(loop);
    loop_remove(&b.part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_fleet_is_what_the_core_sees, setup, teardown),
        cmocka_unit_test_setup_teardown(
            many_that_are_removed_together_leave_the_others_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_is_removed_gives_its_place_to_no_other, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            checks_without_news_publish_nothing_but_figures_of_once_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_looks_at_is_looked_at_each_minute_all_the_same,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_report_that_says_the_same_is_looked_at_if_it_counts,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(values_of_unknown_units_are_plain_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_part_finds_in_its_turn_is_published_without_a_wait,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
