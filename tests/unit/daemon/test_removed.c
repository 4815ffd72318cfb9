/* Servers that are removed while connections go to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "daemon/removed.h"
#include "proxy/proxy.h"

#define MANY 50000
#define TURNS 10000

static size_t evicted[4], n_evicted;

/* Instead of the forwarder's: one connection to each. */
uint32_t proxy_in_flight(const struct proxy *p, size_t id)
{
    (void)p;
    return id > 0;
}

void proxy_evict(struct proxy *p, size_t id, enum proxy_end how)
{
    (void)p;
    assert_int_equal(how, PROXY_DRAINED);
    evicted[n_evicted++] = id;
}

static void each_ends_at_its_own_time(void **state)
{
    struct removed_all all = {.first = NULL};

    (void)state;
    assert_true(removed_deadline(&all) == NSEC_NEVER);
    removed_add(&all, 1, "192.0.2.1:1", 30);
    removed_add(&all, 2, "192.0.2.2:1", 10);
    removed_add(&all, 3, "192.0.2.3:1", 20);
    assert_true(removed_deadline(&all) == 10);
    removed_expire(&all, 9, NULL);
    assert_int_equal(n_evicted, 0);
    removed_expire(&all, 10, NULL);
    assert_int_equal(n_evicted, 1);
    assert_int_equal(evicted[0], 2);
    assert_true(removed_deadline(&all) == 20);
    removed_expire(&all, 30, NULL);
    assert_int_equal(n_evicted, 3);
    assert_true(removed_deadline(&all) == NSEC_NEVER);
    removed_add(&all, 4, "192.0.2.4:1", 40);
    assert_true(removed_deadline(&all) == 40);
    removed_free(&all);
    assert_true(removed_deadline(&all) == NSEC_NEVER);
}

/* Our own CPU time, whatever others do meanwhile. */
static double cpu_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The loop asks for the deadline before every wait: a walk over all would be seconds here. */
static void many_cost_nothing_while_they_wait(void **state)
{
    struct removed_all all = {.first = NULL};
    double begun;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        removed_add(&all, i, "192.0.2.1:1", 1000 + i);
    begun = cpu_seconds();
    for (unsigned i = 0; i < TURNS; i++) {
        assert_true(removed_deadline(&all) == 1000);
        removed_expire(&all, 999, NULL);
    }
    assert_true(cpu_seconds() - begun < 0.2);
    removed_free(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ends_at_its_own_time),
        cmocka_unit_test(many_cost_nothing_while_they_wait),
    };

    return cmocka_run_group_tests_name("daemon-removed", tests, NULL, NULL);
}
