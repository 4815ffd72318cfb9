/* Listening, both cores together: what it costs, what it finds and when, and servers that do not do
 * as they have agreed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#include "server/internal.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

static bool draining0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DRAINING;
}

static struct qhcp_view view0(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return v;
}

static bool listening0(struct pair *p)
{
    return view0(p).listening;
}

static bool asked0(struct pair *p)
{
    return !view0(p).listening;
}

static struct qhcp_lb_config every(qhcp_nsec liveness)
{
    return (struct qhcp_lb_config){
        .liveness = QHCP_LIVENESS_LISTEN, .liveness_interval = liveness, .reconnect_interval = SEC};
}

/* n servers, up and heard for a while. */
static void listen_to(struct pair *p, int n, qhcp_nsec liveness)
{
    struct qhcp_lb_config c = every(liveness);

    for (int i = 0; i < n; i++)
        pair_start(p, i);
    pair_watch(p, n, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 30 * SEC, NULL);
    assert_int_equal(p->n_events, (size_t)n);
}

static void a_check_is_little_more_than_one_packet(void **state)
{
    struct pair *p = *state;
    struct qhcp_view before, after;
    uint64_t packets, checks;

    listen_to(p, 1, SEC);
    before = view0(p);
    assert_true(before.listening);
    packets = p->packets;
    pair_run(p, 1000 * SEC, NULL);
    after = view0(p);
    packets = p->packets - packets;
    checks = after.checks_ok - before.checks_ok;
    assert_in_range(checks, 1090, 1110); /* 1,000 beats and 100 requests */
    assert_int_equal(after.checks_sent - before.checks_sent, checks);
    assert_in_range(packets, 1000, 1250); /* of what asking takes: 2,000 */
    assert_in_range(after.reports - before.reports, 98, 102);
    assert_string_equal(after.notice, "");
    assert_int_equal(p->n_events, 1);
    assert_int_equal(p->warnings, 0);
}

/* 400 beats between two requests do not fill the server's congestion window. */
static void acknowledgements_do_not_wait_for_the_next_request(void **state)
{
    struct pair *p = *state;
    struct qhcp_view before, after;
    uint64_t packets;

    listen_to(p, 1, 25 * MSEC);
    before = view0(p);
    packets = p->packets;
    pair_run(p, 100 * SEC, NULL);
    after = view0(p);
    packets = p->packets - packets;
    assert_in_range(after.checks_ok - before.checks_ok, 4000, 4030);
    assert_int_equal(after.checks_sent - before.checks_sent, after.checks_ok - before.checks_ok);
    assert_in_range(packets, 4100, 4500);
}

/* Not the beats, not the answers, and not what acknowledges our acknowledgements. */
static void all_of_it_may_wait(void **state)
{
    struct pair *p = *state;

    listen_to(p, 2, 250 * MSEC);
    p->patient = p->urgent = 0;
    pair_run(p, 100 * SEC, NULL);
    assert_in_range(p->patient, 800, 1000);
    assert_int_equal(p->urgent, 0);
}

static struct peer *peer_of(struct pair *p, int server)
{
    return p->servers[server]->members.first;
}

/* Servers of one process, so that their beats leave together; whatever the interval. */
static void beats_leave_at_common_ticks(void **state)
{
    static const qhcp_nsec intervals[] = {5 * MSEC, 100 * MSEC, 250 * MSEC, SEC};
    struct pair *p = *state;

    listen_to(p, PAIR_SERVERS, 100 * MSEC);
    for (size_t k = 0; k < sizeof intervals / sizeof intervals[0]; k++) {
        qhcp_nsec interval = intervals[k],
                  tick = interval / ((interval + 8 * MSEC - 1) / (8 * MSEC));
        struct qhcp_lb_config c = every(interval);

        pair_reload(p, &c);
        pair_run(p, 3 * SEC, NULL);
        for (int i = 0; i < PAIR_SERVERS; i++) {
            assert_int_equal(peer_of(p, i)->heartbeat.interval, interval);
            assert_int_equal(peer_of(p, i)->heartbeat.at % tick, 0);
            assert_in_range(peer_of(p, i)->heartbeat.at, p->now, p->now + interval);
        }
    }
}

static void a_dead_server_is_found_as_soon_as_by_asking(void **state)
{
    struct pair *p = *state;
    qhcp_nsec at;

    listen_to(p, 1, 200 * MSEC);
    for (unsigned i = 0; i < 10; i++) {
        pair_run(p, 30 * SEC + i * 37 * MSEC, NULL);
        p->cut[0] = true;
        at = p->now;
        assert_true(pair_run(p, 400 * MSEC, down0));
        assert_in_range(p->now - at, 54 * MSEC,
                        290 * MSEC); /* the interval, 75 ms, and a path's worth */
        assert_non_null(strstr(view0(p).evidence, "no beat"));
        p->cut[0] = false;
        assert_true(pair_run(p, 700 * SEC, pair_all_up));
        assert_true(view0(p).listening);
    }
}

