/* A drain: each load balancer says that it has heard of it, and how many connections go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define MSEC ((qhcp_nsec)1000000)
#define SEC ((qhcp_nsec)1000000000)

static size_t open_connections, looks, resets;

static size_t leaving(void *ctx, const char *address, bool over)
{
    (void)ctx;
    assert_string_equal(address, "127.0.0.1:4243");
    looks++;
    resets += over;
    return open_connections;
}

/* Up, and asked so rarely that whatever is said in between is said for its own sake. */
static void watch(struct pair *p, bool forwards)
{
    const struct qhcp_lb_config config = {.liveness_interval = 60 * SEC,
                                          .check_interval = 60 * SEC,
                                          .leaving = forwards ? leaving : NULL};

    pair_start(p, 0);
    pair_watch(p, 1, &config);
    assert_true(pair_run(p, SEC, pair_all_up));
}

static void set(struct pair *p, enum qhcp_status status)
{
    qhcp_server_set_status(p->servers[0], p->now, status, status == QHCP_SERVING ? "" : "new disk");
}

static struct qhcp_watcher after(struct pair *p, qhcp_nsec time)
{
    struct qhcp_watcher ret;

    pair_run(p, time, NULL);
    assert_int_equal(qhcp_server_watchers(p->servers[0], &ret, 1), 1);
    return ret;
}

static void it_is_told_how_many_connections_go_on_and_when_the_last_has_ended(void **state)
{
    struct pair *p = *state;
    struct qhcp_watcher w;

    watch(p, true);
    w = after(p, SEC);
    assert_string_equal(w.lb_id, "pair");
    assert_true(w.acknowledged && !w.counts); /* it serves: nobody counts */
    for (int i = 0; i < 2; i++) {
        open_connections = 3;
        set(p, i == 0 ? QHCP_STATUS_DRAINING : QHCP_STATUS_MAINTENANCE);
        w = after(p, 0);
        assert_true(!w.acknowledged && !w.counts && w.in_flight == 0);
        w = after(p, 5 * MSEC);
        assert_true(w.acknowledged && !w.counts); /* the forwarder has to know first */
        w = after(p, 25 * MSEC);
        assert_true(w.acknowledged && w.counts && w.in_flight == 3);
        open_connections = 0;
        w = after(p, 25 * MSEC);
        assert_true(w.acknowledged && w.counts && w.in_flight == 0);
        set(p, QHCP_SERVING);
        w = after(p, 100 * MSEC);
        assert_true(w.acknowledged && !w.counts);
    }
}

static void one_that_does_not_forward_acknowledges_and_says_no_number(void **state)
{
    struct pair *p = *state;
    struct qhcp_watcher w;

    watch(p, false);
    set(p, QHCP_STATUS_DRAINING);
    w = after(p, SEC);
    assert_true(w.acknowledged && !w.counts && w.in_flight == 0);
}

static void words_that_change_meanwhile_interrupt_no_count(void **state)
{
    struct pair *p = *state;
    struct qhcp_watcher w;

    watch(p, true);
    open_connections = 1;
    set(p, QHCP_STATUS_DRAINING);
    (void)after(p, SEC);
    qhcp_server_set_status(p->servers[0], p->now, QHCP_STATUS_DRAINING, "new disk, old cable");
    w = after(p, 5 * MSEC);
    assert_true(w.acknowledged && w.counts && w.in_flight == 1);
    open_connections = 0;
    w = after(p, 25 * MSEC);
    assert_true(w.counts && w.in_flight == 0);
}

static void nobody_looks_again_when_none_is_left(void **state)
{
    struct pair *p = *state;
    size_t before;

    watch(p, true);
    open_connections = 1;
    set(p, QHCP_STATUS_DRAINING);
    before = looks;
    (void)after(p, SEC);
    assert_in_range(looks - before, 40, 60); /* every 20 ms */
    open_connections = 0;
    assert_int_equal(after(p, SEC).in_flight, 0);
    before = looks;
    (void)after(p, 20 * SEC);
    assert_int_equal(looks, before);
}

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

/* A load balancer that stood still meanwhile: its deadline is later than the server's. */
static void connections_end_with_the_time_of_their_server_though_we_were_late(void **state)
{
    struct pair *p = *state;

    watch(p, true);
    open_connections = 1;
    resets = 0;
    p->waits = 300 * MSEC;
    qhcp_server_stop(p->servers[0], p->now, SEC, "SIGTERM");
    pair_run(p, 400 * MSEC, NULL);
    p->waits = 0;
    pair_run(p, 400 * MSEC, NULL);
    assert_int_equal(resets, 0);
    assert_true(pair_run(p, SEC, down0));
    assert_int_equal(resets, 1);
}

static void those_of_a_server_that_ends_long_before_its_time_go_on(void **state)
{
    struct pair *p = *state;

    watch(p, true);
    open_connections = 1;
    resets = 0;
    p->deaf[0] = true; /* so that it does not wait for us */
    qhcp_server_stop(p->servers[0], p->now, 60 * SEC, "SIGTERM");
    assert_true(pair_run(p, 30 * SEC, down0));
    assert_int_equal(resets, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_told_how_many_connections_go_on_and_when_the_last_has_ended),
        TEST(one_that_does_not_forward_acknowledges_and_says_no_number),
        TEST(words_that_change_meanwhile_interrupt_no_count),
        TEST(nobody_looks_again_when_none_is_left),
        TEST(connections_end_with_the_time_of_their_server_though_we_were_late),
        TEST(those_of_a_server_that_ends_long_before_its_time_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
