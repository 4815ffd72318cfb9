/* Both cores together, with a fake clock. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#include "auth/auth.h"
#include "state/state.h"

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

static bool restarted(struct pair *p)
{
    return p->n_events > 0 && strcmp(p->events[p->n_events - 1].reason, "restarted") == 0;
}

static const struct pair_event *last(struct pair *p)
{
    assert_true(p->n_events > 0);
    return &p->events[p->n_events - 1];
}

/* There, back, and there once more: HELLO waits for nobody after the server's flight has come. */
static void hello_leaves_with_the_end_of_the_handshake(void **state)
{
    struct pair *p = *state;
    uint64_t before;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    pair_run(p, 2 * PAIR_LATENCY - 1, NULL);
    before = p->packets;
    assert_false(pair_run(p, PAIR_LATENCY / 2, pair_all_up));
    assert_in_range(p->packets - before, 2, 3); /* the rest of the handshake, and HELLO */
    assert_int_equal(p->sessions, 0);
    pair_run(p, PAIR_LATENCY, NULL);
    assert_int_equal(p->sessions, 1);
}

static void servers_come_up_with_their_metrics(void **state)
{
    struct pair *p = *state;
    struct qhcp_view v;

    for (int i = 0; i < 3; i++)
        pair_start(p, i);
    pair_watch(p, 3, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(qhcp_lb_view(p->lb, 1, &v), 0);
    assert_string_equal(v.address, "127.0.0.1:4244");
    assert_string_equal(v.values[0].name, "memory_usage_percent"); /* CPU use takes two readings */
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(qhcp_lb_view(p->lb, 1, &v), 0);
    assert_int_equal(v.n_values >= 2, 1);
    assert_string_equal(v.notice, "");
    assert_string_equal(v.values[0].name, "cpu_usage_percent");
    assert_string_equal(v.values[1].name, "memory_usage_percent");
    assert_true(v.values[1].value > 0 && v.values[1].value <= 10000);
    assert_true(v.rtt_us >= 2 * PAIR_LATENCY / 1000);
    assert_int_equal(p->n_events, 3);
}

static void a_killed_server_is_down_by_icmp_and_comes_back(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 200 * MSEC, .reconnect_interval = SEC};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_kill(p, 0);
    assert_true(pair_run(p, 300 * MSEC, down0));
    assert_string_equal(last(p)->reason, "port unreachable (ICMP)");
    pair_start(p, 0);
    assert_true(pair_run(p, 1200 * MSEC, pair_all_up));
}

static void a_full_window_does_not_hide_a_dead_server(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC, .max_fail_attempts = 1000};
    unsigned misses, ms;

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 5 * SEC, NULL);
    p->cut[0] = true; /* the congestion window holds a few hundred probes, no thousand */
    assert_true(pair_run(p, 60 * SEC, down0));
    assert_int_equal(sscanf(last(p)->reason, "no answer to %u checks in %u ms", &misses, &ms), 2);
    assert_in_range(misses, 20, 999);
}

static void a_quick_restart_is_no_verdict(void **state)
{
    struct pair *p = *state;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 2 * SEC, NULL);
    pair_kill(p, 0);
    pair_start(p, 0);
    assert_true(pair_run(p, 1100 * MSEC, restarted));
    assert_int_equal(p->n_events, 2);
    assert_int_equal(last(p)->from, QHCP_UP);
    assert_int_equal(last(p)->to, QHCP_UP);
}

static bool server_gone(struct pair *p)
{
    return qhcp_server_stopped(p->servers[0]);
}

static void a_server_that_stops_is_draining_then_down_and_knows_when_to_go(void **state)
{
    struct pair *p = *state;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    qhcp_server_stop(p->servers[0], p->now, 30 * SEC, "SIGTERM");
    assert_true(pair_run(p, 5 * MSEC, draining0));
    assert_string_equal(last(p)->reason, "server is draining: SIGTERM");
    assert_true(pair_run(p, 100 * MSEC, server_gone));
    assert_true(pair_run(p, 100 * MSEC, down0));
    assert_string_equal(last(p)->reason, "server stopped");
}

/* The close of the last one that is waited for may be under way when the server is told to stop. */
static void a_server_goes_as_soon_as_the_last_one_has_left(void **state)
{
    const struct qhcp_lb_config config = {.once = true};
    struct pair *p = *state;

    pair_start(p, 0);
    pair_watch(p, 1, &config);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 10 * MSEC, NULL);
    qhcp_lb_stop(p->lb, p->now);
    pair_run(p, 0, NULL); /* it leaves */
    qhcp_server_stop(p->servers[0], p->now, 30 * SEC, "SIGTERM");
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 1);
    p->leaving = true;
    assert_true(pair_run(p, 2 * MSEC, server_gone));
}