static void a_lost_beat_is_made_up_for_by_a_request(void **state)
{
    struct pair *p = *state;
    struct qhcp_view before, after;

    listen_to(p, 1, SEC);
    before = view0(p);
    p->mute[0] = true; /* for one beat, and what follows it until 40 ms later */
    while (view0(p).fails == 0)
        pair_run(p, MSEC, NULL);
    p->mute[0] = false;
    pair_run(p, 3 * SEC, NULL);
    after = view0(p);
    assert_int_equal(after.fails, 0);
    assert_int_equal(p->n_events, 1);
    assert_true(after.checks_sent > after.checks_ok);
    assert_true(after.checks_sent - before.checks_sent <= 8);
}

/* Beats still come: the next request finds it, and beats do not acquit. */
static void a_cut_of_the_way_to_the_server_is_found_by_the_next_request(void **state)
{
    struct pair *p = *state;
    qhcp_nsec at;

    listen_to(p, 1, SEC);
    p->deaf[0] = true;
    at = p->now;
    assert_true(pair_run(p, 12 * SEC, down0));
    assert_true(p->now - at < 11 * SEC + 500 * MSEC);
    p->deaf[0] = false;
    assert_true(pair_run(p, 40 * SEC, pair_all_up));
    assert_true(pair_run(p, SEC, listening0));
}

static void a_path_that_loses_packets_makes_no_false_verdict(void **state)
{
    struct pair *p = *state;

    p->random = (struct prng){7};
    listen_to(p, PAIR_SERVERS, 200 * MSEC);
    p->loss =
        10; /* each way; acknowledgements get lost too, which a full window would not survive */
    pair_run(p, 1200 * SEC, NULL);
    for (size_t i = 0; i < p->n_events; i++)
        assert_int_equal(p->events[i].to, QHCP_UP);
    assert_true(listening0(p));
    assert_string_equal(view0(p).notice, "");
}

static void a_status_is_pushed_as_ever_and_a_stop_is_heard(void **state)
{
    struct pair *p = *state;

    listen_to(p, 1, 60 * SEC);
    qhcp_server_stop(p->servers[0], p->now, 5 * SEC, "bye");
    assert_true(pair_run(p, 10 * MSEC, draining0));
    assert_true(pair_run(p, 10 * MSEC, down0));
}

static void a_restarted_server_is_listened_to_again(void **state)
{
    struct pair *p = *state;

    p->icmp = true;
    listen_to(p, 1, 200 * MSEC);
    pair_start(p, 0); /* another process, at once */
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(pair_state(p, 0), QHCP_UP);
    assert_true(listening0(p));
    assert_string_equal(p->events[p->n_events - 1].reason, "restarted");
}

static void a_reload_begins_changes_and_ends_it(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = every(200 * MSEC);
    struct qhcp_view before, after;

    c.liveness = QHCP_LIVENESS_ASK;
    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_false(listening0(p));
    c = every(200 * MSEC);
    pair_reload(p, &c);
    assert_true(pair_run(p, 100 * MSEC, listening0));
    c = every(50 * MSEC);
    pair_reload(p, &c);
    pair_run(p, SEC, NULL);
    before = view0(p);
    pair_run(p, 10 * SEC, NULL);
    after = view0(p);
    assert_in_range(after.checks_ok - before.checks_ok, 198, 204);
    assert_int_equal(after.checks_sent - before.checks_sent, after.checks_ok - before.checks_ok);
    c.liveness = QHCP_LIVENESS_ASK;
    pair_reload(p, &c);
    assert_true(pair_run(p, 100 * MSEC, asked0));
    before = view0(p);
    pair_run(p, 10 * SEC, NULL);
    after = view0(p);
    assert_in_range(after.reports - before.reports, 198, 202); /* each an answer */
    assert_int_equal(p->n_events, 1);
    assert_int_equal(p->servers[0]->members.count, 1);
    assert_int_equal(p->warnings, 0);
}

/* Its only session. */
static void one_that_agrees_and_sends_nothing_is_asked(void **state)
{
    struct pair *p = *state;

    listen_to(p, 1, 200 * MSEC);
    peer_of(p, 0)->heartbeat.at = UINT64_MAX;
    peer_rearm(peer_of(p, 0));
    assert_true(pair_run(p, 10 * SEC, asked0));
    assert_string_equal(
        view0(p).notice,
        "it agreed to send its status by itself, and does not: it is asked instead");
    assert_int_equal(p->n_events, 1); /* nothing happened to it */
    assert_int_equal(p->warnings, 1);
    pair_run(p, SEC, NULL);
    assert_true(session_server_beats(&peer_of(p, 0)->session) == 0); /* it was told */
}

