/* Beats: their rhythm, and what a beat that does not come, or one that comes, means. */
#include "clock.h"

#include "health/loss.h"

#define T (100 * MS)

/* Beats from START on, each so late (negative: early). */
static struct beat rhythm(const int *late_ms, unsigned n)
{
    struct beat b;

    beat_begin(&b, START, T);
    for (unsigned i = 0; i < n; i++)
        beat_heard(&b, START + (i + 1) * T + (qhcp_nsec)((int64_t)late_ms[i] * (int64_t)MS), 1);
    return b;
}

static void a_beat_is_due_an_interval_after_the_slot_of_the_one_before(void **state)
{
    static const int steady[] = {0, 0, 0, 0, 0}, once_late[] = {0, 0, 8, 0, 0},
                     first_late[] = {30, 0, 0, 0, 0};
    struct beat b;

    (void)state;
    beat_begin(&b, START, T);
    assert_true(b.at == START + T);
    b = rhythm(steady, 5);
    assert_true(b.at == START + 6 * T);
    assert_true(beat_tolerance(&b, 0) == BEAT_LATE_MIN);
    assert_true(beat_tolerance(&b, 15 * MS) == 16 * MS); /* its own bound, and our granularity */
    b = rhythm(once_late, 5);
    assert_true(b.at == START + 6 * T);
    b = rhythm(first_late, 5); /* the rhythm is where the earliest is */
    assert_true(b.at == START + 6 * T);
}

static void jitter_makes_tolerant_and_what_was_held_up_together_does_not(void **state)
{
    int jitter[40];
    struct beat b;
    qhcp_nsec before;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        jitter[i] = i % 2 ? 20 : 0;
    b = rhythm(jitter, 40);
    assert_in_range(beat_tolerance(&b, 0), 30 * MS, 90 * MS);
    for (unsigned i = 0; i < 40; i++)
        jitter[i] = 0;
    b = rhythm(jitter, 40);
    before = b.at;
    for (unsigned i = 0; i < 20; i++) /* twenty at once, the oldest two seconds late */
        beat_heard(&b, before + 19 * T, 1);
    assert_in_range(beat_tolerance(&b, 0), BEAT_LATE_MIN, 2 * BEAT_LATE_MIN);
    assert_in_range(b.at, before + 19 * T, before + 20 * T);
}

static void numbers_that_do_not_fit_the_time_are_not_learnt_from(void **state)
{
    static const int steady[] = {0, 0, 0};
    struct beat b = rhythm(steady, 3);

    (void)state;
    beat_heard(&b, START + 4 * T, UINT64_C(1) << 61);
    assert_true(b.at == START + 5 * T);
    beat_heard(&b, START + 5 * T, 1000);
    assert_true(b.at == START + 6 * T);
    beat_heard(&b, START + 9 * T, 1);
    assert_true(b.at == START + 10 * T);
}

/* A server that is up and sends a beat every second; the newest one came now, and the next regular
 * request is seconds away. */
static void listening(struct clock *c)
{
    clock_up(c, 3);
    c->h.config.check = 10 * SEC;
    health_listen(&c->h, c->now, SEC);
    for (unsigned i = 0; i < 5; i++) {
        c->now += SEC;
        health_beat(&c->h, c->now, c->now, 1, &c->step);
        assert_false(c->step.verdict);
        if (!c->step.probe)
            continue;
        clock_take(c); /* a regular request */
        answer(c, QHCP_SERVING, true);
        c->now -= MS;
    }
}

/* As the first one in the bustle of a start: a verdict must not wait for it. */
static void a_round_trip_that_was_long_once_is_asked_for_until_it_is_right(void **state)
{
    struct clock c;

    (void)state;
    clock_init(&c, 3);
    c.h.config.check = 10 * SEC;
    clock_establish(&c);
    health_listen(&c.h, c.now, SEC);
    c.now += 20 * MS;
    health_answer(&c.h, c.now, c.now, 20 * MS, QHCP_SERVING, true, &c.step);
    assert_false(rtt_settled(&c.h.rtt));
    for (qhcp_nsec end = c.now + 60 * SEC, next = c.now + SEC; c.now < end;) {
        c.now = nsec_min(next, health_deadline(&c.h));
        health_poll(&c.h, c.now, &c.step);
        clock_take(&c);
        if (c.step.probe)
            answer(&c, QHCP_SERVING, true);
        if (c.now < next)
            continue;
        health_beat(&c.h, c.now, c.now, 1, &c.step);
        next += SEC;
    }
    assert_true(rtt_settled(&c.h.rtt));
    assert_int_equal(rtt_fast(&c.h.rtt, SEC), RTT_FAST_MIN);
    assert_in_range(c.probes, 15, 40);
}

static void beats_make_requests_rare(void **state)
{
    struct clock c;

    (void)state;
    listening(&c);
    c.probes = 0;
    for (unsigned i = 0; i < 100; i++) {
        qhcp_nsec next = c.now + SEC;

        while (health_deadline(&c.h) < next) {
            clock_step(&c);
            if (c.step.probe)
                answer(&c, QHCP_SERVING, true);
        }
        c.now = next;
        health_beat(&c.h, c.now, c.now, 1, &c.step);
    }
    assert_in_range(c.probes, 9, 11);
    assert_int_equal(c.h.fails, 0);
}

