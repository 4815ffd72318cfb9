#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/prng.h"
#include "base/wheel.h"

#define N 500
#define TICK ((qhcp_nsec)1 << WHEEL_TICK_BITS)

struct world {
    struct wheel wheel;
    struct wheel_timer timers[N];
    size_t n;
    struct prng random;
};

static void begin(struct world *w, size_t n, uint64_t seed)
{
    *w = (struct world){.n = n, .random = {seed}};
    assert_int_equal(wheel_reserve(&w->wheel, n), 0);
}

static uint64_t chance(struct world *w, uint64_t below)
{
    return prng_next(&w->random) % below;
}

/* Far and near, on ticks and beside them, past and at once. */
static qhcp_nsec some_time(struct world *w, qhcp_nsec now)
{
    qhcp_nsec ahead = chance(w, UINT64_C(1) << chance(w, 63));

    switch (chance(w, 8)) {
    case 0:
        return now - (ahead < now ? ahead : now);
    case 1:
        return (nsec_add(now, ahead) >> WHEEL_TICK_BITS) << WHEEL_TICK_BITS;
    case 2:
        return now;
    case 3:
        return chance(w, 50) == 0 ? NSEC_NEVER - 1 : nsec_add(now, TICK * 8);
    default:
        return nsec_min(nsec_add(now, ahead), NSEC_NEVER - 1);
    }
}

/* By looking at all of them. */
static qhcp_nsec least(const struct world *w)
{
    qhcp_nsec at = NSEC_NEVER;

    for (size_t i = 0; i < w->n; i++)
        if (w->timers[i].place > 0)
            at = nsec_min(at, w->timers[i].at);
    return at;
}

static void compare(struct world *w, qhcp_nsec now)
{
    qhcp_nsec at = least(w), told = wheel_deadline(&w->wheel);
    struct wheel_timer *due = wheel_due(&w->wheel, now);

    assert_true(told <= at); /* never late ... */
    assert_true((told == NSEC_NEVER) == (at == NSEC_NEVER));
    assert_true((due != NULL) == (at <= now)); /* ... and none early */
    assert_true(!due || due->at <= now);
    /* Once the wheel has come to now, it is exact where that matters. */
    told = wheel_deadline(&w->wheel);
    assert_true(told <= at);
    assert_true(told == at || told > now);
    if (at < now / TICK / WHEEL_SLOTS * TICK * WHEEL_SLOTS + TICK * WHEEL_SLOTS)
        assert_true(told == at);
}

static void anything(size_t n, uint64_t seed, unsigned rounds, unsigned step_bits)
{
    static struct world w;
    qhcp_nsec now = seed % 3 == 0 ? 0 : UINT64_C(34000000000000);

    begin(&w, n, seed);
    for (unsigned round = 0; round < rounds; round++) {
        struct wheel_timer *t = &w.timers[chance(&w, n)];

        wheel_set(&w.wheel, t, chance(&w, 4) == 0 ? NSEC_NEVER : some_time(&w, now));
        if (chance(&w, 3) == 0)
            now = nsec_min(nsec_add(now, chance(&w, UINT64_C(1) << chance(&w, step_bits))),
                           NSEC_NEVER - 1);
        compare(&w, now);
        if ((t = wheel_due(&w.wheel, now)) && chance(&w, 2) == 0)
            wheel_set(&w.wheel, t, some_time(&w, now));
        compare(&w, now);
    }
    wheel_deinit(&w.wheel);
}

static void it_is_as_if_all_were_looked_at(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        anything(5, seed, 4000, 34);
        anything(WHEEL_FEW + 1, seed, 8000, 34);
        anything(N, seed, 4000, 30);
        anything(60, seed, 2000, 60); /* the clock jumps far ahead, up to the end of time */
    }
}

static void a_wheel_that_grows_keeps_what_is_in_it(void **state)
{
    static struct world w;
    qhcp_nsec now = 5 * NSEC_PER_SEC;

    (void)state;
    begin(&w, 3, 5);
    for (size_t n = 3; n < N; n++) {
        assert_int_equal(wheel_reserve(&w.wheel, n), 0);
        w.n = n;
        wheel_set(&w.wheel, &w.timers[n - 1], some_time(&w, now));
        compare(&w, now);
        assert_int_equal(w.wheel.count, n - 2);
    }
    wheel_deinit(&w.wheel);
}

/* Whoever sleeps until wheel_deadline acts to the nanosecond, and is seldom woken for nothing. */
static void each_is_acted_on_when_it_is_due(void **state)
{
    static struct world w;
    qhcp_nsec now = UINT64_C(34000000000000);
    unsigned acted = 0, woken = 0;

    (void)state;
    begin(&w, N, 11);
    for (size_t i = 0; i < N; i++)
        wheel_set(&w.wheel, &w.timers[i], now + chance(&w, NSEC_PER_SEC));
    while (acted < 20000) {
        struct wheel_timer *t;

        now = nsec_max(now, wheel_deadline(&w.wheel));
        woken++;
        while ((t = wheel_due(&w.wheel, now))) {
            assert_true(t->at == now);
            acted++;
            wheel_set(&w.wheel, t, now + 1 + chance(&w, 10 * NSEC_PER_SEC));
        }
    }
    assert_in_range(woken, acted, acted + acted / 10);
    wheel_deinit(&w.wheel);
}

static void what_is_due_for_longest_comes_first(void **state)
{
    static struct world w;
    qhcp_nsec tick = 0;

    (void)state;
    begin(&w, N, 13);
    for (size_t i = 0; i < N; i++)
        wheel_set(&w.wheel, &w.timers[i], 1 + chance(&w, NSEC_PER_SEC));
    for (size_t i = 0; i < N; i++) {
        struct wheel_timer *t = wheel_due(&w.wheel, 3 * NSEC_PER_SEC);

        assert_non_null(t);
        assert_true(t->at / TICK >= tick);
        tick = t->at / TICK;
        wheel_set(&w.wheel, t, NSEC_NEVER);
    }
    assert_int_equal(w.wheel.count, 0);
    wheel_deinit(&w.wheel);
}

static void the_upcoming_one_is_the_next(void **state)
{
    static struct world w;
    unsigned guessed = 0;

    (void)state;
    begin(&w, N, 17);
    for (size_t i = 0; i < N; i++)
        wheel_set(&w.wheel, &w.timers[i], 8 * NSEC_PER_MSEC * (1 + i / 100));
    for (size_t i = 0; i < N; i++) {
        struct wheel_timer *t = wheel_due(&w.wheel, NSEC_PER_SEC);
        struct wheel_timer *next = wheel_upcoming(&w.wheel, t);

        wheel_set(&w.wheel, t, 2 * NSEC_PER_SEC);
        if (next) {
            assert_ptr_equal(wheel_due(&w.wheel, NSEC_PER_SEC), next);
            guessed++;
        }
    }
    assert_int_equal(guessed, N - 5);
    wheel_deinit(&w.wheel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_as_if_all_were_looked_at),
        cmocka_unit_test(a_wheel_that_grows_keeps_what_is_in_it),
        cmocka_unit_test(each_is_acted_on_when_it_is_due),
        cmocka_unit_test(what_is_due_for_longest_comes_first),
        cmocka_unit_test(the_upcoming_one_is_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
