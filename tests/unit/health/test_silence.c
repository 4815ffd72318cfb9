/* The probes of one session and their silence: every short history of it, and what must hold after
 * each step; then its rules one by one. */
#include "health/silence.h"

#include "walk.h"

#define TIMEOUT (20 * MS)
#define FAST (10 * MS)
#define LONG (50 * MS)
#define FALL 2
#define WINDOW (15 * MS)

static const struct silence_waits waits = {
    .timeout = TIMEOUT, .fast = FAST, .interval = SEC, .patience = 1};

static const struct silence_terms well = {
    .demand = {.misses = FALL, .window = WINDOW, .spacing = FAST},
    .fall = FALL,
    .ceiling = 2 * SEC};

enum event {
    SENT,
    SENT_BEFORE_ANY_ANSWER, /* with a longer time-out */
    TAKE_BACK,
    OLDEST_ANSWERED,
    NEWEST_ANSWERED,
    BURST_UNHEARD,
    FORGET,
    JUDGE, /* these at the next time-out, if there is one */
    JUDGE_LATE,
    JUDGE_ILL,
    JUDGE_BLOCKED,
    JUDGE_WHILE_OTHERS_ARE_ASKED,
    EVENTS,
};

enum fate { OPEN, ANSWERED, TAKEN_BACK, MISSED, FORGIVEN };

enum { LENGTH = 6 };

struct world {
    struct silence s;
    qhcp_nsec now;
    qhcp_nsec sent[LENGTH]; /* each at a time of its own */
    enum fate fate[LENGTH];
    unsigned n;
    bool convicted;
};

static unsigned count(const struct world *w, enum fate fate)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->n; i++)
        n += w->fate[i] == fate;
    return n;
}

/* Nothing is held against the server any more. */
static void forgive(struct world *w)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->fate[i] == MISSED)
            w->fate[i] = FORGIVEN;
}

static void answered(struct world *w, bool oldest)
{
    unsigned i = 0, last = w->n - 1;

    if (w->s.n_open == 0)
        return;
    while (w->fate[i] != OPEN)
        i++;
    while (w->fate[last] != OPEN)
        last--;
    i = oldest ? i : last;
    silence_answered(&w->s, w->sent[i], 0);
    silence_acquit(&w->s);
    for (unsigned k = 0; k <= i; k++)
        w->fate[k] = w->fate[k] == OPEN ? ANSWERED : w->fate[k];
    forgive(w);
}

static unsigned place(const struct world *w, qhcp_nsec sent)
{
    unsigned i = 0;

    while (w->sent[i] != sent)
        i++;
    return i;
}

/* The probes whose time had come: told is how many of them were reported, held: against the server.
 * Without a conviction they are all of them or none. */
static void settle(struct world *w, const struct silence *before, const struct silence_report *r,
                   bool told, bool held)
{
    unsigned n = 0;

    for (unsigned i = 0; i < before->n_open; i++) {
        unsigned k = place(w, before->open[i].sent);

        assert_int_equal(w->fate[k], OPEN); /* neither answered nor missed before */
        if (before->open[i].due > w->now || (r->convicts && n == r->n))
            continue;
        w->fate[k] = held ? MISSED : FORGIVEN;
        if (told)
            assert_true(r->missed[n] == w->sent[k]);
        n += told;
    }
    assert_int_equal(r->n, n);
}

static void expect_conviction(struct world *w, const struct silence_terms *t)
{
    const struct silence *s = &w->s;
    bool by_misses = s->misses >= FALL && s->last - s->first >= nsec_add(WINDOW, t->others);
    bool by_length = s->n_open == 0 && s->unheard >= FALL && w->now - s->since >= t->ceiling;

    assert_true(by_misses || by_length);
    assert_false(t->ill);
    w->convicted = true;
}

static void judge(struct world *w, enum event event)
{
    const struct silence before = w->s;
    bool ill = event == JUDGE_ILL, excuse, late;
    struct silence_terms t = well;
    struct silence_report r;

    if (before.n_open > 0)
        w->now = nsec_max(w->now, before.timeout_at);
    w->now += event == JUDGE_LATE ? SEC : 0;
    late = before.n_open > 0 && (event == JUDGE_LATE || event == JUDGE_BLOCKED);
    excuse = before.n_open > 0 && (ill || (late && !before.excused));
    t.ill = ill;
    t.blocked_at = event == JUDGE_BLOCKED ? w->now : 0;
    t.others = event == JUDGE_WHILE_OTHERS_ARE_ASKED ? 100 * MS : 0;
    t.next = w->now;
    silence_judge(&w->s, w->now, &t, &r);
    settle(w, &before, &r, !(excuse && late), !excuse);
    if (r.convicts) {
        expect_conviction(w, &t);
        return;
    }
    if (excuse)
        forgive(w);
    assert_int_equal(r.hurry, excuse ? !ill : before.misses == 0 && w->s.misses > 0);
}

