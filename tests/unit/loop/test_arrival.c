/* The kernel's time stamps, on the monotonic clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/arrival.h"

#define SEC NSEC_PER_SEC
#define MS NSEC_PER_MSEC
#define WALL (1800000000 * SEC) /* the wall clock is ahead by so much */

static struct timespec wall(qhcp_nsec at)
{
    return (struct timespec){.tv_sec = (time_t)(at / SEC), .tv_nsec = (long)(at % SEC)};
}

static void compare(struct arrival_clock *c, qhcp_nsec now, qhcp_nsec ahead)
{
    struct timespec t = wall(now + ahead);

    arrival_compare(c, now, &t);
}

static qhcp_nsec stamped(const struct arrival_clock *c, qhcp_nsec at, qhcp_nsec ahead)
{
    struct timespec t = wall(at + ahead);

    return arrival_time(c, &t);
}

static void a_stamp_tells_the_monotonic_time(void **state)
{
    struct arrival_clock c = {0};

    (void)state;
    assert_int_equal(stamped(&c, 7 * SEC, WALL), 0); /* the clocks were never compared */
    compare(&c, 10 * SEC, WALL);
    assert_int_equal(stamped(&c, 10 * SEC - 7 * MS, WALL), 10 * SEC - 7 * MS);
    assert_int_equal(stamped(&c, 10 * SEC + 1, WALL), 10 * SEC); /* never after now */
    assert_int_equal(stamped(&c, 0, 1), 10 * SEC);               /* nor before all time */
}

static void slewing_is_followed(void **state)
{
    struct arrival_clock c = {0};
    qhcp_nsec ahead = WALL;

    (void)state;
    for (unsigned i = 1; i < 1000; i++, ahead += SEC / 2000) { /* the most that the kernel does */
        compare(&c, i * SEC, ahead);
        assert_int_equal(stamped(&c, i * SEC - MS, ahead), i * SEC - MS);
    }
}

/* What waited while the clock was set has a stamp of the other time, in the batches after it too.
 */
static void a_step_makes_all_stamps_unknown_until_those_from_before_are_read(void **state)
{
    static const int64_t steps[] = {3600 * (int64_t)SEC, -3600 * (int64_t)SEC, 5 * (int64_t)MS,
                                    -5 * (int64_t)MS};

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct arrival_clock c = {0};
        qhcp_nsec ahead = WALL + (qhcp_nsec)steps[i];

        compare(&c, 10 * SEC, WALL);
        compare(&c, 10 * SEC + 8 * MS, ahead);
        assert_int_equal(stamped(&c, 10 * SEC + MS, WALL), 0);
        compare(&c, 10 * SEC + 9 * MS, ahead);
        assert_int_equal(stamped(&c, 10 * SEC + MS, WALL), 0);
        assert_int_equal(stamped(&c, 10 * SEC + 8 * MS, ahead), 0);
        compare(&c, 11 * SEC + 8 * MS, ahead);
        assert_int_equal(stamped(&c, 11 * SEC, ahead), 11 * SEC);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_tells_the_monotonic_time),
        cmocka_unit_test(slewing_is_followed),
        cmocka_unit_test(a_step_makes_all_stamps_unknown_until_those_from_before_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
