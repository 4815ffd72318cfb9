/* A session that is over leaves nothing behind that is due, in whatever way it ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define RECONNECT (1000 * SEC)
#define PUSHES 200 /* more than a server may say unasked in an interval */
#define FEW 20     /* fewer */

static bool down0(struct pair *p)
{
    return pair_state(p, 0) == QHCP_DOWN;
}

/* Tokens are renewed after 30 s, servers dialled again after 1,000. */
static void watch(struct pair *p)
{
    struct qhcp_lb_config c = {
        .liveness_interval = 100 * MSEC, .reconnect_interval = RECONNECT, .token_lifetime = 40};

    pair_start(p, 0);
    pair_watch(p, 1, &c);
    assert_true(pair_run(p, SEC, pair_all_up));
    assert_true(p->lb->backends[0]->link.renew_at < p->now + 40 * SEC);
}

static void push(struct pair *p, int n)
{
    for (int i = 0; i < n; i++) {
        qhcp_server_set_status(p->servers[0], p->now, QHCP_STATUS_DEGRADED,
                               i % 2 == 0 ? "one thing" : "another");
        (void)pair_run(p, 250000, NULL);
    }
}

/* Neither a renewal of a token that there is none of, nor a look at a certificate. */
static void assert_nothing_due(struct pair *p)
{
    assert_null(p->lb->backends[0]->link.conn);
    assert_true(qhcp_lb_deadline(p->lb) >= p->now + RECONNECT / 2);
}

static void after_a_breach_of_the_protocol(void **state)
{
    struct pair *p = *state;
    struct qhcp_view v;

    watch(p);
    push(p, PUSHES);
    assert_true(pair_run(p, SEC, down0));
    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    assert_non_null(strstr(v.reason, "protocol error"));
    (void)pair_run(p, SEC, NULL);
    assert_nothing_due(p);
}

static void as_many_pushes_as_are_allowed_end_nothing(void **state)
{
    struct pair *p = *state;

    watch(p);
    push(p, FEW);
    assert_false(pair_run(p, SEC, down0));
    assert_non_null(p->lb->backends[0]->link.conn);
    assert_true(qhcp_lb_deadline(p->lb) <= p->now + 100 * MSEC);
}

static void after_a_refusal(void **state)
{
    struct pair *p = *state;

    watch(p);
    pair_start_stranger(p, 0);
    assert_true(pair_run(p, 5 * SEC, down0));
    (void)pair_run(p, LOST_KEPT + SEC, NULL);
    assert_nothing_due(p);
}

static void after_silence(void **state)
{
    struct pair *p = *state;

    watch(p);
    p->cut[0] = true;
    assert_true(pair_run(p, 5 * SEC, down0));
    (void)pair_run(p, LOST_KEPT + 120 * SEC, NULL);
    assert_nothing_due(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(after_a_breach_of_the_protocol, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(as_many_pushes_as_are_allowed_end_nothing, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(after_a_refusal, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(after_silence, pair_setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
