/* Servers that were lost and come back: at once, by the old connection where both ends still have
 * it, by a new one where the server has forgotten it, or where it or we are elsewhere; within a
 * minute, and at no great cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"
#include "quic/internal.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

/* Knocks come 25 ms apart; a handshake, HELLO and two answers 5 ms apart are the rest. */
#define SOON (45 * MSEC)

static const struct qhcp_lb_config quick = {
    .liveness_interval = 100 * MSEC, .reconnect_interval = 30 * SEC, .flap_hold = QHCP_OFF};

static int setup(void **state)
{
    struct pair *p;

    pair_setup(state);
    p = *state;
    pair_start(p, 0);
    pair_watch(p, 1, &quick);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, SEC, NULL);
    return 0;
}

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static bool in_state(struct pair *p, enum qhcp_state to)
{
    return p->n_events > 0 && p->events[p->n_events - 1].to == to;
}

static void a_server_that_was_cut_off_is_up_again_at_once(void **state)
{
    struct pair *p = *state;
    bool *const ways[] = {&p->cut[0], &p->deaf[0], &p->mute[0]};
    static const unsigned seconds[] = {1, 5, 20};
    unsigned new = 0;

    for (size_t way = 0; way < 3; way++) {
        for (size_t i = 0; i < 3; i++) {
            unsigned sessions = p->sessions;

            *ways[way] = true;
            assert_true(pair_run(p, 200 * MSEC, down0));
            assert_false(pair_run(p, seconds[i] * SEC, pair_all_up));
            *ways[way] = false;
            /* What only the way back was cut off from is asked anew each second. */
            assert_true(pair_run(p, way == 2 ? SEC + SOON : SOON, pair_all_up));
            new += p->sessions - sessions;
            pair_run(p, 2 * SEC, NULL); /* and it is watched as before */
            assert_true(in_state(p, QHCP_UP));
        }
    }
    assert_in_range(new, 0, 3); /* a handshake that happened to be under way may be there first */
}

static void what_was_answered_late_is_no_round_trip(void **state)
{
    struct pair *p = *state;
    struct qhcp_view view;

    p->deaf[0] = true;
    pair_run(p, 10 * SEC, NULL);
    p->deaf[0] = false;
    assert_true(pair_run(p, SOON, pair_all_up));
    assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
    assert_in_range(view.rtt_us, 150, 1000);
    assert_in_range(view.checks_ok, 1, view.checks_sent);
}

static void killed(struct pair *p)
{
    pair_kill(p, 0);
}

static bool has_stopped(struct pair *p)
{
    return qhcp_server_stopped(p->servers[0]);
}

static void stopped(struct pair *p)
{
    qhcp_server_stop(p->servers[0], p->now, SEC, "restart");
    assert_true(pair_run(p, SEC / 2, has_stopped));
    pair_run(p, MSEC, down0);
    pair_kill(p, 0);
}

static void hung(struct pair *p)
{
    p->cut[0] = true;
    assert_true(pair_run(p, 200 * MSEC, down0));
    pair_kill(p, 0);
    p->cut[0] = false;
}

static void a_restarted_server_is_up_within_50_ms_of_listening(void **state)
{
    static void (*const ways[])(struct pair *) = {killed, stopped, hung};
    static const unsigned away[] = {200, 1000, 3000, 29500, 31000, 50000}; /* ms */
    struct pair *p = *state;

    for (size_t icmp = 0; icmp < 2; icmp++) {
        for (size_t way = 0; way < 3; way++) {
            for (size_t i = 0; i < sizeof away / sizeof away[0]; i++) {
                p->icmp = icmp;
                ways[way](p);
                pair_run(p, away[i] * MSEC, NULL);
                assert_int_equal(pair_state(p, 0), QHCP_DOWN);
                pair_start(p, 0);
                if (!pair_run(p, 50 * MSEC, pair_all_up))
                    fail_msg("not up: icmp %zu, way %zu, away %u ms", icmp, way, away[i]);
                pair_run(p, 2 * SEC, NULL);
                assert_true(in_state(p, QHCP_UP));
                p->n_events = 0;
            }
        }
    }
}

