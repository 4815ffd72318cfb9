#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fixture.h"
#include "wire/registry.h"
#include <qhcp/error.h>

static void without_cgroups_the_whole_machine_counts(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 100, 900);
    fixture_start(f);
    fixture_machine(&f->tree, 200, 1200);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
    assert_int_equal(fixture_value(f->m, 9), 1250);
}

/* However often it is asked: nothing waits for the second reading, and nothing is made up for it.
 */
static void cpu_use_comes_with_the_second_reading_and_all_else_at_once(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 100, 900);
    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    assert_true(metrics_sample(f->m, SEC, SEC));
    assert_false(metrics_paired(f->m));
    assert_true(metrics_due(f->m, SEC) == SEC + METRICS_PAIR);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), ABSENT);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
    fixture_machine(&f->tree, 101, 903);
    assert_false(metrics_sample(f->m, SEC + METRICS_PAIR - 1, SEC));
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), ABSENT);
    assert_true(metrics_sample(f->m, SEC + METRICS_PAIR, SEC));
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
    assert_true(metrics_paired(f->m));
    assert_false(metrics_sample(f->m, 2 * SEC + METRICS_PAIR - 1, SEC)); /* its age counts now */
    assert_true(metrics_sample(f->m, 2 * SEC + METRICS_PAIR, SEC));
}

static void iowait_is_idle_and_steal_is_not(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_start(f);
    /* user nice system idle iowait irq softirq steal guest */
    tree_write(&f->tree, "proc/stat", "cpu  10 10 10 20 30 5 5 10 1000 1000\n");
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 5000);
}

static void counters_that_run_backwards_never_give_more_than_all(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 1000, 1000);
    fixture_start(f);
    fixture_machine(&f->tree, 900, 1200);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 0);
    fixture_machine(&f->tree, 0, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), ABSENT);
    fixture_machine(&f->tree, 50, 50);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 5000);
}

static void malformed_files_of_the_machine_leave_their_metric_out(void **state)
{
    static const struct {
        const char *path, *text;
        uint64_t number;
    } rows[] = {
        {"proc/stat", "", WIRE_METRIC_CPU},
        {"proc/stat", "cpu\n", WIRE_METRIC_CPU},
        {"proc/stat", "cpu  1 2 3\n", WIRE_METRIC_CPU},
        {"proc/stat", "cpu  1 2 3 x 5 6 7 8 9 10\n", WIRE_METRIC_CPU},
        {"proc/stat", "cpux 1 2 3 4 5 6 7 8 9 10\n", WIRE_METRIC_CPU},
        {"proc/meminfo", "", WIRE_METRIC_MEMORY},
        {"proc/meminfo", "MemTotal: many kB\nMemAvailable: 1 kB\n", WIRE_METRIC_MEMORY},
        {"proc/meminfo", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", WIRE_METRIC_MEMORY},
        {"proc/meminfo", "MemTotal: 5 kB\n", WIRE_METRIC_MEMORY},
        {"proc/meminfo", "MemTotal: 18446744073709551615 kB\nMemAvailable: 1 kB\n",
         WIRE_METRIC_MEMORY},
        {"proc/loadavg", "", 9},
        {"proc/loadavg", "1\n", 9},
        {"proc/loadavg", "1.x\n", 9},
        {"proc/loadavg", "1.123 0 0\n", 9},
        {"proc/loadavg", "-1.00 0 0\n", 9},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_machine(&f->tree, 0, 0);
        tree_write(&f->tree, rows[i].path, "%s", rows[i].text);
        fixture_start(f);
        fixture_second(f);
        for (uint64_t number = 1; number < 10; number += number == 2 ? 7 : 1)
            assert_int_equal(fixture_value(f->m, number) == ABSENT, number == rows[i].number);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void an_empty_tree_has_no_values_and_no_crash(void **state)
{
    struct fixture *f = *state;
    struct wire_values values;

    fixture_start(f);
    fixture_second(f);
    metrics_values(f->m, &values);
    assert_int_equal(values.count, 0);
}

static void a_sample_too_soon_changes_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_start(f);
    fixture_machine(&f->tree, 100, 300);
    tree_write(&f->tree, "proc/loadavg", "9.00 0 0\n");
    metrics_sample(f->m, f->now + SEC - 1, SEC);
    assert_int_equal(fixture_value(f->m, 9), 1250);
    metrics_sample(f->m, f->now + SEC, SEC);
    assert_int_equal(fixture_value(f->m, 9), 9000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
    /* Too close for a difference: the last one stands, whatever the clock says. */
    fixture_machine(&f->tree, 500, 300);
    metrics_sample(f->m, f->now + SEC + 1, 0);
    metrics_sample(f->m, 0, 0);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
}

static size_t open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void one_descriptor_is_kept_however_many_share_it(void **state)
{
    struct fixture *f = *state;
    size_t before = open_files();
    struct metrics *other;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/a/b");
    fixture_v2(&f->tree, "/a", "100000 100000", 0, "1073741824", GIB / 2, 0);
    fixture_v2(&f->tree, "/a/b", "100000 100000", 0, "1073741824", GIB / 2, 0);
    fixture_start(f);
    for (int i = 0; i < 20; i++) {
        fixture_v2_here(&f->tree, i % 2 ? "/a/b" : "/a");
        fixture_look(f);
    }
    assert_int_equal(open_files(), before + 1); /* of /proc/stat */
    assert_int_equal(metrics_new_shared(f->m, &other), 0);
    metrics_sample(other, f->now, 0);
    assert_int_equal(open_files(), before + 1);
    metrics_free(other);
    metrics_sample(f->m, f->now + SEC, 0);
    assert_int_equal(open_files(), before + 1);
}

static void who_shares_a_machine_takes_the_samples_that_there_are(void **state)
{
    struct fixture *f = *state;
    struct metrics *other;

    fixture_machine(&f->tree, 100, 900);
    fixture_start(f);
    fixture_machine(&f->tree, 200, 1200);
    fixture_second(f);
    assert_int_equal(metrics_new_shared(f->m, &other), 0);
    fixture_machine(&f->tree, 1000, 1200);
    assert_true(metrics_sample(other, f->now + SEC / 4, SEC / 2));
    assert_true(metrics_paired(other)); /* it need not wait for a second one */
    assert_int_equal(fixture_value(other, WIRE_METRIC_CPU), 2500);
    assert_true(metrics_due(other, SEC / 2) == f->now + SEC / 2); /* not later than for the first */
    assert_false(metrics_sample(other, f->now + SEC / 2 - 1, SEC / 2));
    assert_true(metrics_sample(other, f->now + SEC / 2, SEC / 2));
    assert_int_equal(fixture_value(other, WIRE_METRIC_CPU), 10000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500); /* until it looks, too */
    assert_true(metrics_sample(f->m, f->now + SEC / 2, SEC / 2));
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 10000);
    assert_int_equal(metrics_set(other, "queue_depth", WIRE_UNIT_NONE, 7), 0);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_APPLICATION_FIRST), ABSENT);
    assert_int_equal(metrics_set(other, "cpu_usage_percent", WIRE_UNIT_PERCENT, 7), QHCP_E_ARG);
    metrics_free(other);
}

