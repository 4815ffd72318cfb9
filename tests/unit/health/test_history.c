/* Every short history of calls, signals and times, from three beginnings, and what must hold after
 * each of its steps. */
#include "clock.h"

/* Everything that can happen, numbered. */
enum { HAPPENINGS = 21 };

static void happen(struct clock *c, unsigned what)
{
    struct health_config config = c->h.config;

    c->step = (struct health_step){0};
    switch (what) {
    case 0:
        health_dialed(&c->h, c->now);
        break;
    case 1:
        health_established(&c->h, c->now, 0);
        break;
    case 2:
        health_sent(&c->h, c->now);
        break;
    case 3:
        health_not_sent(&c->h, c->now);
        break;
    case 4:
    case 5:
        health_answer(&c->h, c->now, c->now, MS, QHCP_SERVING, what == 4, &c->step);
        break;
    case 6:
        health_answer(&c->h, c->now, c->now, 10 * c->now, QHCP_NOT_SERVING, true, &c->step);
        break;
    case 7:
        health_status(&c->h, c->now, QHCP_STATUS_DRAINING, &c->step);
        break;
    case 8:
        c->now += 7 * SEC; /* falls through */
    case 9:
        c->now += 3 * MS; /* falls through */
    case 10:
        health_poll(&c->h, c->now, &c->step);
        break;
    case 11:
        config.fall = config.fall % 3 + 1;
        health_configure(&c->h, &config, c->now);
        break;
    case 12:
    case 13:
        clock_step(c);
        break;
    default:
        clock_signal(c, (enum health_signal)(what - 14));
    }
}

static void expect_sound(const struct clock *c, enum qhcp_state before)
{
    const struct health *h = &c->h;
    qhcp_nsec deadline = health_deadline(h);

    assert_false(c->step.probe && c->step.dial);
    assert_int_equal(c->step.verdict, before != h->state);
    if (c->step.verdict)
        assert_int_equal(c->step.from, before);
    assert_true(deadline != NSEC_NEVER);
    assert_true(h->silence.n_open <= SILENCE_OPEN);
    assert_true(h->silence.misses < 3 && h->silence.misses <= h->fails);
    if (h->state == QHCP_UP)
        assert_true(h->cause == HEALTH_CAUSE_NONE || h->cause == HEALTH_CAUSE_METRICS);
    else
        assert_true(h->cause != HEALTH_CAUSE_NONE || h->state == QHCP_CONNECTING);
    if (h->phase != HEALTH_WATCHING)
        assert_true(h->silence.n_open == 0 && !h->burst.active);
    if (h->burst.convict_at != NSEC_NEVER)
        assert_true(h->burst.active && h->burst.left == 0);
    if (h->state == QHCP_DOWN && h->cause == HEALTH_CAUSE_SILENCE)
        assert_true(h->fails > 0 || h->phase != HEALTH_IDLE);
}

/* A poll that has been obeyed leaves nothing due: an owner can sleep until the deadline. */
static void expect_rest(struct clock *c)
{
    struct health_step step;

    health_poll(&c->h, c->now, &step);
    if (step.probe)
        health_sent(&c->h, c->now);
    if (step.dial)
        health_dialed(&c->h, c->now);
    health_poll(&c->h, c->now, &step);
    assert_false(step.probe || step.dial || step.verdict);
    assert_true(health_deadline(&c->h) > c->now);
}

static void every_short_history_is_sound(void **state)
{
    struct clock start, c;

    (void)state;
    for (unsigned from = 0; from < 3; from++) {
        if (from == 2)
            clock_up(&start, 2);
        else
            clock_init(&start, from + 1);
        for (unsigned i = 0; i < HAPPENINGS * HAPPENINGS * HAPPENINGS * HAPPENINGS; i++) {
            unsigned history = i;

            c = start;
            for (unsigned n = 0; n < 4; n++, history /= HAPPENINGS) {
                enum qhcp_state before = c.h.state;

                happen(&c, history % HAPPENINGS);
                expect_sound(&c, before);
            }
            expect_rest(&c);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_history_is_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