static void a_server_that_drains_still_answers_who_comes_then(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb *first;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    first = p->lb;
    p->lb = NULL; /* it is gone without a word: its acknowledgement never comes */
    qhcp_server_stop(p->servers[0], p->now, 10 * SEC, "SIGTERM");
    p->n_events = 0;
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, draining0));
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(pair_state(p, 0), QHCP_DRAINING);
    assert_false(qhcp_server_stopped(p->servers[0]));
    assert_true(pair_run(p, 2 * SEC, server_gone)); /* the first is not waited for any longer */
    assert_true(pair_run(p, SEC, down0));
    assert_string_equal(last(p)->reason, "server stopped");
    qhcp_lb_free(first);
}

static int remote_port(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return ntohs(v.remote.in.sin_port);
}

/* A name's next address is a place that somebody else may hold. */
static void only_where_a_session_was_is_the_server_s_address(void **state)
{
    const struct qhcp_lb_config config = {.reconnect_interval = SEC};
    struct pair *p = *state;
    char words[512];

    pair_start(p, 0);
    pair_start_stranger(p, 1);
    pair_watch(p, 0, &config);
    assert_int_equal(qhcp_lb_add(p->lb, p->now, "localhost:4243", words, sizeof words), 0);
    assert_int_equal(remote_port(p), 0);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(remote_port(p), 4243);
    pair_kill(p, 0);
    for (int i = 0; i < 300; i++) {
        pair_run(p, 10 * MSEC, NULL);
        assert_int_equal(remote_port(p), 4243);
    }
    assert_true(down0(p) && p->dials > 2);
    pair_start(p, 1);
    assert_true(pair_run(p, 3 * SEC, pair_all_up));
    assert_int_equal(remote_port(p), 4244);
}

static bool lb_gone(struct pair *p)
{
    return qhcp_lb_stopped(p->lb);
}

static void a_load_balancer_that_stops_takes_its_leave(void **state)
{
    struct pair *p = *state;

    for (int i = 0; i < 2; i++)
        pair_start(p, i);
    pair_watch(p, 2, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 1);
    qhcp_lb_stop(p->lb, p->now);
    assert_true(pair_run(p, 50 * MSEC, lb_gone));
    pair_run(p, 50 * MSEC, NULL);
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 0);
}

static void a_load_balancer_waits_a_second_for_silent_servers(void **state)
{
    struct pair *p = *state;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    p->cut[0] = true;
    qhcp_lb_stop(p->lb, p->now);
    assert_true(pair_run(p, SEC, lb_gone));
}

static void tokens_are_renewed_on_the_live_session(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.token_lifetime = 60};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 600 * SEC, NULL); /* ten lifetimes: an expired token would have ended it */
    assert_int_equal(pair_state(p, 0), QHCP_UP);
    assert_int_equal(p->n_events, 1);
}

static void a_key_that_is_taken_out_ends_its_sessions(void **state)
{
    struct pair *p = *state;
    struct auth_key *key;
    char path[128], words[256], text[2048], *json;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_int_equal(auth_key_generate("lb:another", AUTH_SCOPE_ALL, &key), 0);
    json = auth_key_json(key, false);
    snprintf(text, sizeof text, "{\"keys\":[%s]}", json);
    snprintf(path, sizeof path, "%s/trust/keys.json", p->dir);
    assert_int_equal(state_write_file(path, slice_str(text), 0600, words, sizeof words), 0);
    assert_true(pair_run(p, 11 * SEC, down0)); /* the files are looked at every 10 s */
    assert_non_null(strstr(last(p)->reason, "token refused: "));
    free(json);
    auth_key_free(key);
}

static void a_clock_that_jumps_disturbs_no_session(void **state)
{
    static const int64_t jumps[] = {7200, -7200, 86400, -86400};
    struct pair *p = *state;
    struct qhcp_lb_config c = {.token_lifetime = 60};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    for (size_t i = 0; i < sizeof jumps / sizeof jumps[0]; i++) {
        p->wall += jumps[i];
        pair_run(p, 200 * SEC, NULL); /* renewals on both sides of the jump */
    }
    assert_int_equal(p->sessions, 1);
    assert_int_equal(p->n_events, 1);
}

static void new_intervals_reach_live_sessions(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.liveness_interval = SEC};
    struct qhcp_view before, after;

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 10 * SEC, NULL);
    qhcp_lb_view(p->lb, 0, &before);
    c.liveness_interval = 100 * MSEC;
    pair_reload(p, &c);
    pair_run(p, 10 * SEC, NULL);
    qhcp_lb_view(p->lb, 0, &after);
    assert_in_range(before.checks_ok, 9, 12);
    assert_in_range(after.checks_ok - before.checks_ok, 95, 105);
    assert_int_equal(p->n_events, 1);
}

static size_t values(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return v.n_values;
}

