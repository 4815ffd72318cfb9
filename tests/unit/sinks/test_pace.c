/* When nginx is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "sinks/nginx_pace.h"

#define MS NSEC_PER_MSEC
#define EVERY (5 * NSEC_PER_SEC)
#define START (100 * NSEC_PER_SEC)

static void the_first_is_told_at_once_and_then_one_in_every(void **state)
{
    struct nginx_pace p = {.every = EVERY};

    (void)state;
    assert_true(nginx_pace_next(&p, START, false) <= START);
    nginx_pace_begun(&p, START, false);
    assert_int_equal(nginx_pace_next(&p, START + 1, false), START + EVERY);
}

static void a_dead_server_waits_half_a_second_at_most(void **state)
{
    struct nginx_pace p = {.every = EVERY};

    (void)state;
    nginx_pace_begun(&p, START, false);
    assert_int_equal(nginx_pace_next(&p, START + 1, true), START + 500 * MS);
    nginx_pace_begun(&p, START + 500 * MS, true);
    assert_int_equal(nginx_pace_next(&p, START + 600 * MS, true), START + 1000 * MS);
}

/* The gaps of a storm in which somebody is always dead: how many reloads in a minute? */
static void a_storm_is_told_ever_more_rarely(void **state)
{
    struct nginx_pace p = {.every = EVERY};
    qhcp_nsec now = START;
    unsigned n = 0;

    (void)state;
    while (now < START + 60 * NSEC_PER_SEC) {
        qhcp_nsec next = nginx_pace_next(&p, now, true);

        now = next > now ? next : now;
        nginx_pace_begun(&p, now, true);
        n++;
    }
    assert_in_range(n, 12, 17); /* without any haste 12 */
    now += 2 * EVERY;           /* it is over */
    nginx_pace_begun(&p, now, false);
    assert_int_equal(nginx_pace_next(&p, now, true), now + 500 * MS);
}

static void changes_that_can_wait_do_not_make_a_dead_server_wait(void **state)
{
    struct nginx_pace p = {.every = EVERY};
    qhcp_nsec now = START;

    (void)state;
    for (int i = 0; i < 20; i++, now += EVERY)
        nginx_pace_begun(&p, now, false);
    assert_int_equal(nginx_pace_next(&p, now, true), now - EVERY + 500 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_told_at_once_and_then_one_in_every),
        cmocka_unit_test(a_dead_server_waits_half_a_second_at_most),
        cmocka_unit_test(a_storm_is_told_ever_more_rarely),
        cmocka_unit_test(changes_that_can_wait_do_not_make_a_dead_server_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
