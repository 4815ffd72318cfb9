/* The forwarder's table: what it makes of counts, and what outlives it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/prng.h"
#include "proxy/table.h"

#define SEC NSEC_PER_SEC

static struct table t;

static struct proxy_server server(size_t id, unsigned share)
{
    return (struct proxy_server){.id = id,
                                 .name = id ? "b:1" : "a:1",
                                 .weight = 1,
                                 .share = share,
                                 .utilization = FLEET_UNKNOWN,
                                 .rate = FLEET_UNKNOWN,
                                 .in_flight = FLEET_UNKNOWN,
                                 .latency_us = FLEET_UNKNOWN};
}

static int setup(void **state)
{
    (void)state;
    rcu_register_thread();
    return table_init(&t, balance_find("utilization"));
}

static int teardown(void **state)
{
    (void)state;
    rcu_thread_offline();
    table_deinit(&t);
    rcu_unregister_thread();
    return 0;
}

static void publish(qhcp_nsec now, const struct proxy_server *servers, size_t n)
{
    const struct proxy_rows rows = {.at = servers, .n = n};

    assert_int_equal(table_publish(&t, now, balance_find("utilization"), &rows), 0);
}

/* One that reports its utilization and no rate has the rate of what we give it. */
static void utilization_works_with_our_own_count_of_connections(void **state)
{
    struct proxy_server servers[] = {server(0, FLEET_SHARE), server(1, FLEET_SHARE)};

    (void)state;
    servers[0].utilization = 800;
    servers[1].utilization = 400;
    publish(SEC, servers, 2);
    for (size_t i = 0; i < 2; i++)
        atomic_fetch_add(&table_find(&t, i)->connects, 1000);
    publish(2 * SEC, servers, 2);
    assert_true(balance_planned_share(t.current->balance, 1) > 0.66);
    assert_true(balance_planned_share(t.current->balance, 1) < 0.67);
}

static void failures_of_late_cost_a_server_its_part_and_are_forgotten(void **state)
{
    struct proxy_server servers[] = {server(0, FLEET_SHARE), server(1, FLEET_SHARE)};
    struct entry *e;

    (void)state;
    publish(SEC, servers, 2);
    e = table_find(&t, 0);
    for (unsigned i = 0; i < 100; i++) {
        load_begin(&e->load, &t.all);
        load_end(&e->load, &t.all, true);
    }
    publish(2 * SEC, servers, 2);
    assert_true(balance_planned_share(t.current->balance, 0) < 0.02);
    for (unsigned i = 0; i < 40; i++)
        publish((10 + 10 * i) * SEC, servers, 2);
    assert_true(balance_planned_share(t.current->balance, 0) > 0.49);
}

static void a_server_that_is_gone_stays_until_its_last_connection_has_ended(void **state)
{
    struct proxy_server servers[] = {server(0, FLEET_SHARE), server(1, FLEET_SHARE)};
    struct entry *e;

    (void)state;
    publish(SEC, servers, 2);
    e = table_find(&t, 1);
    load_begin(&e->load, &t.all);
    for (unsigned i = 2; i < 5; i++) {
        publish(i * SEC, servers, 1);
        rcu_barrier();
        assert_ptr_equal(table_find(&t, 1), e);
    }
    load_end(&e->load, &t.all, false);
    publish(6 * SEC, servers, 1);
    assert_null(table_find(&t, 1));
    assert_non_null(table_find(&t, 0));
}

/* Servers come, go and change; only that is said, sometimes late (as when the planner is busy), and
 * the snapshot has all of them. */
#define MOST 200
#define STEPS 300

struct walk {
    struct proxy_server rows[MOST];
    uint64_t changed[(MOST + 63) / 64];
    size_t n, ids;
    struct prng random;
};

static void mark(struct walk *w, size_t place)
{
    w->changed[place / 64] |= UINT64_C(1) << place % 64;
}

/* Slots are used again, for other ids. */
static size_t fresh_id(struct walk *w)
{
    size_t slot = 0;

    for (size_t i = 0; i < w->n; i++)
        if ((uint32_t)w->rows[i].id == slot) {
            slot++;
            i = SIZE_MAX; /* from the start */
        }
    return ++w->ids << 32 | slot;
}

static void change_something(struct walk *w)
{
    uint32_t what = prng_below(&w->random, 10);
    size_t place = w->n > 0 ? prng_below(&w->random, (uint32_t)w->n) : 0;

    if (w->n < 20 || (what < 4 && w->n < MOST)) {
        w->rows[w->n] = server(fresh_id(w), FLEET_SHARE);
        mark(w, w->n++);
    } else if (what < 8) {
        w->rows[place] = w->rows[--w->n];
        mark(w, place);
    } else {
        w->rows[place].weight = 1 + prng_below(&w->random, 100);
        mark(w, place);
    }
}

static void assert_as(const struct walk *w)
{
    const struct snapshot *s = atomic_load(&t.current);

    assert_int_equal(s->fleet.n, w->n);
    for (size_t i = 0; i < w->n; i++) {
        const struct entry *e = table_find(&t, w->rows[i].id);

        assert_ptr_equal(s->entries[i], e);
        assert_int_equal(e->id, w->rows[i].id);
        assert_int_equal(e->weight, w->rows[i].weight);
        assert_int_equal(s->fleet.servers[i].weight, w->rows[i].weight);
        assert_true(s->fleet.servers[i].slot < s->fleet.slots);
    }
}

static void what_has_changed_is_enough_to_know_all(void **state)
{
    static struct walk w;

    (void)state;
    w = (struct walk){.random = {.state = 1}};
    for (unsigned i = 0; i < STEPS; i++) {
        const struct proxy_rows rows = {.at = w.rows, .changed = w.changed};
        struct proxy_rows news = rows;

        for (uint32_t k = prng_below(&w.random, 6); k > 0; k--)
            change_something(&w);
        news.n = w.n;
        t.planned = i % 3 != 0; /* the planner comes only then, and finds the last orders in one */
        assert_int_equal(table_publish(&t, i * SEC, balance_find("utilization"), &news), 0);
        memset(w.changed, 0, sizeof w.changed);
        if (i % 50 == 0)
            atomic_store(&t.lacks, true); /* it lost one for lack of memory */
        if (!t.planned)
            assert_as(&w);
    }
    t.planned = false;
}

static void *end_last(void *load)
{
    load_end(load, &t.all, true);
    return NULL;
}

/* A thread's last word about a server, and the main thread that frees what it was counted in as
 * soon as nothing is in flight: for the sanitizers to see, that of threads above all. */
static void a_load_is_left_alone_once_it_is_idle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        struct load *l = aligned_alloc(LOAD_LINE, sizeof *l);
        pthread_t thread;

        assert_non_null(l);
        *l = (struct load){.in_flight = 0};
        load_begin(l, &t.all);
        assert_false(load_idle(l));
        assert_int_equal(pthread_create(&thread, NULL, end_last, l), 0);
        while (!load_idle(l)) {
        }
        assert_int_equal(atomic_load_explicit(&l->failed, memory_order_relaxed), 1);
        free(l);
        pthread_join(thread, NULL);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(utilization_works_with_our_own_count_of_connections),
        TEST(failures_of_late_cost_a_server_its_part_and_are_forgotten),
        TEST(a_server_that_is_gone_stays_until_its_last_connection_has_ended),
        TEST(what_has_changed_is_enough_to_know_all),
        TEST(a_load_is_left_alone_once_it_is_idle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
