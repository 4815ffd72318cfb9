/* When a server is dialled, and dialled again. */
#include "health/dial.h"

#include "walk.h"

static void each_failure_doubles_the_pause_up_to_the_interval(void **state)
{
    static const unsigned pauses[] = {50, 100, 200, 400, 800, 1000, 1000};

    (void)state;
    for (unsigned i = 0; i < 7; i++)
        assert_true(dial_retry(START, SEC, i) == START + pauses[i] * MS);
    assert_true(dial_retry(START, 10 * MS, 0) == START + DIAL_RETRY); /* not faster than that */
    assert_true(dial_retry(START, NSEC_NEVER, 1000) == START + (DIAL_RETRY << 20));
    assert_true(dial_retry(NSEC_NEVER - 1, SEC, 3) == NSEC_NEVER);
}

static void
a_server_that_is_down_is_dialled_at_its_interval_from_beginning_to_beginning(void **state)
{
    struct dial d = {0};

    (void)state;
    dial_begin(&d, START);
    assert_true(dial_timeout(&d) == START + DIAL_TIMEOUT);
    assert_true(dial_reconnect(&d, START + 10 * MS, SEC) == START + SEC);
    assert_true(dial_reconnect(&d, START + 5 * SEC, SEC) == START + 5 * SEC + DIAL_RETRY);
}

static void connections_that_end_every_time_are_redialled_no_faster_than_the_interval(void **state)
{
    struct dial d = {0};

    (void)state;
    assert_true(dial_again(&d, START, 100 * MS) == START);
    assert_true(dial_again(&d, START + MS, 100 * MS) == START + 100 * MS);
    assert_true(dial_again(&d, START + 101 * MS, 100 * MS) == START + 200 * MS);
    assert_true(dial_again(&d, START + SEC, 3600 * SEC) == START + SEC);
    assert_true(dial_again(&d, START + SEC, SEC) == START + 2 * SEC); /* a second at most */
}

/* Dialling or not, by a return or not, and how long ago: each with its answer. */
static void a_return_leaves_an_attempt_alone_that_began_lately(void **state)
{
    static const qhcp_nsec ages[] = {0, DIAL_RETRY - 1, DIAL_RETRY, DIAL_RETURN - 1, DIAL_RETURN};

    (void)state;
    for (unsigned by_return = 0; by_return < 2; by_return++) {
        for (unsigned dialing = 0; dialing < 2; dialing++) {
            for (unsigned i = 0; i < 5; i++) {
                qhcp_nsec alone = by_return ? DIAL_RETURN : DIAL_RETRY;
                bool now = !dialing || ages[i] >= alone;
                struct dial d = {.returned = by_return};

                dial_begin(&d, START);
                assert_false(d.returned);
                assert_int_equal(d.by_return, by_return);
                assert_int_equal(dial_returned(&d, START + ages[i], dialing), now);
                assert_int_equal(d.returned, now);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_doubles_the_pause_up_to_the_interval),
        cmocka_unit_test(
            a_server_that_is_down_is_dialled_at_its_interval_from_beginning_to_beginning),
        cmocka_unit_test(connections_that_end_every_time_are_redialled_no_faster_than_the_interval),
        cmocka_unit_test(a_return_leaves_an_attempt_alone_that_began_lately),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
