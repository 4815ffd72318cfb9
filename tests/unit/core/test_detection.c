/* The failure detector within the core: verdicts, evidence, damping, the load balancer's own
 * illness, panic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static const struct pair_event *last(struct pair *p)
{
    assert_true(p->n_events > 0);
    return &p->events[p->n_events - 1];
}

static void a_cut_off_server_is_down_after_its_misses_and_says_how_many(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 200 * MSEC, .reconnect_interval = SEC};
    struct qhcp_view view;
    unsigned misses, ms;

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 5 * SEC, NULL);
    p->cut[0] = true;
    assert_true(pair_run(p, 400 * MSEC, down0));
    assert_int_equal(sscanf(last(p)->reason, "no answer to %u checks in %u ms", &misses, &ms), 2);
    assert_in_range(misses, 3, 20); /* 3 at least, over 54 ms at least */
    assert_in_range(ms, 54, 100);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
    assert_non_null(strstr(view.evidence, "missed in"));
    assert_non_null(strstr(view.evidence, " ms before: "));
    assert_int_equal(view.own_share, 0);
    p->cut[0] = false;
    assert_true(pair_run(p, 1500 * MSEC, pair_all_up));
    assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
    assert_non_null(strstr(view.evidence, "missed in")); /* of the last time */
    assert_in_range(view.own_share, 100, 200);
    pair_run(p, 11 * SEC, NULL);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
    assert_int_equal(view.own_share, 1000);
}

static void a_second_fault_within_ten_minutes_is_held_down(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 200 * MSEC, .reconnect_interval = SEC};
    struct qhcp_view view;

    for (unsigned held = 0; held < 2; held++) {
        c.flap_hold = held ? 0 : QHCP_OFF; /* the default, or none */
        pair_start(p, 0);
        pair_watch(p, 1, &c);
        assert_true(pair_run(p, SEC, pair_all_up));
        for (unsigned fault = 0; fault < 2; fault++) {
            p->cut[0] = true;
            assert_true(pair_run(p, 400 * MSEC, down0));
            p->cut[0] = false;
            assert_int_equal(pair_run(p, 2 * SEC, pair_all_up), fault == 0 || !held);
        }
        if (held) {
            assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
            assert_non_null(strstr(view.reason, "serves again, kept down for"));
        }
        assert_true(pair_run(p, 4 * SEC, pair_all_up));
        qhcp_lb_free(p->lb);
        p->lb = NULL;
    }
}

/* Up and down every 300 ms, for five minutes: cut off, or restarted. */
static void a_flapping_server_causes_few_events(void **state)
{
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC, .reconnect_interval = SEC};
    struct pair *p = *state;

    for (unsigned restarts = 0; restarts < 2; restarts++) {
        pair_start(p, 0);
        pair_watch(p, 1, &c);
        assert_true(pair_run(p, SEC, pair_all_up));
        p->n_events = 0;
        for (unsigned i = 0; i < 500; i++) {
            p->cut[0] = true;
            if (restarts)
                pair_start(p, 0);
            pair_run(p, 300 * MSEC, NULL);
            p->cut[0] = false;
            pair_run(p, 300 * MSEC, NULL);
        }
        /* held for 5 s, 10 s, ... 320 s: seven faults and returns at most, of five hundred */
        assert_in_range(p->n_events, 2, 16);
        qhcp_lb_free(p->lb);
        p->lb = NULL;
    }
}

/* SIGSTOP, or a virtual machine that was suspended: what was due is long overdue. */
static void a_load_balancer_that_was_stopped_calls_nobody_down(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.max_fail_attempts = 1, .liveness_interval = 100 * MSEC};
    struct qhcp_self self;
    size_t events;

    for (int i = 0; i < PAIR_SERVERS; i++)
        pair_start(p, i);
    pair_watch(p, PAIR_SERVERS, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    events = p->n_events;
    for (unsigned i = 0; i < 40; i++) {
        pair_run(p, SEC + i * 7 * MSEC / 2, NULL);
        qhcp_lb_self(p->lb, p->now, &self);
        assert_true(i > 0 || self.local_score == 0);
        p->now += (5 + i % 26) * SEC;
        pair_run(p, i % 2 ? 1 : MSEC, NULL);
        qhcp_lb_self(p->lb, p->now, &self);
        assert_in_range(self.local_score, 2, 7);
    }
    assert_int_equal(p->n_events, events);
    assert_true(pair_all_up(p));
}

static struct qhcp_panic panics[8];
static size_t n_panics;

static void on_panic(void *ctx, const struct qhcp_panic *panic)
{
    (void)ctx;
    assert_true(n_panics < 8);
    panics[n_panics++] = *panic;
}

static bool in_panic(struct pair *p)
{
    struct qhcp_self self;

    qhcp_lb_self(p->lb, p->now, &self);
    return self.panic.on;
}

static void too_few_healthy_servers_are_panic_until_there_are_more(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC, .panic = on_panic};

    n_panics = 0;
    for (int i = 0; i < PAIR_SERVERS; i++)
        pair_start(p, i);
    pair_watch(p, PAIR_SERVERS, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(n_panics, 0); /* what is not known yet is no panic */
    pair_kill(p, 0);
    pair_kill(p, 1);
    assert_false(pair_run(p, SEC, in_panic)); /* half is enough */
    pair_kill(p, 2);
    assert_true(pair_run(p, SEC, in_panic));
    assert_int_equal(n_panics, 1);
    assert_true(panics[0].on && panics[0].healthy == 1 && panics[0].total == 4);
    c.panic_threshold = 101; /* off */
    pair_reload(p, &c);
    assert_int_equal(n_panics, 2);
    assert_false(panics[1].on);
}