/* Its descriptor is kept, but what it shows is what its name shows. */
static void a_file_in_the_place_of_another_is_read(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 100, 900);
    fixture_start(f);
    fixture_machine(&f->tree, 200, 1200);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
    tree_remove(&f->tree, "proc/stat");
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), ABSENT);
    fixture_machine(&f->tree, 300, 1300);
    fixture_second(f);
    fixture_machine(&f->tree, 400, 1400);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 5000);
}

static void an_applications_own_metrics_are_numbered_as_they_come(void **state)
{
    struct fixture *f = *state;
    struct wire_metrics names;
    struct wire_values values;

    fixture_machine(&f->tree, 0, 0);
    fixture_start(f);
    assert_int_equal(metrics_set(f->m, "queue_depth", WIRE_UNIT_NONE, 7), 0);
    assert_int_equal(metrics_set(f->m, "cache_bytes", WIRE_UNIT_BYTES, 9), 0);
    assert_int_equal(metrics_set(f->m, "requests_in_flight", WIRE_UNIT_NONE, 3), 0);
    assert_int_equal(metrics_set(f->m, "queue_depth", WIRE_UNIT_NONE, 8), 0);
    metrics_values(f->m, &values);
    metrics_names(f->m, &names);
    assert_int_equal(values.count, 6);
    assert_int_equal(names.count, 6);
    for (size_t i = 0; i < 6; i++) {
        static const uint64_t numbers[] = {1, 2, 4, 9, 64, 65};

        assert_int_equal(values.at[i].number, numbers[i]);
        assert_int_equal(names.at[i].number, numbers[i]);
    }
    assert_int_equal(fixture_value(f->m, 64), 8);
    assert_true(slice_equal(names.at[2].name, slice_str("requests_in_flight")));
    assert_true(slice_equal(names.at[4].name, slice_str("queue_depth")));
    assert_true(slice_equal(names.at[5].name, slice_str("cache_bytes")));
    assert_int_equal(names.at[5].unit, WIRE_UNIT_BYTES);
    assert_true(slice_equal(names.at[0].name, slice_str("cpu_usage_percent")));
    assert_int_equal(names.at[0].unit, WIRE_UNIT_PERCENT);
}