static void happen(struct world *w, enum event event)
{
    struct silence_waits longer = waits;

    longer.timeout = LONG;
    w->now++; /* no two probes leave at once */
    if (event == SENT || event == SENT_BEFORE_ANY_ANSWER) {
        silence_sent(&w->s, w->now, event == SENT ? &waits : &longer);
        w->sent[w->n] = w->now;
        w->fate[w->n++] = OPEN;
    } else if (event == TAKE_BACK) {
        if (w->n > 0 && w->fate[w->n - 1] == OPEN) {
            silence_take_back(&w->s);
            w->fate[w->n - 1] = TAKEN_BACK;
        }
    } else if (event == OLDEST_ANSWERED || event == NEWEST_ANSWERED) {
        answered(w, event == OLDEST_ANSWERED);
    } else if (event == BURST_UNHEARD) {
        silence_unheard(&w->s, w->now);
    } else if (event == FORGET) {
        silence_forget(&w->s);
        w->n = 0;
    } else {
        judge(w, event);
    }
}

/* The misses that are held against the server are those that are known to be, from the first to the
 * last. */
static void expect_misses(const struct world *w)
{
    qhcp_nsec first = NSEC_NEVER, last = 0;

    for (unsigned i = 0; i < w->n; i++) {
        if (w->fate[i] != MISSED)
            continue;
        first = nsec_min(first, w->sent[i]);
        last = nsec_max(last, w->sent[i]);
    }
    assert_int_equal(w->s.misses, count(w, MISSED));
    assert_true(w->s.misses == 0 || (w->s.first == first && w->s.last == last && w->s.head > 0));
    assert_false(w->s.excused && w->s.misses > 0);
}

static void expect_sound(const struct world *w)
{
    const struct silence *s = &w->s;
    qhcp_nsec timeout_at = NSEC_NEVER;

    for (unsigned i = 0; i < s->n_open; i++) {
        assert_true(i == 0 || s->open[i - 1].sent < s->open[i].sent);
        timeout_at = nsec_min(timeout_at, s->open[i].due);
    }
    assert_true(s->timeout_at == timeout_at);
    assert_int_equal(s->n_open, count(w, OPEN));
    assert_true(s->since == 0 || (s->unheard > 0 && s->since <= w->now));
    expect_misses(w);
}

static void every_short_history_is_sound(void **state)
{
    unsigned convicted = 0;

    (void)state;
    for (unsigned i = 0; i < walk_histories(EVENTS, LENGTH); i++) {
        struct world w = {.now = START};
        unsigned rest = i;

        silence_init(&w.s);
        for (unsigned k = 0; k < LENGTH && !w.convicted; k++, rest /= EVENTS) {
            happen(&w, (enum event)(rest % EVENTS));
            expect_sound(&w);
        }
        convicted += w.convicted;
    }
    assert_true(convicted > 1000); /* the walk gets there */
}

/* A server whose probes leave at START and at once after each miss, and that never answers; the
 * first conviction's time, or 0.  others, ill: as in silence_terms. */
static qhcp_nsec convicted_at(const struct silence_terms *t)
{
    struct silence_report r = {.hurry = true};
    struct silence s;
    qhcp_nsec now = START;

    silence_init(&s);
    for (unsigned i = 0; i < 20; i++) {
        silence_sent(&s, now, &waits);
        now = s.timeout_at;
        silence_judge(&s, now, t, &r);
        if (r.convicts)
            return now;
    }
    return 0;
}

static void a_silence_convicts_once_it_has_its_misses_and_its_length(void **state)
{
    struct silence_terms t = well;

    (void)state;
    assert_true(convicted_at(&t) == START + TIMEOUT + FAST);
    t.demand.misses = t.fall = 4;
    assert_true(convicted_at(&t) == START + TIMEOUT + 3 * FAST);
    t.demand.window = TIMEOUT + 5 * FAST; /* the seventh is sent that long after the first */
    assert_true(convicted_at(&t) == START + TIMEOUT + 6 * FAST);
    t.demand.window = SEC;
    t.ceiling = TIMEOUT;
    assert_true(convicted_at(&t) == START + TIMEOUT + 3 * FAST);
}

static void nothing_more_is_counted_once_it_convicts(void **state)
{
    struct silence_terms t = well;
    struct silence_report r;
    struct silence s;

    (void)state;
    silence_init(&s);
    for (unsigned i = 0; i < 5; i++)
        silence_sent(&s, START + i * MS, &waits);
    t.demand.window = 0;
    silence_judge(&s, START + 30 * MS, &t, &r);
    assert_true(r.convicts);
    assert_int_equal(r.n, FALL);
    assert_int_equal(s.misses, FALL);
}

static void it_waits_for_others_that_are_asked_and_not_for_ever(void **state)
{
    struct silence_terms t = well;

    (void)state;
    t.others = 45 * MS;
    assert_true(convicted_at(&t) == START + TIMEOUT + 5 * FAST);
    t.ill = true;
    assert_true(convicted_at(&t) == 0);
}