static unsigned share(struct pair *p, size_t i)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, i, &v), 0);
    return v.share;
}

/* 0 crashed, 1 in maintenance and then switched off, 2 never there, 3 serves and is in slow start
 * or whole: what each gets of new traffic in panic, by mode. */
static void what_panic_leads_to_is_in_every_server_s_share(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {
        .liveness_interval = 100 * MSEC, .panic = on_panic, .panic_threshold = 40};

    n_panics = 0;
    for (int i = 0; i < PAIR_SERVERS; i++)
        if (i != 2)
            pair_start(p, i);
    pair_watch(p, PAIR_SERVERS, &c);
    pair_run(p, SEC, NULL);
    assert_int_equal(share(p, 0), 1000);
    assert_int_equal(share(p, 2), 0);
    qhcp_server_set_status(p->servers[1], p->now, QHCP_STATUS_MAINTENANCE, "disk");
    pair_run(p, SEC, NULL);
    pair_kill(p, 1);
    pair_run(p, SEC, NULL);
    assert_int_equal(n_panics, 0); /* two of four */
    assert_int_equal(share(p, 3), 1000);
    pair_kill(p, 0);
    assert_true(pair_run(p, SEC, in_panic));
    assert_int_equal(panics[0].use, QHCP_USE_ALL); /* by default */
    assert_int_equal(pair_state(p, 0), QHCP_DOWN);
    assert_int_equal(pair_state(p, 1), QHCP_DOWN);
    assert_int_equal(share(p, 0), 1000);
    assert_int_equal(share(p, 1), 0);
    assert_int_equal(share(p, 2), 0);
    assert_int_equal(share(p, 3), 1000);
    c.panic_mode = QHCP_USE_NONE; /* said at once, not with the next panic */
    pair_reload(p, &c);
    assert_int_equal(n_panics, 2);
    assert_true(panics[1].on && panics[1].use == QHCP_USE_NONE);
    for (size_t i = 0; i < PAIR_SERVERS; i++)
        assert_int_equal(share(p, i), 0);
    c.panic_threshold = 101;
    pair_reload(p, &c);
    assert_int_equal(n_panics, 3);
    assert_true(!panics[2].on && panics[2].use == QHCP_USE_HEALTHY);
    assert_int_equal(share(p, 0), 0);
    assert_int_equal(share(p, 3), 1000);
}

/* Down as any other, and not to be had in panic: it said that it goes. */
static void a_server_that_took_its_leave_is_not_used_in_panic(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC, .reconnect_interval = SEC};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    qhcp_server_set_check(p->servers[0], p->now, "a", QHCP_NOT_SERVING, "", 0);
    assert_true(pair_run(p, SEC, in_panic));
    assert_int_equal(share(p, 0), 1000); /* its own word counts as a health check */
    qhcp_server_stop(p->servers[0], p->now, SEC, "stopping");
    pair_run(p, 2 * SEC, NULL);
    pair_kill(p, 0);
    pair_run(p, 5 * SEC, NULL);
    assert_true(in_panic(p));
    assert_int_equal(share(p, 0), 0);
    pair_start(p, 0);
    assert_true(pair_run(p, 10 * SEC, pair_all_up));
    pair_kill(p, 0);
    assert_true(pair_run(p, SEC, in_panic));
    assert_int_equal(share(p, 0), 1000);
}

/* It was verified once; then somebody answers with another certificate, then nobody does. */
static void a_server_that_was_refused_is_not_used_in_panic_however_it_goes_on(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC, .reconnect_interval = SEC};
    struct qhcp_view v;

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_kill(p, 0);
    assert_true(pair_run(p, SEC, in_panic));
    assert_int_equal(share(p, 0), 1000);
    pair_start_stranger(p, 0);
    pair_run(p, 5 * SEC, NULL);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    assert_true(v.refused);
    assert_int_equal(v.share, 0);
    pair_kill(p, 0);
    p->icmp = false;
    pair_run(p, 5 * SEC, NULL);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    assert_false(v.refused);
    assert_int_equal(v.share, 0);
}

static void dropped_datagrams_make_the_load_balancer_ill(void **state)
{
    struct pair *p = *state;
    struct qhcp_self self;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    qhcp_lb_dropped(p->lb, p->now, 0);
    qhcp_lb_self(p->lb, p->now, &self);
    assert_int_equal(self.local_score, 0);
    qhcp_lb_dropped(p->lb, p->now, 3);
    qhcp_lb_self(p->lb, p->now, &self);
    assert_int_equal(self.local_score, 1);
    pair_run(p, SEC, NULL);
    qhcp_lb_self(p->lb, p->now, &self);
    assert_int_equal(self.local_score, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_cut_off_server_is_down_after_its_misses_and_says_how_many),
        TEST(a_second_fault_within_ten_minutes_is_held_down),
        TEST(a_flapping_server_causes_few_events),
        TEST(a_load_balancer_that_was_stopped_calls_nobody_down),
        TEST(too_few_healthy_servers_are_panic_until_there_are_more),
        TEST(what_panic_leads_to_is_in_every_server_s_share),
        TEST(a_server_that_took_its_leave_is_not_used_in_panic),
        TEST(a_server_that_was_refused_is_not_used_in_panic_however_it_goes_on),
        TEST(dropped_datagrams_make_the_load_balancer_ill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
