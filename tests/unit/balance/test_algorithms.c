/* What each algorithm is for. */
#include "table.h"

#include <math.h>

#define SEC NSEC_PER_SEC

static void peak_ewma_avoids_the_slow_and_tries_them_again_by_and_by(void **state)
{
    unsigned counts[4];
    struct table t;

    (void)state;
    table_init(&t, 4);
    t.request.now = 100 * SEC;
    for (size_t i = 0; i < 4; i++)
        load_latency(t.servers[i].load, t.request.now, i == 0 ? 50000 : 5000);
    table_use(&t, "peak-ewma");
    table_count(&t, 10000, counts);
    assert_true(counts[0] < 1000); /* only where it is drawn twice: a sixteenth */
    t.request.now += 60 * SEC;     /* the others go on answering */
    for (size_t i = 1; i < 4; i++)
        load_latency(t.servers[i].load, t.request.now, 5000);
    table_count(&t, 10000, counts);
    assert_true(counts[0] > 2500);
    table_deinit(&t);
}

/* One connection after the other: all are idle at every pick.  The table is made anew now and then,
 * as the forwarder does; one slow answer must not cost a server its turns. */
static void least_connections_takes_equal_servers_in_turn(void **state)
{
    unsigned sums[4] = {0}, counts[4];
    struct table t;

    (void)state;
    table_init(&t, 4);
    for (size_t i = 0; i < 4; i++)
        load_latency(t.servers[i].load, SEC, i == 2 ? 50000 : 5000);
    t.request.now = SEC;
    for (unsigned round = 0; round < 100; round++) {
        table_use(&t, "least-connections");
        table_count(&t, 7, counts);
        for (size_t i = 0; i < 4; i++)
            sums[i] += counts[i];
    }
    for (size_t i = 0; i < 4; i++)
        assert_in_range(sums[i], 174, 176);
    table_deinit(&t);
}

static void least_connections_takes_idle_servers_by_their_weights(void **state)
{
    unsigned counts[3];
    struct table t;

    (void)state;
    table_init(&t, 3);
    t.servers[1].weight = 3;
    table_use(&t, "least-connections");
    table_count(&t, 1000, counts);
    assert_in_range(counts[0], 199, 201);
    assert_in_range(counts[1], 599, 601);
    table_deinit(&t);
}

static void least_connections_takes_fewer_in_flight_for_the_weight_first(void **state)
{
    unsigned counts[4];
    struct table t;

    (void)state;
    table_init(&t, 4);
    table_use(&t, "least-connections");
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < (i == 2 ? 1 : 2); k++)
            load_begin(t.servers[i].load, t.fleet.all);
    table_count(&t, 1000, counts);
    assert_int_equal(counts[2], 1000);
    t.servers[3].weight = 4; /* two of four are less than one of one */
    table_use(&t, "least-connections");
    table_count(&t, 1000, counts);
    assert_true(counts[3] > 750);
    assert_int_equal(counts[0] + counts[1], 0);
    table_deinit(&t);
}

static void a_peak_counts_at_once_and_fades(void **state)
{
    static struct load l; /* not on a stack, whose frames ASan may align less */

    (void)state;
    assert_true(load_latency_us(&l, SEC) == LOAD_FIRST_LATENCY_US);
    load_latency(&l, 100 * SEC, 1000);
    load_latency(&l, 100 * SEC, 20000);
    assert_true(load_latency_us(&l, 100 * SEC) == 20000);
    for (unsigned i = 1; i <= 10000; i++) /* a time constant */
        load_latency(&l, 100 * SEC + i * NSEC_PER_MSEC, 1000);
    assert_true(fabs((double)load_latency_us(&l, 110 * SEC) - (1000 + 19000 / 2.718)) < 500);
    assert_true(load_latency_us(&l, 170 * SEC) < 100);
}