static void the_metrics_asked_for_change_on_the_live_session(void **state)
{
    static const char *const wanted[] = {"load_average_1m", "jobs_waiting", "nobody_has_it"};
    struct pair *p = *state;
    struct qhcp_lb_config c = {0};

    pair_start(p, 0);
    assert_int_equal(qhcp_server_set_metric(p->servers[0], "jobs_waiting", 0, 42), 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(values(p), 2);
    c.metrics = wanted;
    c.n_metrics = 2;
    pair_reload(p, &c);
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(values(p), 4);
    c.n_metrics = 1;
    pair_reload(p, &c);
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(values(p), 3);
    assert_int_equal(p->sessions, 1);
    c.n_metrics = 3; /* one that this server does not have: refused as a whole, so asked for anew */
    pair_reload(p, &c);
    pair_run(p, 2 * SEC, NULL);
    assert_int_equal(values(p), 4);
    assert_int_equal(p->sessions, 2);
    assert_int_equal(p->n_events, 1);
}

static void a_check_costs_two_packets(void **state)
{
    struct pair *p = *state;
    struct qhcp_view before, after;
    uint64_t packets;

    pair_start(p, 0);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 10 * SEC, NULL);
    qhcp_lb_view(p->lb, 0, &before);
    packets = p->packets;
    pair_run(p, 60 * SEC, NULL);
    qhcp_lb_view(p->lb, 0, &after);
    packets = p->packets - packets;
    print_message("%llu packets for %llu checks\n", (unsigned long long)packets,
                  (unsigned long long)(after.checks_ok - before.checks_ok));
    assert_in_range(after.checks_ok - before.checks_ok, 59, 61);
    assert_true(packets * 10 <= (after.checks_ok - before.checks_ok) * 21);
}

static void loss_of_a_fifth_neither_breaks_nor_loses_a_session(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.max_fail_attempts = 30, .liveness_interval = 200 * MSEC};

    for (int i = 0; i < 4; i++)
        pair_start(p, i);
    p->loss = 20;
    pair_watch(p, 4, &c);
    assert_true(pair_run(p, 20 * SEC, pair_all_up));
    pair_run(p, 300 * SEC, NULL);
    assert_true(pair_all_up(p));
}

static void a_status_is_pushed_though_half_of_the_packets_are_lost(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.max_fail_attempts = 60, .liveness_interval = 10 * SEC};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, 20 * SEC, pair_all_up));
    p->loss = 50;
    qhcp_server_set_status(p->servers[0], p->now, QHCP_STATUS_DRAINING, "by hand");
    assert_true(pair_run(p, SEC, draining0));
}

static void a_certificate_that_runs_out_is_looked_at_again_without_a_verdict(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = {.check_interval = 1800 * SEC, .liveness_interval = 1800 * SEC};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    pair_run(p, 59 * 86400 * SEC, NULL); /* automatic certificates last 90 days */
    assert_int_equal(p->sessions, 1);
    pair_run(p, 3 * 86400 * SEC, NULL);
    assert_in_range(p->sessions, 2, 5);
    assert_int_equal(p->n_events, 1);
    assert_int_equal(pair_state(p, 0), QHCP_UP);
}

/* A key that may not end sessions: closing is all that is left, and no breach of anything.
 */
static void without_the_scope_terminate_it_leaves_by_closing(void **state)
{
    static const char scope[] = "health config terminate", less[] = "health config          ";
    struct pair *p = *state;
    char path[128], text[4096], *at;
    unsigned warnings;
    FILE *f;

    pair_start(p, 0);
    snprintf(path, sizeof path, "%s/lb/token-key.json", p->dir);
    f = fopen(path, "r+");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    at = strstr(text, scope);
    assert_non_null(at);
    memcpy(at, less, sizeof less - 1);
    rewind(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
    warnings = p->warnings;
    qhcp_lb_stop(p->lb, p->now);
    assert_true(pair_run(p, SEC / 10, lb_gone));
    qhcp_lb_free(p->lb);
    p->lb = NULL;
    pair_run(p, SEC / 10, NULL);
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 0);
    assert_int_equal(p->warnings, warnings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
        TEST(hello_leaves_with_the_end_of_the_handshake),
        TEST(servers_come_up_with_their_metrics),
        TEST(a_killed_server_is_down_by_icmp_and_comes_back),
        TEST(a_full_window_does_not_hide_a_dead_server),
        TEST(a_quick_restart_is_no_verdict),
        TEST(a_server_that_stops_is_draining_then_down_and_knows_when_to_go),
        TEST(a_server_goes_as_soon_as_the_last_one_has_left),
        TEST(a_server_that_drains_still_answers_who_comes_then),
        TEST(only_where_a_session_was_is_the_server_s_address),
        TEST(a_load_balancer_that_stops_takes_its_leave),
        TEST(a_load_balancer_waits_a_second_for_silent_servers),
        TEST(without_the_scope_terminate_it_leaves_by_closing),
        TEST(tokens_are_renewed_on_the_live_session),
        TEST(a_key_that_is_taken_out_ends_its_sessions),
        TEST(a_clock_that_jumps_disturbs_no_session),
        TEST(new_intervals_reach_live_sessions),
        TEST(the_metrics_asked_for_change_on_the_live_session),
        TEST(a_check_costs_two_packets),
        TEST(loss_of_a_fifth_neither_breaks_nor_loses_a_session),
        TEST(a_certificate_that_runs_out_is_looked_at_again_without_a_verdict),
        TEST(a_status_is_pushed_though_half_of_the_packets_are_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
