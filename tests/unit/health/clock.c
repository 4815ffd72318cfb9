#include "clock.h"

void clock_init(struct clock *c, unsigned fall)
{
    const struct health_config config = {
        .interval = SEC, .reconnect_interval = 30 * SEC, .fall = fall};

    *c = (struct clock){.now = START};
    health_init(&c->h, &config, c->now);
}

void clock_take(struct clock *c)
{
    if (!c->step.probe)
        return;
    c->probes++;
    c->last_sent = c->now;
    health_sent(&c->h, c->now);
}

static void poll(struct clock *c)
{
    health_poll(&c->h, c->now, &c->step);
    assert_false(c->step.probe && c->step.dial);
    clock_take(c);
}

void clock_step(struct clock *c)
{
    qhcp_nsec at = health_deadline(&c->h);

    assert_true(at != NSEC_NEVER);
    if (at > c->now)
        c->now = at;
    poll(c);
}

struct health_step clock_until(struct clock *c, qhcp_nsec limit)
{
    qhcp_nsec end = c->now + limit;

    do
        clock_step(c);
    while (!c->step.dial && !c->step.drop && !c->step.verdict && c->now < end);
    return c->step;
}

void clock_establish(struct clock *c)
{
    health_dialed(&c->h, c->now);
    health_established(&c->h, c->now, c->bound);
    poll(c);
    assert_true(c->step.probe);
}

qhcp_nsec clock_cut(struct clock *c)
{
    c->probes = 0;
    while (c->probes == 0)
        clock_step(c);
    return c->now;
}

void answer(struct clock *c, unsigned status, bool complete)
{
    while (c->h.silence.n_open == 0 && !c->h.burst.newest)
        clock_step(c);
    c->now = c->last_sent + MS;
    health_answer(&c->h, c->now, c->now, MS, status, complete, &c->step);
    c->h.burst.newest = false;
}

void clock_up(struct clock *c, unsigned fall)
{
    clock_init(c, fall);
    clock_establish(c);
    for (unsigned i = 0; i < 50; i++)
        answer(c, QHCP_SERVING, true);
    assert_int_equal(c->h.state, QHCP_UP);
    assert_int_equal(c->h.silence.n_open, 0);
    c->probes = 0;
}

void clock_answering(struct clock *c, qhcp_nsec span, qhcp_nsec rtt)
{
    qhcp_nsec end = c->now + span, sent[SILENCE_OPEN];
    unsigned first = 0, n = 0;

    while (c->now < end) {
        qhcp_nsec due = first < n ? sent[first % SILENCE_OPEN] + rtt : NSEC_NEVER;

        if (due <= health_deadline(&c->h)) {
            c->now = due;
            health_answer(&c->h, due, due, rtt, QHCP_SERVING, true, &c->step);
            first++;
            continue;
        }
        clock_step(c);
        assert_false(c->step.verdict);
        if (c->step.probe)
            sent[n++ % SILENCE_OPEN] = c->now;
    }
}

void clock_signal(struct clock *c, enum health_signal signal)
{
    health_signal(&c->h, c->now, signal, &c->step);
    assert_false(c->step.probe && c->step.dial);
}
