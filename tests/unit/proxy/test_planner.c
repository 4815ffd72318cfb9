/* Plans on a thread of their own: the newest table comes in force, whatever was left out. */
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>

#include "proxy/planner.h"
#include "proxy/table.h"

#define SERVERS 500
#define TABLES 300

static struct table t;
static struct planner planner;
static int news;

static void on_published(void *ctx)
{
    const uint64_t one = 1;

    (void)ctx;
    assert_int_equal(write(news, &one, sizeof one), sizeof one);
}

static int setup(void **state)
{
    (void)state;
    rcu_register_thread();
    news = eventfd(0, EFD_CLOEXEC);
    return table_init(&t, balance_find("maglev"));
}

static int teardown(void **state)
{
    (void)state;
    planner_end(&planner);
    rcu_thread_offline();
    table_deinit(&t);
    rcu_unregister_thread();
    close(news);
    return 0;
}

/* Servers 0 to n-1. */
static void publish(qhcp_nsec now, size_t n)
{
    struct proxy_server servers[SERVERS];

    for (size_t i = 0; i < n; i++)
        servers[i] = (struct proxy_server){.id = i,
                                           .key = i * UINT64_C(0x9e3779b97f4a7c15),
                                           .weight = 1,
                                           .share = FLEET_SHARE,
                                           .utilization = FLEET_UNKNOWN,
                                           .rate = FLEET_UNKNOWN,
                                           .in_flight = FLEET_UNKNOWN,
                                           .latency_us = FLEET_UNKNOWN};
    const struct proxy_rows rows = {.at = servers, .n = n};

    assert_int_equal(table_publish(&t, now, balance_find("maglev"), &rows), 0);
    planner_wake(&planner);
}

static void wait_for_the_newest(void)
{
    uint64_t ignored;

    rcu_thread_offline();
    while (atomic_load(&t.in_force) != t.version)
        assert_int_equal(read(news, &ignored, sizeof ignored), sizeof ignored);
    rcu_thread_online();
}

static void the_newest_table_comes_in_force(void **state)
{
    struct entry *kept;

    (void)state;
    publish(1, 3); /* no planner yet: at once */
    assert_int_equal(atomic_load(&t.in_force), t.version);
    kept = table_find(&t, 2);
    load_begin(&kept->load, &t.all); /* a connection, which outlives the tables */
    assert_int_equal(planner_start(&planner, &t, NULL, on_published), 0);
    for (size_t i = 1; i <= TABLES; i++) {
        publish(1 + i, i % SERVERS);
        if (i % 16 == 0)
            sched_yield();
    }
    wait_for_the_newest();
    assert_int_equal(balance_planned(atomic_load(&t.current)->balance), TABLES);
    publish(2 * TABLES, 1);
    wait_for_the_newest();
    assert_int_equal(balance_planned(atomic_load(&t.current)->balance), 1);
    assert_ptr_not_equal(table_find(&t, 0), kept);
    load_end(&kept->load, &t.all, false);
    assert_null(atomic_load(&t.waiting));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_table_comes_in_force, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