static void a_beat_that_does_not_come_is_a_miss_and_asks_at_once(void **state)
{
    struct clock c;
    qhcp_nsec last;

    (void)state;
    listening(&c);
    last = c.now;
    c.probes = 0;
    while (c.probes == 0)
        clock_step(&c);
    assert_true(c.now == last + SEC + BEAT_LATE_MIN);
    assert_int_equal(c.h.silence.misses, 1);
    answer(&c, QHCP_SERVING, true);
    assert_int_equal(c.h.silence.misses, 0);
    assert_true(c.h.silence.beat.sent == last + 2 * SEC); /* the next one is expected */
    assert_false(c.step.mute);
}

static void without_an_answer_it_is_a_verdict(void **state)
{
    struct clock c;
    qhcp_nsec last;

    (void)state;
    listening(&c);
    last = c.now;
    assert_true(clock_until(&c, 5 * SEC).verdict);
    assert_int_equal(c.h.state, QHCP_DOWN);
    assert_int_equal(c.h.cause, HEALTH_CAUSE_SILENCE);
    assert_true(c.now < last + SEC + 200 * MS);
}

static void a_beat_ends_a_silence_of_beats_and_none_of_requests(void **state)
{
    struct clock c;

    (void)state;
    listening(&c);
    while (c.h.silence.misses == 0)
        clock_step(&c);
    c.now += MS;
    health_beat(&c.h, c.now, c.now, 1, &c.step); /* late, or found its way again */
    assert_int_equal(c.h.silence.misses, 0);
    assert_true(c.step.probe); /* is the way to it open, too? */
    clock_take(&c);
    answer(&c, QHCP_SERVING, true);
    health_ask(&c.h, c.now); /* a request that nobody answers, and beats as ever */
    c.probes = 0;
    for (unsigned i = 0; i < 20 && c.h.state == QHCP_UP; i++) {
        qhcp_nsec next = c.h.beat.at;

        while (c.h.state == QHCP_UP && health_deadline(&c.h) < next)
            clock_step(&c);
        c.now = next;
        health_beat(&c.h, c.now, c.now, 1, &c.step);
    }
    assert_int_equal(c.h.state, QHCP_DOWN);
}

static void ten_beats_that_do_not_come_are_a_broken_promise(void **state)
{
    struct clock c;
    unsigned n = 0;

    (void)state;
    listening(&c);
    do {
        c.probes = 0;
        while (c.probes == 0)
            clock_step(&c);
        answer(&c, QHCP_SERVING, true);
        n++;
    } while (!c.step.mute && n < 100);
    assert_in_range(n, BEAT_BROKEN, BEAT_BROKEN + 2); /* a regular request or two among them */
    health_listen(&c.h, c.now, 0);
    c.probes = 0;
    while (c.probes == 0)
        clock_step(&c);
    assert_int_equal(c.h.silence.misses, 0);
    assert_int_equal(c.h.state, QHCP_UP);
}

/* f where one way in each direction loses q, or where only requests get lost. */
static double share(double to, double from)
{
    uint64_t seed = 1;
    struct loss l;

    loss_init(&l);
    for (unsigned i = 0; i < 20000; i++) {
        struct loss_silence s = {.head = 10 * MS, .length = 10 * MS};
        bool request = i % 10 == 0;

        for (;;) {
            double chance;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            chance = (double)(seed >> 11) / 9007199254740992.0;
            if (chance >= (request ? 1 - (1 - to) * (1 - from) : from))
                break;
            s.misses++;
            s.beats += !request;
            request = true; /* a request follows, at once */
        }
        if (s.misses > 0)
            loss_silence(&l, START + i * T, &s);
        else if (request)
            loss_answered(&l);
        else
            loss_beat(&l);
    }
    return loss_share(&l) / 10000.0;
}

/* Requests take two ways and beats one: a path must not look better for beats than it is. */
static void beats_do_not_hide_what_a_request_loses(void **state)
{
    (void)state;
    assert_true(share(.2, .2) > .3);    /* .36 */
    assert_true(share(.05, .05) > .07); /* .0975 */
    assert_true(share(.4, 0) > .3);     /* .4, though every beat comes */
    assert_true(share(0, 0) < .01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_beat_is_due_an_interval_after_the_slot_of_the_one_before),
        cmocka_unit_test(jitter_makes_tolerant_and_what_was_held_up_together_does_not),
        cmocka_unit_test(numbers_that_do_not_fit_the_time_are_not_learnt_from),
        cmocka_unit_test(a_round_trip_that_was_long_once_is_asked_for_until_it_is_right),
        cmocka_unit_test(beats_make_requests_rare),
        cmocka_unit_test(a_beat_that_does_not_come_is_a_miss_and_asks_at_once),
        cmocka_unit_test(without_an_answer_it_is_a_verdict),
        cmocka_unit_test(a_beat_ends_a_silence_of_beats_and_none_of_requests),
        cmocka_unit_test(ten_beats_that_do_not_come_are_a_broken_promise),
        cmocka_unit_test(beats_do_not_hide_what_a_request_loses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