static void utilization_gives_more_to_who_serves_more_for_its_load(void **state)
{
    unsigned counts[4];
    struct table t;

    (void)state;
    table_init(&t, 4);
    for (size_t i = 0; i < 4; i++) {
        t.servers[i].rate = 100000;
        t.servers[i].utilization = i == 0 ? 800 : 400;
    }
    t.servers[3].utilization = FLEET_UNKNOWN; /* gets the mean of the three */
    table_use(&t, "utilization");
    table_count(&t, 100000, counts);
    assert_true(abs((int)counts[1] - 2 * (int)counts[0]) < 1000);
    assert_true(abs((int)counts[3] - (int)(counts[0] + counts[1] + counts[2]) / 3) < 1000);
    t.servers[1].errors = 1000; /* fails all it is sent, at little cost */
    t.servers[1].utilization = 1;
    table_use(&t, "utilization");
    table_count(&t, 100000, counts);
    assert_true(counts[1] < counts[2] / 20);
    table_deinit(&t);
}

static void prequal_takes_the_fastest_of_the_cold_and_the_emptiest_of_the_hot(void **state)
{
    unsigned counts[10];
    struct table t;

    (void)state;
    table_init(&t, 10);
    for (size_t i = 0; i < 10; i++) {
        t.servers[i].in_flight = i < 1 ? 50 : 5;                     /* the first is hot, */
        t.servers[i].latency_us = i < 1 ? 100 : i < 3 ? 1000 : 9000; /* however fast */
    }
    table_use(&t, "prequal");
    table_count(&t, 10000, counts); /* learns what is usual */
    table_count(&t, 100000, counts);
    assert_true(counts[0] < 1000);
    assert_true(counts[1] + counts[2] > 60000); /* in five draws of ten: 1 - 0.8^5 */
    table_deinit(&t);
}

/* What we sent since a server's report is added to it. */
static void what_is_in_flight_is_the_server_s_count_brought_up_to_date(void **state)
{
    static struct load l, all;
    struct fleet_server s = {.load = &l, .in_flight = FLEET_UNKNOWN};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        load_begin(&l, &all);
    assert_int_equal(fleet_in_flight(&s), 3);
    s.in_flight = 10;
    s.in_flight_ours = 3;
    load_begin(&l, &all);
    assert_int_equal(fleet_in_flight(&s), 11);
    for (unsigned i = 0; i < 4; i++)
        load_end(&l, &all, i == 0);
    assert_int_equal(fleet_in_flight(&s), 7);
    s.in_flight_ours = 50; /* never below what is ours */
    load_begin(&l, &all);
    assert_int_equal(fleet_in_flight(&s), 1);
    assert_int_equal(l.ended, 4);
    assert_int_equal(l.failed, 1);
}

/* One that fails at once is never busy and answers fast. */
static void a_sinkhole_attracts_nobody(void **state)
{
    struct table t;

    (void)state;
    for (size_t a = 0; balance_at(a); a++) {
        const char *name = balance_name(balance_at(a));
        unsigned counts[10];

        table_init(&t, 10);
        for (size_t i = 0; i < 10; i++) {
            t.servers[i].errors = i == 0 ? 1000 : 0;
            t.servers[i].in_flight = i == 0 ? 0 : 20;
            t.servers[i].latency_us = i == 0 ? 50 : 20000;
            load_latency(t.servers[i].load, t.request.now, i == 0 ? 50 : 20000);
            for (unsigned k = 0; i > 0 && k < 20; k++)
                load_begin(t.servers[i].load, t.fleet.all);
        }
        table_use(&t, name);
        table_count(&t, 10000, counts);
        if (counts[0] > 1000)
            fail_msg("%s gives %u of 10000 to one that fails always", name, counts[0]);
        table_deinit(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peak_ewma_avoids_the_slow_and_tries_them_again_by_and_by),
        cmocka_unit_test(least_connections_takes_equal_servers_in_turn),
        cmocka_unit_test(least_connections_takes_idle_servers_by_their_weights),
        cmocka_unit_test(least_connections_takes_fewer_in_flight_for_the_weight_first),
        cmocka_unit_test(a_peak_counts_at_once_and_fades),
        cmocka_unit_test(utilization_gives_more_to_who_serves_more_for_its_load),
        cmocka_unit_test(prequal_takes_the_fastest_of_the_cold_and_the_emptiest_of_the_hot),
        cmocka_unit_test(what_is_in_flight_is_the_server_s_count_brought_up_to_date),
        cmocka_unit_test(a_sinkhole_attracts_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
