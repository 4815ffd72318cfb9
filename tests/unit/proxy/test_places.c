/* Places among threads: never one too many, and nobody who waits is forgotten. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "proxy/places.h"

enum { THREADS = 4, ROUNDS = 50000, MOST = 2 };

static struct places places;
static _Atomic int held, above;
static _Atomic unsigned woken[64];

static void on_wake(void *ctx, unsigned thread)
{
    (void)ctx;
    atomic_fetch_add(&woken[thread], 1);
}

static int setup(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 64; i++)
        woken[i] = 0;
    places = (struct places){.most = MOST, .wake = on_wake};
    return 0;
}

static void who_found_none_is_woken_once_when_one_is_given_back(void **state)
{
    (void)state;
    assert_true(places_take(&places, 0));
    assert_true(places_take(&places, 63));
    assert_false(places_waits(&places, 63));
    assert_false(places_take(&places, 5));
    assert_false(places_take(&places, 63));
    assert_true(places_waits(&places, 5));
    assert_int_equal(woken[5], 0);
    places_give_back(&places);
    assert_int_equal(woken[5], 1);
    assert_int_equal(woken[63], 1);
    assert_int_equal(woken[0], 0);
    assert_false(places_waits(&places, 5));
    places_give_back(&places);
    assert_int_equal(woken[5], 1);
    assert_true(places_take(&places, 5));
}

static void *come_and_go(void *arg)
{
    unsigned index = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned before = atomic_load(&woken[index]);

        while (!places_take(&places, index)) /* a wake that is missed would never end this */
            while (atomic_load(&woken[index]) == before) {
            }
        if (atomic_fetch_add(&held, 1) >= MOST)
            atomic_store(&above, 1);
        atomic_fetch_sub(&held, 1);
        places_give_back(&places);
    }
    return NULL;
}

static void threads_together_have_no_more_than_there_are_and_all_have_their_turn(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(above, 0);
    assert_int_equal(places.taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(who_found_none_is_woken_once_when_one_is_given_back, setup),
        cmocka_unit_test_setup(threads_together_have_no_more_than_there_are_and_all_have_their_turn,
                               setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
