/* The state that follows from what a server says and from what else is known: every combination. */
#include "health/verdict.h"

#include "walk.h"

enum { STATES = QHCP_DOWN + 1, STATUSES = QHCP_STATUS_MAINTENANCE + 3, FLAGS = 6 };

static struct verdict_facts facts_of(enum qhcp_state state, unsigned status, unsigned flags)
{
    return (struct verdict_facts){.state = state,
                                  .cause = HEALTH_CAUSE_SILENCE, /* so that "as before" shows */
                                  .status = status,
                                  .complete = flags & 1,
                                  .stopped = flags & 2,
                                  .port_bad = flags & 4,
                                  .ill = flags & 8,
                                  .risen = flags & 16,
                                  .held = flags & 32};
}

static void expect(const struct verdict_facts *f, enum qhcp_state state, enum health_cause cause)
{
    struct verdict v = verdict_of(f);

    assert_int_equal(v.state, state);
    assert_int_equal(v.cause, cause);
}

/* What no traffic is wanted for counts, whatever else is known. */
static void expect_its_word(const struct verdict_facts *f)
{
    if (f->status == QHCP_NOT_SERVING || f->status > QHCP_STATUS_MAINTENANCE)
        expect(f, QHCP_DOWN, HEALTH_CAUSE_STATUS);
    else if (f->stopped || f->status == QHCP_STATUS_DRAINING)
        expect(f, QHCP_DRAINING, HEALTH_CAUSE_STATUS);
    else
        expect(f, QHCP_MAINTENANCE, HEALTH_CAUSE_STATUS);
}

/* It wants traffic: its data port, its record since it was down, and its flapping decide. */
static void expect_wanting(const struct verdict_facts *f)
{
    if (f->port_bad && (f->state == QHCP_DOWN || !f->ill))
        expect(f, QHCP_DOWN, HEALTH_CAUSE_DATA_PORT);
    else if (f->port_bad || (f->state == QHCP_DOWN && !f->risen))
        expect(f, f->state, f->cause);
    else if (f->state == QHCP_DOWN && f->held)
        expect(f, QHCP_DOWN, HEALTH_CAUSE_HELD);
    else if (f->status == QHCP_STATUS_DEGRADED)
        expect(f, QHCP_DEGRADED, HEALTH_CAUSE_STATUS);
    else
        expect(f, QHCP_UP, f->complete ? HEALTH_CAUSE_NONE : HEALTH_CAUSE_METRICS);
}

static void every_combination_has_its_verdict(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STATES * STATUSES << FLAGS; i++) {
        unsigned flags = i % (1 << FLAGS), rest = i >> FLAGS;
        unsigned status = rest % STATUSES;
        struct verdict_facts f = facts_of((enum qhcp_state)(rest / STATUSES), status, flags);
        bool wants = status <= QHCP_STATUS_DEGRADED && !f.stopped;

        if (wants)
            expect_wanting(&f);
        else
            expect_its_word(&f);
        assert_int_equal(verdict_of(&f).soon,
                         wants && f.state == QHCP_DOWN && !f.port_bad && !f.risen);
    }
}

static void up_and_degraded_take_new_traffic_and_nothing_else_does(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STATES; i++)
        assert_int_equal(verdict_serves((enum qhcp_state)i), i == QHCP_UP || i == QHCP_DEGRADED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_combination_has_its_verdict),
        cmocka_unit_test(up_and_degraded_take_new_traffic_and_nothing_else_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
