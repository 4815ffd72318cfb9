/* Servers that stand still for a moment and are none the worse for it: how long they may, what a
 * verdict on them teaches, and how little a hostile one gains by it. */
#include "clock.h"

#include "health/loss.h"

/* Up, watched as a site that asks once a second does. */
static void watched(struct clock *c, qhcp_nsec window)
{
    clock_up(c, 3);
    c->h.config.window = window;
    c->h.config.budget = HEALTH_BUDGET;
}

/* Falls silent: from its first unanswered check to the verdict. */
static qhcp_nsec silenced(struct clock *c)
{
    qhcp_nsec cut = clock_cut(c);
    struct health_step step;

    do
        step = clock_until(c, 10 * SEC);
    while (!step.verdict);
    assert_int_equal(c->h.state, QHCP_DOWN);
    assert_true(step.lost);
    return c->now - cut;
}

/* The session that was given up is heard of so long after the first unanswered check. */
static void found(struct clock *c, qhcp_nsec cut, qhcp_nsec after)
{
    c->now = cut + after;
    health_found(&c->h, c->now);
    health_answer(&c->h, c->now, c->now, after, QHCP_SERVING, true, &c->step);
}

static void up_again(struct clock *c)
{
    while (c->h.state != QHCP_UP)
        answer(c, QHCP_SERVING, true);
    for (unsigned i = 0; i < 50; i++)
        answer(c, QHCP_SERVING, true);
}

/* One that stands still for so long and then answers all that it was asked meanwhile, in order. */
static void stall(struct clock *c, qhcp_nsec length)
{
    qhcp_nsec cut = clock_cut(c), end = cut + length, sent[SILENCE_OPEN] = {cut};
    unsigned n = 1;

    while (health_deadline(&c->h) < end) {
        clock_step(c);
        assert_false(c->step.verdict);
        if (c->step.probe)
            sent[n++] = c->now;
    }
    c->now = end;
    for (unsigned i = 0; i < n; i++)
        health_answer(&c->h, end, end, end - sent[i], QHCP_SERVING, true, &c->step);
}

static void the_least_window_follows_from_the_interval(void **state)
{
    static const unsigned ms[][2] = {{1, 54},      {50, 54},      {100, 54},      {200, 54},
                                     {272, 54},    {300, 75},     {500, 225},     {1000, 600},
                                     {1600, 1000}, {10000, 1000}, {3600000, 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
        assert_true(health_window(ms[i][0] * MS) == ms[i][1] * MS);
}

static void a_stall_shorter_than_the_window_is_no_verdict(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    stall(&c, 590 * MS);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.false_verdicts, 0);
    watched(&c, 600 * MS);
    assert_in_range(silenced(&c) / MS, 600, 650);
}

static void a_session_that_answers_again_proves_that_the_verdict_was_false(void **state)
{
    struct clock c;
    qhcp_nsec cut;

    (void)state;
    watched(&c, 600 * MS);
    cut = c.now;
    silenced(&c);
    cut = c.h.accused_from;
    found(&c, cut, 700 * MS);
    assert_true(c.step.refuted == 700 * MS);
    assert_int_equal(c.h.false_verdicts, 1);
    answer(&c, QHCP_SERVING, true);
    assert_true(c.step.refuted == 0); /* once */
    assert_int_equal(c.h.false_verdicts, 1);
    assert_int_equal(c.h.state, QHCP_UP);
}

/* The same but for the session, which is another: it may be a server that was restarted. */
static void another_session_proves_nothing(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    silenced(&c);
    clock_establish(&c);
    answer(&c, QHCP_SERVING, true);
    assert_true(c.step.refuted == 0);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.state, QHCP_UP);
    assert_int_equal(c.h.false_verdicts, 0);
    assert_in_range(silenced(&c) / MS, 600, 650); /* and nothing was learned */
}

static void a_false_verdict_widens_the_window_for_a_day(void **state)
{
    struct clock c;
    qhcp_nsec cut;

    (void)state;
    watched(&c, 600 * MS);
    silenced(&c);
    cut = c.h.accused_from;
    found(&c, cut, 900 * MS);
    up_again(&c);
    stall(&c, 900 * MS); /* is survived now */
    assert_int_equal(c.h.state, QHCP_UP);
    c.now = cut + LOSS_FALSE_MEMORY - 60 * SEC;
    c.h.next = c.h.grid.at = c.now;
    up_again(&c);
    assert_in_range(silenced(&c) / MS, 900, 1000);
    clock_establish(&c);
    up_again(&c);
    c.now = cut + 2 * LOSS_FALSE_MEMORY + SEC;
    c.h.next = c.h.grid.at = c.now;
    up_again(&c);
    assert_in_range(silenced(&c) / MS, 600, 650);
}

