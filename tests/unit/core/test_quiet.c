/* A load balancer that is gone without a word: a server that stops does not wait for it, and a new
 * session of it takes the old one's place.  One that is slow, far or busy is not taken for gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "pair.h"

#define MSEC ((qhcp_nsec)1000000)
#define SEC ((qhcp_nsec)1000000000)

static size_t open_connections;

static size_t leaving(void *ctx, const char *address, bool over)
{
    (void)ctx, (void)address, (void)over;
    return open_connections;
}

static bool stopped(struct pair *p)
{
    return qhcp_server_stopped(p->servers[0]);
}

static void watch(struct pair *p, const struct qhcp_lb_config *config)
{
    struct qhcp_lb_config c = config ? *config : (struct qhcp_lb_config){0};

    c.leaving = leaving;
    open_connections = 0;
    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
}

/* How long the server takes to leave. */
static qhcp_nsec stop(struct pair *p)
{
    qhcp_nsec begun = p->now;

    qhcp_server_stop(p->servers[0], p->now, 30 * SEC, "upgrade");
    assert_true(pair_run(p, 40 * SEC, stopped));
    return p->now - begun;
}

static void one_that_is_gone_is_not_waited_for_until_the_end(void **state)
{
    struct pair *p = *state;

    watch(p, NULL);
    open_connections = 1; /* whatever it had is gone with it */
    p->cut[0] = true;
    assert_in_range(stop(p), 3 * SEC, 4 * SEC);
}

static void one_that_lives_is_waited_for_as_long_as_it_has_connections(void **state)
{
    struct pair *p = *state;

    watch(p, NULL);
    open_connections = 1;
    assert_in_range(stop(p), 29 * SEC, 31 * SEC);
}

static void one_that_checks_rarely_is_waited_for_too(void **state)
{
    const struct qhcp_lb_config c = {.liveness_interval = 60 * SEC, .check_interval = 60 * SEC};
    struct pair *p = *state;

    watch(p, &c);
    open_connections = 1;
    assert_in_range(stop(p), 29 * SEC, 31 * SEC);
}

static void one_that_listens_is_waited_for_too(void **state)
{
    const struct qhcp_lb_config c = {.liveness = QHCP_LIVENESS_LISTEN,
                                     .liveness_interval = 100 * MSEC,
                                     .check_interval = 60 * SEC};
    struct pair *p = *state;

    watch(p, &c);
    (void)pair_run(p, 5 * SEC, NULL);
    open_connections = 1;
    assert_in_range(stop(p), 29 * SEC, 31 * SEC);
}

static void loss_makes_nobody_silent(void **state)
{
    struct pair *p = *state;

    watch(p, NULL);
    open_connections = 1;
    p->loss = 20;
    assert_in_range(stop(p), 29 * SEC, 31 * SEC);
}

static void one_that_goes_during_the_drain_is_not_waited_for_either(void **state)
{
    struct pair *p = *state;
    qhcp_nsec begun = p->now;

    watch(p, NULL);
    open_connections = 1;
    begun = p->now;
    qhcp_server_stop(p->servers[0], p->now, 30 * SEC, "upgrade");
    (void)pair_run(p, 10 * SEC, NULL);
    p->cut[0] = true;
    assert_true(pair_run(p, 40 * SEC, stopped));
    assert_in_range(p->now - begun, 12 * SEC, 15 * SEC);
}

static void one_that_only_looks_is_not_waited_for(void **state)
{
    const struct qhcp_lb_config once = {.once = true};
    struct pair *p = *state;

    watch(p, &once);
    p->cut[0] = true;
    assert_in_range(stop(p), 0, 100 * MSEC);
}

static void again(struct pair *p)
{
    qhcp_lb_free(p->lb);
    pair_watch(p, 1, NULL);
    assert_true(pair_run(p, SEC, pair_all_up));
}

static void a_new_session_takes_the_place_of_the_one_that_was_killed(void **state)
{
    struct pair *p = *state;

    watch(p, NULL);
    again(p);
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 2);
    (void)pair_run(p, 4 * SEC, NULL);
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 1);
    assert_true(pair_all_up(p));
    assert_in_range(stop(p), 0, SEC);
}

static void two_sessions_that_live_both_stay(void **state)
{
    const struct qhcp_lb_config rare = {.liveness_interval = SEC, .check_interval = 60 * SEC};
    struct pair *p = *state;
    char words[200];

    watch(p, &rare);
    assert_int_equal(qhcp_lb_add(p->lb, p->now, "localhost:4243", words, sizeof words), 0);
    assert_true(pair_run(p, SEC, pair_all_up));
    (void)pair_run(p, 60 * SEC, NULL);
    assert_int_equal(qhcp_server_sessions(p->servers[0]), 2);
    assert_int_equal(p->n_events, 2); /* both are up, and nothing happened since */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_that_is_gone_is_not_waited_for_until_the_end),
        TEST(one_that_lives_is_waited_for_as_long_as_it_has_connections),
        TEST(one_that_checks_rarely_is_waited_for_too),
        TEST(one_that_listens_is_waited_for_too),
        TEST(loss_makes_nobody_silent),
        TEST(one_that_goes_during_the_drain_is_not_waited_for_either),
        TEST(one_that_only_looks_is_not_waited_for),
        TEST(a_new_session_takes_the_place_of_the_one_that_was_killed),
        TEST(two_sessions_that_live_both_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