static void one_that_sends_ten_times_as_often_is_asked(void **state)
{
    struct pair *p = *state;

    listen_to(p, 1, 200 * MSEC);
    peer_of(p, 0)->heartbeat.interval /= 10;
    peer_of(p, 0)->heartbeat.at = p->now;
    peer_of(p, 0)->session.beat_us /= 10;
    peer_rearm(peer_of(p, 0));
    assert_true(pair_run(p, 20 * SEC, asked0));
    assert_string_equal(
        view0(p).notice,
        "it sends its status by itself more often than agreed: it is asked instead");
    assert_int_equal(p->n_events, 1);
    assert_int_equal(p->warnings, 1);
    pair_run(p, SEC, NULL);
    assert_true(session_server_beats(&peer_of(p, 0)->session) == 0);
}

/* It ends its beats with the answer to an update of something else. */
static void one_that_changes_its_mind_is_asked(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = every(200 * MSEC);

    listen_to(p, 1, 200 * MSEC);
    peer_of(p, 0)->session.beat_us = 0;
    peer_of(p, 0)->heartbeat.interval = 0;
    c.max_fail_attempts = 4; /* a CONFIG_UPDATE */
    pair_reload(p, &c);
    assert_true(pair_run(p, 300 * MSEC, asked0));
    pair_run(p, 5 * SEC, NULL);
    assert_int_equal(p->n_events, 1);
}

static void load_balancers_at_different_intervals_have_a_beat_each(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = every(50 * MSEC);
    struct qhcp_lb *first;
    struct qhcp_view before, after;

    listen_to(p, 1, SEC);
    first = p->lb; /* it is silent from here on, which the server bears */
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(p->servers[0]->members.count, 2);
    before = view0(p);
    pair_run(p, 10 * SEC, NULL);
    after = view0(p);
    assert_in_range(after.checks_ok - before.checks_ok, 199, 204);
    assert_int_equal(after.checks_sent - before.checks_sent, after.checks_ok - before.checks_ok);
    qhcp_lb_free(first);
}

static void a_stalled_load_balancer_accuses_nobody(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb *lb;
    struct qhcp_server *s;
    qhcp_nsec end;

    listen_to(p, 1, 100 * MSEC);
    for (unsigned i = 0; i < 5; i++) {
        lb = p->lb;
        p->lb = NULL; /* what comes to it meanwhile is lost: as from a full socket */
        pair_run(p, 700 * MSEC, NULL);
        p->lb = lb;
        pair_run(p, 5 * SEC, NULL);
        assert_int_equal(p->n_events, 1);
    }
    s = p->servers[0]; /* the server stalls for a moment, and makes up for nothing */
    end = p->now + 40 * MSEC;
    p->icmp = false;
    p->servers[0] = NULL;
    pair_run(p, end - p->now, NULL);
    p->servers[0] = s;
    pair_run(p, 5 * SEC, NULL);
    assert_int_equal(p->n_events, 1);
    assert_true(listening0(p));
}

static void a_session_that_was_lost_and_found_is_listened_to(void **state)
{
    struct pair *p = *state;
    unsigned sessions;

    listen_to(p, 1, 100 * MSEC);
    sessions = p->sessions;
    p->cut[0] = true;
    assert_true(pair_run(p, SEC, down0));
    pair_run(p, 5 * SEC, NULL);
    p->cut[0] = false;
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 5 * SEC, NULL);
    assert_int_equal(p->sessions, sessions);
    assert_true(listening0(p));
    assert_int_equal(view0(p).false_verdicts, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_check_is_little_more_than_one_packet),
        TEST(acknowledgements_do_not_wait_for_the_next_request),
        TEST(all_of_it_may_wait),
        TEST(beats_leave_at_common_ticks),
        TEST(a_dead_server_is_found_as_soon_as_by_asking),
        TEST(a_lost_beat_is_made_up_for_by_a_request),
        TEST(a_cut_of_the_way_to_the_server_is_found_by_the_next_request),
        TEST(a_path_that_loses_packets_makes_no_false_verdict),
        TEST(a_status_is_pushed_as_ever_and_a_stop_is_heard),
        TEST(a_restarted_server_is_listened_to_again),
        TEST(a_reload_begins_changes_and_ends_it),
        TEST(one_that_agrees_and_sends_nothing_is_asked),
        TEST(one_that_sends_ten_times_as_often_is_asked),
        TEST(one_that_changes_its_mind_is_asked),
        TEST(load_balancers_at_different_intervals_have_a_beat_each),
        TEST(a_stalled_load_balancer_accuses_nobody),
        TEST(a_session_that_was_lost_and_found_is_listened_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