static void
probes_after_a_miss_are_as_far_apart_as_is_asked_and_no_farther_than_regular_ones(void **state)
{
    struct silence s = {.misses = 1};
    struct silence_waits w = waits;

    (void)state;
    assert_true(silence_pace(&s, &w) == FAST);
    s.demand.spacing = 3 * FAST;
    assert_true(silence_pace(&s, &w) == 3 * FAST);
    w.patience = 4;
    assert_true(silence_pace(&s, &w) == 12 * FAST);
    w.interval = 11 * FAST;
    assert_true(silence_pace(&s, &w) == 11 * FAST);
}

/* An answer acquits all that was asked before it, and nothing that was asked after. */
static void an_answer_settles_what_was_sent_before_it(void **state)
{
    struct silence s;

    (void)state;
    silence_init(&s);
    for (unsigned i = 0; i < SILENCE_OPEN + 5; i++)
        silence_sent(&s, START + i * MS, &waits);
    assert_int_equal(s.n_open, SILENCE_OPEN);
    silence_answered(&s, START + 3 * MS - 1, 0);
    assert_int_equal(s.n_open, SILENCE_OPEN - 3);
    silence_answered(&s, START + 4 * MS - 1, 1); /* within the slack */
    assert_int_equal(s.n_open, SILENCE_OPEN - 5);
    assert_true(s.timeout_at == START + 5 * MS + TIMEOUT);
}

static void lateness_is_judged_by_up_to_a_limit(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct silence_report r;
        struct silence s;

        silence_init(&s);
        silence_sent(&s, START, &waits);
        silence_judge(&s, START + TIMEOUT + SILENCE_LATE + TIMEOUT / 2 + late, &well, &r);
        assert_int_equal(s.misses, late ? 0 : 1);
        assert_int_equal(r.n, late ? 0 : 1);
        assert_int_equal(s.excused, late);
    }
}

/* Two misses where 64 are asked, and no more can be sent.  late: the owner was, after them. */
static bool convicts_by_length(qhcp_nsec after, qhcp_nsec next, bool late)
{
    struct silence_terms t = well;
    struct silence_report r;
    struct silence s;

    silence_init(&s);
    t.demand.misses = 64;
    for (unsigned i = 0; i < 2; i++) {
        silence_sent(&s, START + i * MS, &waits);
        silence_judge(&s, START + 30 * MS, &t, &r);
    }
    silence_unheard(&s, START - MS); /* a burst's, before them */
    if (late) {
        silence_sent(&s, START + 31 * MS, &waits);
        silence_judge(&s, START + SEC, &t, &r);
    }
    assert_false(r.convicts);
    t.next = next;
    silence_judge(&s, START - MS + after, &t, &r);
    return r.convicts;
}

static void a_silence_that_outlasts_all_that_can_be_sent_convicts(void **state)
{
    const qhcp_nsec most = well.ceiling;

    (void)state;
    assert_true(convicts_by_length(most, START + most, false));
    assert_false(convicts_by_length(most - 1, START + most, false));
    assert_false(convicts_by_length(most, START + most, true)); /* was it silent all the time? */
    assert_true(convicts_by_length(most, START - MS + most - SILENCE_LATE, false));
    assert_false(convicts_by_length(most, START - MS + most - SILENCE_LATE - 1, false));
}

static void doubt_comes_at_a_quarter_and_pressure_at_half(void **state)
{
    struct silence s = {.demand = {.misses = 8, .window = 100 * MS}, .first = START};

    (void)state;
    for (s.misses = 0; s.misses <= 8; s.misses++) {
        assert_int_equal(silence_doubted(&s), s.misses >= 2);
        assert_false(silence_pressed(&s, START + 50 * MS - 1));
        assert_int_equal(silence_pressed(&s, START + 50 * MS), s.misses >= 4);
    }
}

static void a_silence_lasts_from_its_first_misss_sending(void **state)
{
    struct silence s = {.misses = 3, .head = TIMEOUT, .first = START};
    struct loss_silence ended = silence_ended(&s, START + SEC);

    (void)state;
    assert_int_equal(ended.misses, 3);
    assert_true(ended.head == TIMEOUT && ended.length == SEC);
    assert_true(silence_ended(&s, START - 1).length == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_short_history_is_sound),
        cmocka_unit_test(a_silence_convicts_once_it_has_its_misses_and_its_length),
        cmocka_unit_test(nothing_more_is_counted_once_it_convicts),
        cmocka_unit_test(it_waits_for_others_that_are_asked_and_not_for_ever),
        cmocka_unit_test(
            probes_after_a_miss_are_as_far_apart_as_is_asked_and_no_farther_than_regular_ones),
        cmocka_unit_test(an_answer_settles_what_was_sent_before_it),
        cmocka_unit_test(lateness_is_judged_by_up_to_a_limit),
        cmocka_unit_test(a_silence_that_outlasts_all_that_can_be_sent_convicts),
        cmocka_unit_test(doubt_comes_at_a_quarter_and_pressure_at_half),
        cmocka_unit_test(a_silence_lasts_from_its_first_misss_sending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