/* What a server can gain by it: a verdict on itself that comes two seconds after its silence began.
 */
static void no_server_can_teach_more_than_the_ceiling(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    for (qhcp_nsec length = 700 * MS; length < 2500 * MS; length += 100 * MS) {
        silenced(&c);
        found(&c, c.h.accused_from, nsec_max(length, c.now - c.h.accused_from));
        up_again(&c);
    }
    assert_in_range(silenced(&c) / MS, 1500, 2100);
}

static void an_outage_that_no_window_outlasts_teaches_nothing(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    silenced(&c);
    found(&c, c.h.accused_from, 20 * SEC);
    assert_int_equal(c.h.false_verdicts, 1);
    up_again(&c);
    assert_in_range(silenced(&c) / MS, 600, 650);
}

/* Who has the least window wants such silences found: that they are counted is all. */
static void a_site_with_the_least_window_keeps_it(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, HEALTH_WINDOW);
    for (unsigned i = 0; i < 20; i++) {
        stall(&c, 50 * MS); /* neither do those that end in time */
        up_again(&c);
    }
    for (unsigned i = 1; i <= 20; i++) {
        assert_in_range(silenced(&c) / MS, 54, 75);
        found(&c, c.h.accused_from, 300 * MS);
        assert_int_equal(c.h.false_verdicts, i);
        up_again(&c);
    }
}

/* The check that was missed first is the one whose answer ends it. */
static void a_stall_that_ended_in_time_is_learned_whole(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    stall(&c, 590 * MS);
    assert_in_range(loss_longest(&c.h.loss, c.now) / MS, 585, 590);
    up_again(&c);
    stall(&c, 590 * MS);
    assert_int_equal(c.h.state, QHCP_UP);
}

/* A dozen answers that say how long it stood still, and one that says how long the way is. */
static void a_stall_is_no_round_trip(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    stall(&c, 500 * MS);
    assert_in_range(c.h.rtt.srtt / MS, 0, 5);
    answer(&c, QHCP_SERVING, true);
    assert_in_range(silenced(&c) / MS, 600, 690);
}

/* A way that has become longer is one: it is learned though each check seems missed at first. */
static void a_longer_way_is_learned(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    clock_answering(&c, 30 * SEC, 200 * MS);
    assert_in_range(c.h.rtt.srtt / MS, 150, 200);
    assert_int_equal(c.h.state, QHCP_UP);
}

static void what_icmp_explains_is_counted_and_no_stall(void **state)
{
    struct clock c;

    (void)state;
    watched(&c, 600 * MS);
    clock_signal(&c, HEALTH_SIGNAL_ICMP);
    clock_take(&c);
    while (c.h.state == QHCP_UP)
        clock_step(&c);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_UNREACHABLE);
    found(&c, c.now, SEC);
    assert_int_equal(c.h.false_verdicts, 1);
    up_again(&c);
    assert_in_range(silenced(&c) / MS, 600, 650);
}

/* More than the ceiling, where a site says so. */
static void a_window_that_is_set_stands(void **state)
{
    static const qhcp_nsec windows[] = {5 * MS, 3 * SEC, 10 * SEC};
    struct clock c;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        watched(&c, windows[i]);
        assert_in_range(silenced(&c) / MS, windows[i] / MS,
                        windows[i] / MS + windows[i] / MS / 10 + 50);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_window_follows_from_the_interval),
        cmocka_unit_test(a_stall_shorter_than_the_window_is_no_verdict),
        cmocka_unit_test(a_session_that_answers_again_proves_that_the_verdict_was_false),
        cmocka_unit_test(another_session_proves_nothing),
        cmocka_unit_test(a_false_verdict_widens_the_window_for_a_day),
        cmocka_unit_test(no_server_can_teach_more_than_the_ceiling),
        cmocka_unit_test(an_outage_that_no_window_outlasts_teaches_nothing),
        cmocka_unit_test(a_site_with_the_least_window_keeps_it),
        cmocka_unit_test(a_stall_that_ended_in_time_is_learned_whole),
        cmocka_unit_test(a_stall_is_no_round_trip),
        cmocka_unit_test(a_longer_way_is_learned),
        cmocka_unit_test(what_icmp_explains_is_counted_and_no_stall),
        cmocka_unit_test(a_window_that_is_set_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