static void a_bad_metric_of_the_application_is_refused(void **state)
{
    static const struct {
        const char *name;
        unsigned unit;
        uint64_t value;
        int error;
    } rows[] = {
        {"queue", WIRE_UNIT_NONE, 1, 0},
        {"queue", WIRE_UNIT_BYTES, 1, QHCP_E_ARG},
        {NULL, WIRE_UNIT_NONE, 1, QHCP_E_ARG},
        {"", WIRE_UNIT_NONE, 1, QHCP_E_ARG},
        {"Queue", WIRE_UNIT_NONE, 1, QHCP_E_ARG},
        {"a-b", WIRE_UNIT_NONE, 1, QHCP_E_ARG},
        {"a b", WIRE_UNIT_NONE, 1, QHCP_E_ARG},
        {"cpu_usage_percent", WIRE_UNIT_PERCENT, 1, QHCP_E_ARG},
        {"requests_per_second", WIRE_UNIT_NONE, 1, QHCP_E_ARG},
        {"requests_per_second", WIRE_UNIT_MILLI, 1, 0},
        {"other", 5, 1, QHCP_E_ARG},
        {"other", 4, UINT64_C(1) << 62, QHCP_E_ARG},
        {"other", 4, (UINT64_C(1) << 62) - 1, 0},
        {"a23456789_123456789_123456789_123456789_123456789_123456789_12345", 0, 1, QHCP_E_ARG},
        {"a23456789_123456789_123456789_123456789_123456789_123456789_1234", 0, 1, 0},
    };
    struct fixture *f = *state;

    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(metrics_set(f->m, rows[i].name, rows[i].unit, rows[i].value),
                         rows[i].error);
}

static void an_application_cannot_crowd_out_what_is_required(void **state)
{
    struct fixture *f = *state;
    struct wire_values values;
    char name[32];
    size_t made = 0;

    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    for (size_t i = 0; i < 2 * LIMIT_METRICS; i++) {
        snprintf(name, sizeof name, "metric_%zu", i);
        if (metrics_set(f->m, name, 0, i) == 0)
            made++;
        else
            assert_int_equal(metrics_set(f->m, name, 0, i), QHCP_E_FULL);
    }
    assert_int_equal(made, LIMIT_METRICS - 3);
    fixture_machine(&f->tree, 0, 0);
    metrics_free(f->m);
    f->m = NULL;
    fixture_start(f);
    for (size_t i = 0; i < made; i++) {
        snprintf(name, sizeof name, "metric_%zu", i);
        assert_int_equal(metrics_set(f->m, name, 0, i), 0);
    }
    assert_int_equal(metrics_set(f->m, "requests_in_flight", 0, 1), QHCP_E_FULL);
    assert_int_equal(metrics_set(f->m, "metric_0", 0, 5), 0);
    fixture_second(f);
    metrics_values(f->m, &values);
    assert_int_equal(values.count, LIMIT_METRICS);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 0);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
}

struct change {
    unsigned calls;
    const char *name, *missing;
};

static void on_change(void *ctx, const char *name, const char *missing)
{
    struct change *c = ctx;

    *c = (struct change){.calls = c->calls + 1, .name = name, .missing = missing};
}

static void what_cannot_be_read_is_told_once_and_again_when_it_can(void **state)
{
    struct fixture *f = *state;
    struct change c = {0};

    fixture_machine(&f->tree, 0, 0);
    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    f->now = SEC;
    metrics_sample(f->m, f->now, SEC);
    metrics_changes(f->m, on_change, &c); /* CPU use is not missed yet */
    fixture_second(f);
    metrics_changes(f->m, on_change, &c);
    assert_int_equal(c.calls, 0);
    tree_write(&f->tree, "proc/meminfo", "MemTotal: 16777216 kB\n"); /* before Linux 3.14 */
    fixture_second(f);
    metrics_changes(f->m, on_change, &c);
    assert_int_equal(c.calls, 1);
    assert_string_equal(c.name, "memory_usage_percent");
    assert_string_equal(c.missing, "MemTotal and MemAvailable in /proc/meminfo");
    fixture_second(f);
    metrics_changes(f->m, on_change, &c);
    assert_int_equal(c.calls, 1);
    fixture_machine(&f->tree, 0, 0);
    fixture_second(f);
    metrics_changes(f->m, on_change, &c);
    assert_int_equal(c.calls, 2);
    assert_null(c.missing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_cgroups_the_whole_machine_counts),
        TEST(cpu_use_comes_with_the_second_reading_and_all_else_at_once),
        TEST(iowait_is_idle_and_steal_is_not),
        TEST(counters_that_run_backwards_never_give_more_than_all),
        TEST(malformed_files_of_the_machine_leave_their_metric_out),
        TEST(an_empty_tree_has_no_values_and_no_crash),
        TEST(a_sample_too_soon_changes_nothing),
        TEST(one_descriptor_is_kept_however_many_share_it),
        TEST(who_shares_a_machine_takes_the_samples_that_there_are),
        TEST(a_file_in_the_place_of_another_is_read),
        TEST(what_cannot_be_read_is_told_once_and_again_when_it_can),
        TEST(an_applications_own_metrics_are_numbered_as_they_come),
        TEST(a_bad_metric_of_the_application_is_refused),
        TEST(an_application_cannot_crowd_out_what_is_required),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
