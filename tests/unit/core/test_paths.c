/* Networks that change between a load balancer and its servers: NATs that keep a flow on its old
 * target, and the load balancer's own address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

static const struct qhcp_lb_config quick = {
    .liveness_interval = 100 * MSEC, .reconnect_interval = 10 * SEC, .flap_hold = QHCP_OFF};

static int setup(void **state)
{
    struct pair *p;

    pair_setup(state);
    p = *state;
    pair_start(p, 0);
    pair_start(p, 1);
    pair_watch(p, 2, &quick);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, SEC, NULL);
    p->n_events = 0;
    return 0;
}

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static void a_server_behind_a_nat_that_leads_elsewhere_is_reached_from_another_port(void **state)
{
    struct pair *p = *state;

    p->nat[0] = 1;
    pair_run(p, SEC, NULL);
    for (int i = 0; i < 5; i++) { /* more often than there are other ports */
        pair_start(p, 0);
        p->nat[0]++;
        assert_true(pair_run(p, SEC, down0));
        assert_true(pair_run(p, 5 * SEC, pair_all_up));
        pair_run(p, SEC, NULL);
    }
    assert_int_equal(pair_state(p, 1), QHCP_UP);
}

/* Nobody was there when the load balancer began, and then the NAT's flow is stale already. */
static void one_that_never_had_a_session_is_reached_within_the_reconnect_interval(void **state)
{
    struct pair *p = *state;
    char words[QHCP_TEXT];

    p->icmp = false;
    p->nat[2] = 1;
    assert_int_equal(qhcp_lb_add(p->lb, p->now, "127.0.0.1:4245", words, sizeof words), 0);
    pair_run(p, 8 * SEC, NULL);
    assert_int_equal(pair_state(p, 2), QHCP_DOWN);
    pair_start(p, 2);
    p->nat[2] = 2;
    assert_true(pair_run(p, 12 * SEC, pair_all_up));
}

static void a_session_follows_our_own_address_without_a_verdict(void **state)
{
    struct pair *p = *state;
    unsigned sessions = p->sessions;

    p->own = 2;
    qhcp_lb_moved(p->lb, p->now);
    pair_run(p, SEC, NULL);
    assert_int_equal(p->sessions, sessions + 2);
    assert_int_equal(p->n_events, 0);
}

static void a_notice_that_concerns_no_server_changes_nothing(void **state)
{
    struct pair *p = *state;
    unsigned sessions = p->sessions;
    uint64_t packets = p->packets;

    p->multipath = true;
    for (int i = 0; i < 100; i++) {
        qhcp_lb_moved(p->lb, p->now);
        pair_run(p, 10 * MSEC, NULL);
    }
    assert_int_equal(p->sessions, sessions);
    assert_int_equal(p->n_events, 0);
    assert_in_range(p->packets - packets, 30, 50); /* a second of checks of two servers */
}

static void no_way_of_our_own_for_a_second_is_no_verdict(void **state)
{
    struct pair *p = *state;
    unsigned sessions = p->sessions;

    p->own = 0;
    qhcp_lb_moved(p->lb, p->now);
    pair_run(p, 3 * SEC / 2, NULL);
    p->own = 1;
    qhcp_lb_moved(p->lb, p->now);
    pair_run(p, SEC, NULL);
    assert_int_equal(p->sessions, sessions);
    assert_int_equal(p->n_events, 0);
    p->own = 0;
    assert_true(pair_run(p, 5 * SEC / 2, down0));
    assert_string_equal(p->events[0].reason, "network unreachable (ICMP or no route)");
}

static void what_is_down_is_dialled_when_our_address_changes(void **state)
{
    struct pair *p = *state;

    pair_kill(p, 0);
    assert_true(pair_run(p, SEC, down0));
    pair_run(p, 62 * SEC, NULL); /* nothing but the reconnect interval is left */
    p->icmp = false;
    pair_run(p, 8 * SEC, NULL);
    pair_start(p, 0);
    p->own = 3;
    qhcp_lb_moved(p->lb, p->now);
    assert_true(pair_run(p, 200 * MSEC, pair_all_up));
}

static void a_name_that_moves_from_a_silent_host_is_followed(void **state)
{
    struct pair *p = *state;
    char words[QHCP_TEXT];

    pair_start(p, 2);
    assert_int_equal(qhcp_lb_add(p->lb, p->now, "localhost:4244", words, sizeof words), 0);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, SEC, NULL);
    p->cut[1] = true;
    p->moved = true;
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(pair_state(p, 1), QHCP_DOWN); /* the address itself */
    assert_int_equal(pair_state(p, 2), QHCP_UP);   /* and the name */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_behind_a_nat_that_leads_elsewhere_is_reached_from_another_port),
        TEST(one_that_never_had_a_session_is_reached_within_the_reconnect_interval),
        TEST(a_session_follows_our_own_address_without_a_verdict),
        TEST(a_notice_that_concerns_no_server_changes_nothing),
        TEST(no_way_of_our_own_for_a_second_is_no_verdict),
        TEST(what_is_down_is_dialled_when_our_address_changes),
        TEST(a_name_that_moves_from_a_silent_host_is_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