/* RFC 9000, 10.2.2: nothing is sent on a connection that is draining, which is three probe timeouts
 * of some 26 ms here. */
static void nobody_knocks_on_a_connection_that_is_draining(void **state)
{
    struct pair *p = *state;
    uint64_t packets;

    stopped(p);
    packets = p->packets;
    pair_run(p, 70 * MSEC, NULL);
    assert_int_equal(p->packets, packets);
    pair_run(p, 60 * MSEC, NULL);
    assert_in_range(p->packets - packets, 1, 4);
    pair_start(p, 0);
    assert_true(pair_run(p, 50 * MSEC, pair_all_up));
    pair_run(p, SEC, NULL);
    hung(p); /* one that fell silent drains nothing */
    packets = p->packets;
    pair_run(p, 70 * MSEC, NULL);
    assert_in_range(p->packets - packets, 2, 8);
}

static void a_restart_with_other_keys_is_found_by_a_handshake_beside(void **state)
{
    struct pair *p = *state;
    char path[128];

    pair_kill(p, 0);
    assert_true(pair_run(p, SEC, down0));
    snprintf(path, sizeof path, "%s/secret", p->dir);
    assert_int_equal(remove(path), 0); /* resets are of this */
    pair_start(p, 0);
    assert_true(pair_run(p, SEC, pair_all_up)); /* not after the reconnect interval of 30 s */
}

static void after_a_minute_only_the_reconnect_interval_counts(void **state)
{
    struct pair *p = *state;
    uint64_t packets;

    pair_kill(p, 0);
    packets = p->packets;
    pair_run(p, 60 * SEC, NULL);
    assert_in_range(p->packets - packets, 2000, 2500); /* 40 a second */
    packets = p->packets;
    pair_run(p, 60 * SEC, NULL);
    assert_in_range(p->packets - packets, 1, 20); /* two dials */
    pair_start(p, 0);
    assert_true(pair_run(p, 31 * SEC, pair_all_up));
}

/* It answers every knock with a reset, and no handshake. */
static void one_who_only_resets_is_not_dialled_each_time(void **state)
{
    struct pair *p = *state;
    unsigned dials;

    pair_kill(p, 0);
    assert_true(pair_run(p, 200 * MSEC, down0));
    p->shy[0] = true;
    pair_start(p, 0);
    dials = p->dials;
    pair_run(p, 60 * SEC, NULL);
    assert_in_range(p->dials - dials, 60, 200); /* an attempt a second, each with its repetitions */
    p->shy[0] = false;
    assert_true(pair_run(p, 30 * SEC, pair_all_up));
}

static void a_lost_server_can_be_reloaded_removed_and_left(void **state)
{
    static const char *const more[] = {"load_average_1m"};
    struct qhcp_lb_config slow = quick;
    struct pair *p = *state;
    struct qhcp_view view;

    p->cut[0] = true;
    assert_true(pair_run(p, 200 * MSEC, down0));
    slow.liveness_interval = 200 * MSEC;
    slow.metrics = more;
    slow.n_metrics = 1;
    pair_reload(p, &slow);
    p->cut[0] = false;
    assert_true(pair_run(p, SOON, pair_all_up));
    pair_run(p, SEC, NULL);
    assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
    assert_int_equal(view.n_values, 3); /* what changed meanwhile was told on the old session */
    p->cut[0] = true;
    assert_true(pair_run(p, 400 * MSEC, down0));
    assert_int_equal(qhcp_lb_remove(p->lb, p->now, "127.0.0.1:4243"), 0);
    pair_run(p, SEC, NULL);
    assert_int_equal(qhcp_lb_count(p->lb), 0);
}

static void a_load_balancer_that_stops_leaves_what_is_lost(void **state)
{
    struct pair *p = *state;

    p->cut[0] = true;
    assert_true(pair_run(p, 200 * MSEC, down0));
    qhcp_lb_stop(p->lb, p->now);
    pair_run(p, 2 * MSEC, NULL);
    assert_true(qhcp_lb_stopped(p->lb)); /* there is nobody to wait for */
}

