/* The burst that ICMP provokes: every short history of it, and what must hold after each step. */
#include "health/burst.h"

#include "walk.h"

#define SRTT (2 * MS)
#define WAIT (23 * MS)        /* for answers, the server's bound included */
#define WAIT_CERTAIN (3 * MS) /* and without it */
#define SIZE 2                /* short enough for a whole burst within a history */

enum event {
    ICMP,
    CERTAIN_ICMP,
    SENT,
    TAKE_BACK,
    ANSWER,
    JUDGE,
    JUDGE_EXCUSED,
    A_SPACING_LATER,
    A_WAIT_LATER,
    A_PAUSE_LATER,
    EVENTS,
};

enum { LENGTH = 6 };

struct world {
    struct burst b;
    qhcp_nsec now;
    qhcp_nsec began;    /* the newest burst; 0: none yet */
    qhcp_nsec first;    /* when its first probe left */
    unsigned due, gone; /* of the newest burst: probes that it is to send; that have left */
    bool may_be_certain;
    bool just_sent; /* the newest event was a probe of the burst's */
};

static void icmp(struct world *w)
{
    bool may = !w->b.active && (w->began == 0 || w->now >= w->began + BURST_PAUSE);

    assert_int_equal(burst_begin(&w->b, w->now, SIZE), may);
    if (!may)
        return;
    w->began = w->now;
    w->due = SIZE;
    w->gone = 0;
    w->may_be_certain = false;
    assert_false(w->b.certain);
}

static void certain_icmp(struct world *w)
{
    if (!w->b.active)
        return; /* the owner takes it for ICMP */
    if (w->gone > 0 && w->now >= w->first + SRTT / 2)
        w->may_be_certain = true;
    burst_provoked(&w->b, w->now, SRTT, WAIT_CERTAIN);
    assert_int_equal(w->b.certain, w->may_be_certain);
}

static void sent(struct world *w)
{
    qhcp_nsec wait = w->b.certain ? WAIT_CERTAIN : WAIT;
    bool its = w->b.active && w->gone < w->due;

    assert_int_equal(burst_sent(&w->b, w->now, wait), its);
    w->first = its && w->gone == 0 ? w->now : w->first;
    w->gone += its;
    w->just_sent = its;
}

static void judge(struct world *w, bool excuse)
{
    qhcp_nsec wait = w->b.certain ? WAIT_CERTAIN : WAIT;
    bool time = w->b.active && w->gone == w->due && w->now >= w->b.last + wait;
    enum burst_verdict v = burst_judge(&w->b, w->now, excuse);

    assert_int_equal(v, !time ? BURST_OPEN : excuse ? BURST_ONCE_MORE : BURST_CONVICTS);
    w->due += v == BURST_ONCE_MORE;
    if (v == BURST_CONVICTS)
        burst_end(&w->b); /* as its owner does */
}

static void happen(struct world *w, enum event event)
{
    bool just_sent = w->just_sent;

    w->just_sent = false;
    if (event == ICMP)
        icmp(w);
    else if (event == CERTAIN_ICMP)
        certain_icmp(w);
    else if (event == SENT)
        sent(w);
    else if (event == TAKE_BACK && just_sent) {
        burst_take_back(&w->b);
        w->gone--;
    } else if (event == ANSWER)
        burst_end(&w->b);
    else if (event == JUDGE || event == JUDGE_EXCUSED)
        judge(w, event == JUDGE_EXCUSED);
    else
        w->now += event == A_SPACING_LATER ? BURST_SPACING
                  : event == A_WAIT_LATER  ? WAIT
                                           : BURST_PAUSE;
}

static void expect_sound(const struct world *w)
{
    const struct burst *b = &w->b;

    if (!b->active)
        assert_true(b->left == 0 && b->convict_at == NSEC_NEVER);
    else
        assert_int_equal(b->left, w->due - w->gone);
    assert_int_equal(b->convict_at != NSEC_NEVER, b->active && b->left == 0);
}

static void every_short_history_is_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < walk_histories(EVENTS, LENGTH); i++) {
        struct world w = {.now = START};
        unsigned rest = i;

        burst_init(&w.b);
        for (unsigned k = 0; k < LENGTH; k++, rest /= EVENTS) {
            happen(&w, (enum event)(rest % EVENTS));
            expect_sound(&w);
        }
    }
}

static void a_burst_convicts_when_its_last_probe_has_had_its_time(void **state)
{
    struct burst b;

    (void)state;
    burst_init(&b);
    assert_true(burst_begin(&b, START, 3));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(b.convict_at == NSEC_NEVER);
        assert_true(burst_sent(&b, START + i * BURST_SPACING, WAIT));
    }
    assert_true(b.convict_at == START + 2 * BURST_SPACING + WAIT);
    assert_int_equal(burst_judge(&b, b.convict_at - 1, false), BURST_OPEN);
    assert_int_equal(burst_judge(&b, b.convict_at, false), BURST_CONVICTS);
}

/* Half a round trip after the first probe: sooner it cannot be what the burst provoked. */
static void certain_icmp_shortens_the_wait_unless_it_came_too_soon(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct burst b;

        burst_init(&b);
        burst_begin(&b, START, 1);
        burst_sent(&b, START, WAIT);
        burst_provoked(&b, START + SRTT / 2 - 1 + late, SRTT, WAIT_CERTAIN);
        assert_true(b.convict_at == START + (late ? WAIT_CERTAIN : WAIT));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_history_is_sound),
        cmocka_unit_test(a_burst_convicts_when_its_last_probe_has_had_its_time),
        cmocka_unit_test(certain_icmp_shortens_the_wait_unless_it_came_too_soon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
