/* Checks that never left: refused by the congestion window, or stuck in the socket.  They are not
 * sent, and never a miss.  (That an error meant for another server costs no packet: unit/quic-udp,
 * e2e/detection.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

static struct qhcp_view view(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return v;
}

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static void what_the_congestion_window_refuses_is_not_sent(void **state)
{
    struct qhcp_lb_config c = {.liveness_interval = 5 * MSEC, .max_fail_attempts = 1000};
    struct pair *p = *state;
    struct qhcp_view v, before;
    uint64_t packets;

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    p->loss = 20; /* the window falls to its least, 2,400 bytes: RFC 9002, 7.2 */
    pair_run(p, 3 * SEC, NULL);
    p->loss = 0;
    pair_run(p, 50 * MSEC, NULL);
    before = view(p);
    p->deaf[0] = true;
    packets = p->packets;
    pair_run(p, SEC, NULL);
    v = view(p);
    assert_in_range(v.checks_sent - before.checks_sent, 30, 150);
    /* QUIC's own probes double their distance: fewer than one for each halving of the second. */
    assert_in_range(p->packets - packets, v.checks_sent - before.checks_sent,
                    v.checks_sent - before.checks_sent + 12);
    assert_in_range(v.fails, 20, v.checks_sent - before.checks_sent);
    before = v;
    pair_run(p, 800 * MSEC, NULL); /* full: asked again and again, and refused */
    v = view(p);
    assert_int_equal(v.checks_sent, before.checks_sent);
    assert_in_range(v.fails, before.fails, v.checks_sent);
    assert_int_equal(v.state, QHCP_UP);
}

/* For two seconds nothing leaves, as the event loop sees and says. */
static void what_is_stuck_in_the_socket_is_no_miss(void **state)
{
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC, .max_fail_attempts = 1};
    struct pair *p = *state;
    struct qhcp_self self;

    for (unsigned told = 0; told < 2; told++) {
        pair_start(p, 0);
        pair_watch(p, 1, &c);
        assert_true(pair_run(p, SEC, pair_all_up));
        pair_run(p, SEC, NULL);
        p->deaf[0] = true;
        for (unsigned ms = 0; ms < 2000 && !down0(p); ms++) {
            if (told)
                qhcp_lb_blocked(p->lb, p->now);
            pair_run(p, MSEC, NULL);
            assert_true(!told || view(p).fails == 0);
        }
        assert_int_equal(down0(p), !told);
        p->deaf[0] = false;
        qhcp_lb_self(p->lb, p->now, &self);
        assert_int_equal(self.local_score > 0, told);
        assert_true(pair_run(p, 200 * MSEC, pair_all_up));
        qhcp_lb_free(p->lb);
        p->lb = NULL;
    }
}

static void a_server_that_is_dead_is_found_once_datagrams_leave_again(void **state)
{
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC};
    struct pair *p = *state;

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    p->cut[0] = true;
    for (unsigned ms = 0; ms < 3000; ms++) {
        qhcp_lb_blocked(p->lb, p->now);
        pair_run(p, MSEC, NULL);
    }
    assert_false(down0(p));
    assert_true(pair_run(p, SEC, down0)); /* our score must fall first, half a second */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_congestion_window_refuses_is_not_sent),
        TEST(what_is_stuck_in_the_socket_is_no_miss),
        TEST(a_server_that_is_dead_is_found_once_datagrams_leave_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