static struct qhcp_view view0(struct pair *p)
{
    struct qhcp_view view;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &view), 0);
    return view;
}

/* At the default interval of a second; a restart is the twin, and is no false verdict. */
static void a_session_that_answers_again_makes_its_verdict_a_false_one(void **state)
{
    static const struct qhcp_lb_config defaults = {.flap_hold = QHCP_OFF};
    struct pair *p = *state;
    unsigned misses, ms;
    const char *said;

    qhcp_lb_free(p->lb);
    p->lb = NULL;
    pair_watch(p, 1, &defaults);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 5 * SEC, NULL);
    for (unsigned restarts = 0; restarts < 2; restarts++) {
        p->n_events = 0;
        p->cut[0] = true;
        assert_false(pair_run(p, 600 * MSEC, down0));
        assert_true(pair_run(p, 1300 * MSEC, down0)); /* an interval, and 800 ms at most */
        said = p->events[0].reason;
        assert_int_equal(sscanf(said, "no answer to %u checks in %u ms", &misses, &ms), 2);
        assert_in_range(ms, restarts ? 660 : 600, restarts ? 800 : 650); /* it was learned */
        if (restarts)
            pair_start(p, 0);
        p->cut[0] = false;
        assert_true(pair_run(p, 200 * MSEC, pair_all_up));
        assert_true(in_state(p, QHCP_UP));
        said = p->events[p->n_events - 1].reason;
        if (restarts)
            assert_string_equal(said, "serving");
        else
            assert_non_null(strstr(said, "the same session answers again, "));
        assert_int_equal(view0(p).false_verdicts, 1);
        pair_run(p, 60 * SEC, NULL);
    }
}

static void the_least_silence_can_be_set(void **state)
{
    struct qhcp_lb_config patient = quick;
    struct pair *p = *state;

    patient.min_silence = 700 * MSEC;
    pair_reload(p, &patient);
    pair_run(p, SEC, NULL);
    p->cut[0] = true;
    assert_false(pair_run(p, 700 * MSEC, down0));
    assert_true(pair_run(p, 200 * MSEC, down0));
    p->cut[0] = false;
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_reload(p, &quick); /* by the interval again */
    pair_run(p, SEC, NULL);
    p->cut[0] = true;
    assert_true(pair_run(p, 200 * MSEC, down0));
}

/* At 1 ms between checks that is after twelve days, and the same moment for all servers. */
static void a_connection_that_has_heard_its_most_is_replaced_without_a_verdict(void **state)
{
    struct pair *p = *state;
    unsigned sessions = p->sessions;

    p->n_events = 0;
    p->lb->backends[0]->link.conn->n_heard = QUIC_PACKETS_MAX - 5; /* the twin: not there yet */
    pair_run(p, 300 * MSEC, NULL);
    assert_int_equal(p->sessions, sessions);
    pair_run(p, SEC, NULL);
    assert_int_equal(p->sessions, sessions + 1);
    assert_int_equal(p->n_events, 0);
    assert_int_equal(pair_state(p, 0), QHCP_UP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_server_that_was_cut_off_is_up_again_at_once),
        TEST(what_was_answered_late_is_no_round_trip),
        TEST(a_restarted_server_is_up_within_50_ms_of_listening),
        TEST(a_restart_with_other_keys_is_found_by_a_handshake_beside),
        TEST(nobody_knocks_on_a_connection_that_is_draining),
        TEST(after_a_minute_only_the_reconnect_interval_counts),
        TEST(one_who_only_resets_is_not_dialled_each_time),
        TEST(a_lost_server_can_be_reloaded_removed_and_left),
        TEST(a_session_that_answers_again_makes_its_verdict_a_false_one),
        TEST(the_least_silence_can_be_set),
        TEST(a_connection_that_has_heard_its_most_is_replaced_without_a_verdict),
        TEST(a_load_balancer_that_stops_leaves_what_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
