/* The round-trip time of one server, and the time-outs that follow from it. */
#include "health/rtt.h"

#include "walk.h"

static void timeouts_follow_the_round_trip_time(void **state)
{
    struct rtt r = {0};

    (void)state;
    assert_true(rtt_timeout(&r, SEC) == SEC); /* nothing known */
    assert_true(rtt_fast(&r, SEC) == 333 * MS);
    rtt_sample(&r, 100 * MS);
    assert_true(r.srtt == 100 * MS && r.rttvar == 50 * MS);
    assert_true(rtt_timeout(&r, SEC) == 300 * MS);
    assert_true(rtt_fast(&r, SEC) == 200 * MS);
    rtt_sample(&r, 100 * MS);
    assert_in_range(r.rttvar, 37 * MS, 38 * MS);
    for (unsigned i = 0; i < 200; i++)
        rtt_sample(&r, 100 * MS);
    assert_in_range(rtt_timeout(&r, SEC), 149 * MS, 150 * MS); /* half of it, however steady */
    assert_in_range(rtt_fast(&r, SEC), 149 * MS, 150 * MS);
    r.bound = 20 * MS;
    assert_in_range(rtt_timeout(&r, SEC), 169 * MS, 170 * MS);
}

static void timeouts_stay_within_their_limits(void **state)
{
    struct rtt r = {0};

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        rtt_sample(&r, 0);
    assert_true(r.srtt > 0);
    assert_true(rtt_timeout(&r, SEC) == RTT_TIMEOUT_MIN);
    assert_true(rtt_fast(&r, SEC) == RTT_FAST_MIN);
    r.bound = 60 * SEC;
    assert_true(rtt_timeout(&r, SEC) == SEC);
    assert_true(rtt_timeout(&r, 10 * SEC) == 10 * SEC);
    assert_true(rtt_timeout(&r, MS) == SEC);
    assert_true(rtt_fast(&r, MS) == SEC);
}

static void the_servers_bound_is_not_waited_for_after_certain_icmp(void **state)
{
    struct rtt r = {.srtt = 10 * MS, .rttvar = MS, .bound = 20 * MS};

    (void)state;
    assert_true(rtt_burst(&r, SEC, false) == 35 * MS);
    assert_true(rtt_burst(&r, SEC, true) == 15 * MS);
    r = (struct rtt){.srtt = 100, .bound = 20 * MS};
    assert_true(rtt_burst(&r, SEC, true) == RTT_BURST_MIN);
}

/* Whatever is known: a probe that follows a miss waits no longer than a regular one. */
static void no_wait_is_longer_than_a_regular_probes(void **state)
{
    static const qhcp_nsec times[] = {0, 1, 100, MS, 10 * MS, 100 * MS, SEC, 100 * SEC};
    struct rtt r = {0};

    (void)state;
    for (unsigned i = 0; i < walk_histories(8, 4); i++) {
        qhcp_nsec interval = times[walk_event(i, 3, 8)];

        r.srtt = times[walk_event(i, 0, 8)];
        r.rttvar = times[walk_event(i, 1, 8)];
        r.bound = times[walk_event(i, 2, 8)];
        assert_in_range(rtt_timeout(&r, interval), RTT_TIMEOUT_MIN,
                        nsec_max(interval, RTT_TIMEOUT_FIRST));
        assert_in_range(rtt_fast(&r, interval), RTT_FAST_MIN, rtt_timeout(&r, interval));
        assert_in_range(rtt_burst(&r, interval, false), RTT_BURST_MIN, rtt_timeout(&r, interval));
        assert_in_range(rtt_burst(&r, interval, true), RTT_BURST_MIN,
                        rtt_burst(&r, interval, false));
    }
}

/* Four answers to probes that were sent during a stall, in every order, some of them twice. */
static void of_a_stalls_answers_only_the_fastest_is_a_sample(void **state)
{
    static const qhcp_nsec took[] = {2 * MS, 90 * MS, 200 * MS, 340 * MS};
    const qhcp_nsec end = START + SEC;

    (void)state;
    for (unsigned i = 0; i < walk_histories(4, 4); i++) {
        struct rtt r = {.srtt = MS, .rttvar = MS / 8}, alone = r;
        qhcp_nsec least = NSEC_NEVER;

        rtt_stalled(&r, end);
        for (unsigned k = 0; k < 4; k++) {
            least = nsec_min(least, took[walk_event(i, k, 4)]);
            rtt_answered(&r, end, took[walk_event(i, k, 4)]);
        }
        rtt_sample(&alone, least);
        assert_true(r.srtt == alone.srtt && r.rttvar == alone.rttvar);
    }
}

/* The twin of the one before: the same answers to probes that were sent once the stall was over. */
static void answers_to_probes_after_a_stall_are_samples_all(void **state)
{
    struct rtt r = {.srtt = MS, .rttvar = MS / 8}, other = r;

    (void)state;
    rtt_stalled(&r, START);
    for (unsigned i = 1; i <= 4; i++) {
        rtt_answered(&r, START + SEC, i * 90 * MS);
        rtt_sample(&other, i * 90 * MS);
    }
    assert_true(r.srtt == other.srtt && r.rttvar == other.rttvar);
}

/* A server whose round trips just differ must not be asked for ever. */
static void round_trips_that_differ_for_good_settle_too(void **state)
{
    struct rtt r = {0};

    (void)state;
    assert_true(rtt_settled(&r)); /* nothing to correct */
    for (unsigned i = 1; i < RTT_SETTLES; i++) {
        rtt_sample(&r, i % 2 == 0 ? MS : 20 * MS);
        assert_false(rtt_settled(&r));
    }
    rtt_sample(&r, MS);
    assert_true(rtt_settled(&r));
}

/* The twin: these differ by little, or are as short as any time-out is. */
static void round_trips_that_are_alike_settle_sooner(void **state)
{
    struct rtt far = {0}, near = {0};

    (void)state;
    rtt_sample(&far, 20 * MS);
    assert_false(rtt_settled(&far));
    for (unsigned i = 0; i < 3; i++)
        rtt_sample(&far, 20 * MS);
    assert_true(rtt_settled(&far));
    rtt_sample(&near, MS);
    assert_true(rtt_settled(&near));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timeouts_follow_the_round_trip_time),
        cmocka_unit_test(timeouts_stay_within_their_limits),
        cmocka_unit_test(the_servers_bound_is_not_waited_for_after_certain_icmp),
        cmocka_unit_test(no_wait_is_longer_than_a_regular_probes),
        cmocka_unit_test(of_a_stalls_answers_only_the_fastest_is_a_sample),
        cmocka_unit_test(answers_to_probes_after_a_stall_are_samples_all),
        cmocka_unit_test(round_trips_that_differ_for_good_settle_too),
        cmocka_unit_test(round_trips_that_are_alike_settle_sooner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
