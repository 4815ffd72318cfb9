/* Panic: when it is, and which servers are to be used then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fleet/panic.h"

#define STATES (QHCP_DOWN + 1)

static void panic_begins_below_its_threshold_and_ends_above_it(void **state)
{
    (void)state;
    assert_false(panic_next(false, 50, 100, 50));
    assert_true(panic_next(false, 49, 100, 50));
    assert_true(panic_next(true, 54, 100, 50));
    assert_false(panic_next(true, 55, 100, 50));
    assert_false(panic_next(true, 1, 1, 99)); /* all are healthy, whatever the margin */
    assert_true(panic_next(false, 0, 1, 1));
    assert_false(panic_next(true, 0, 100, 0)); /* turned off */
    assert_false(panic_next(true, 0, 0, 50));
}

static void every_state_in_every_mode(void **state)
{
    /* In panic with mode all: a server that was verified and did not leave. */
    static const unsigned all[STATES] = {
        [QHCP_CONNECTING] = 0, [QHCP_UP] = 1000,       [QHCP_DEGRADED] = 1000,
        [QHCP_DRAINING] = 0,   [QHCP_MAINTENANCE] = 0, [QHCP_DOWN] = 1000,
    };

    (void)state;
    for (unsigned s = 0; s < STATES; s++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            const struct panic_standing standing = {.verified = bits & 1, .left = bits & 2};
            bool good = standing.verified && !standing.left;

            for (unsigned weight = 0; weight <= 1000; weight += 250) {
                assert_int_equal(panic_share(QHCP_USE_HEALTHY, &standing, s, weight), weight);
                assert_int_equal(panic_share(QHCP_USE_NONE, &standing, s, weight), 0);
                assert_int_equal(panic_share(QHCP_USE_ALL, &standing, s, weight),
                                 good ? all[s] : 0);
            }
        }
    }
}

static unsigned in_panic(const struct panic_standing *s, enum qhcp_state state)
{
    return panic_share(QHCP_USE_ALL, s, state, 0);
}

static void who_left_on_purpose_is_not_used_before_it_has_served_again(void **state)
{
    static const enum qhcp_state purposes[] = {QHCP_DRAINING, QHCP_MAINTENANCE};
    static const enum qhcp_state returns[] = {QHCP_UP, QHCP_DEGRADED};
    struct panic_standing s = {.verified = true};

    (void)state;
    panic_state(&s, QHCP_UP);
    panic_state(&s, QHCP_DOWN);
    assert_int_equal(in_panic(&s, QHCP_DOWN), 1000);
    for (unsigned i = 0; i < 2; i++) {
        panic_state(&s, purposes[i]);
        panic_state(&s, QHCP_DOWN); /* switched off */
        assert_int_equal(in_panic(&s, QHCP_DOWN), 0);
        panic_state(&s, QHCP_CONNECTING);
        panic_state(&s, QHCP_DOWN);
        assert_int_equal(in_panic(&s, QHCP_DOWN), 0);
        panic_state(&s, returns[i]);
        assert_int_equal(in_panic(&s, returns[i]), 1000);
        panic_state(&s, QHCP_DOWN);
        assert_int_equal(in_panic(&s, QHCP_DOWN), 1000);
    }
}

static void a_server_of_which_nothing_is_known_is_not_used(void **state)
{
    struct panic_standing s = {0};

    (void)state;
    panic_state(&s, QHCP_DOWN);
    assert_int_equal(in_panic(&s, QHCP_DOWN), 0);
    assert_int_equal(in_panic(&s, QHCP_CONNECTING), 0);
    s.verified = true;
    assert_int_equal(in_panic(&s, QHCP_CONNECTING), 0);
    assert_int_equal(in_panic(&s, QHCP_DOWN), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panic_begins_below_its_threshold_and_ends_above_it),
        cmocka_unit_test(every_state_in_every_mode),
        cmocka_unit_test(who_left_on_purpose_is_not_used_before_it_has_served_again),
        cmocka_unit_test(a_server_of_which_nothing_is_known_is_not_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
