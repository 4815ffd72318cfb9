#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>

#include "fixture.h"
#include "wire/registry.h"

static void a_groups_counter_that_starts_again_is_no_load(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/");
    fixture_v2(&f->tree, "", "100000 100000", 900000, "max", 0, 0);
    fixture_start(f);
    fixture_v2(&f->tree, "", "100000 100000", 100000, "max", 0, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 0);
    fixture_v2(&f->tree, "", "100000 100000", 350000, "max", 0, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
}

static void a_v2_quota_is_the_whole_that_a_percentage_is_of(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/");
    fixture_v2(&f->tree, "", "50000 100000", 1000, "1073741824", 700 * MIB, 188 * MIB);
    fixture_start(f);
    fixture_machine(&f->tree, 0, 400);
    fixture_v2(&f->tree, "", "50000 100000", 1000 + 125000, "1073741824", 700 * MIB, 188 * MIB);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500); /* 0.125 s of 0.5 */
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
}

static void no_limit_or_one_above_the_machine_is_the_machine(void **state)
{
    static const char *const cpu[] = {"max 100000", "400000 100000", "900000 100000"};
    static const char *const memory[] = {"max", "17179869184", "9223372036854771712"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++) {
        fixture_machine(&f->tree, 0, 0);
        fixture_v2_here(&f->tree, "/");
        fixture_v2(&f->tree, "", cpu[i], 0, memory[i], GIB, 0);
        fixture_start(f);
        fixture_machine(&f->tree, 100, 300);
        fixture_v2(&f->tree, "", cpu[i], 900000, memory[i], GIB, 0);
        fixture_second(f);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void a_limit_just_below_the_machine_counts(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/");
    fixture_v2(&f->tree, "", "399999 100000", 0, "17179869183", 17179869183 / 2, 0);
    fixture_start(f);
    fixture_machine(&f->tree, 100, 300);
    fixture_v2(&f->tree, "", "399999 100000", 3999990, "17179869183", 17179869183 / 2, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 10000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
}

/* Own limit 2 CPUs and 4 GiB; the parent's 3 CPUs and 5 GiB are shared with a busy sibling. */
static void of_nested_limits_the_fullest_decides(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/pod/app");
    fixture_v2(&f->tree, "/pod/app", "200000 100000", 0, "4294967296", GIB, 0);
    fixture_v2(&f->tree, "/pod", "300000 100000", 0, "5368709120", 4 * GIB, 0);
    fixture_start(f);
    fixture_v2(&f->tree, "/pod/app", "200000 100000", 200000, "4294967296", GIB, 0);
    fixture_v2(&f->tree, "/pod", "300000 100000", 2400000, "5368709120", 4 * GIB, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 8000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 8000);
    /* The sibling stops: now the own limit is the nearer one. */
    fixture_v2(&f->tree, "/pod/app", "200000 100000", 200000 + 1000000, "4294967296", 3 * GIB, 0);
    fixture_v2(&f->tree, "/pod", "300000 100000", 2400000 + 1000000, "5368709120", 3 * GIB, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 5000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 7500);
}

static void a_limit_of_an_ancestor_alone_counts(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/a/b/c");
    fixture_v2(&f->tree, "/a", "100000 100000", 0, "1073741824", GIB / 4, 0);
    fixture_v2(&f->tree, "/a/b/c", "max 100000", 0, "max", GIB / 8, 0);
    fixture_start(f);
    fixture_v2(&f->tree, "/a", "100000 100000", 750000, "1073741824", GIB / 4, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 7500);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
}

static void a_limit_that_is_set_or_lifted_live_is_seen(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/");
    fixture_v2(&f->tree, "", "max 100000", 0, "max", GIB, 0);
    fixture_start(f);
    fixture_machine(&f->tree, 300, 100);
    fixture_v2(&f->tree, "", "200000 100000", 100000, "2147483648", GIB, 0);
    fixture_look(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 7500); /* time under it: from now on */
    fixture_v2(&f->tree, "", "200000 100000", 300000, "2147483648", GIB, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 1000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
    fixture_machine(&f->tree, 600, 200);
    fixture_v2(&f->tree, "", "max 100000", 400000, "max", GIB, 0);
    fixture_look(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 7500);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
}

static void a_cpuset_is_a_limit(void **state)
{
    static const struct {
        const char *list;
        uint64_t percent;
    } rows[] = {
        {"1", 5000}, {"0,2", 2500}, {"0-1", 2500}, {"0-1,3", 1667}, {"0-3", 9000}, {"", 9000},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture_machine(&f->tree, 0, 0);
        fixture_v2_here(&f->tree, "/a");
        fixture_v2(&f->tree, "/a", "max 100000", 0, "max", 0, 0);
        tree_write(&f->tree, "cgroup/cpuset.cpus.effective", "%s\n", rows[i].list);
        fixture_start(f);
        fixture_machine(&f->tree, 900, 100);
        fixture_v2(&f->tree, "/a", "max 100000", 500000, "max", 0, 0);
        fixture_second(f);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), rows[i].percent);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void v1_group(const struct tree *t, const char *path, const char *quota, uint64_t nsec,
                     uint64_t limit, uint64_t usage, uint64_t cache)
{
    char name[128];

    snprintf(name, sizeof name, "cgroup/cpu%s/cpu.cfs_quota_us", path);
    tree_write(t, name, "%s\n", quota);
    snprintf(name, sizeof name, "cgroup/cpu%s/cpu.cfs_period_us", path);
    tree_write(t, name, "100000\n");
    snprintf(name, sizeof name, "cgroup/cpuacct%s/cpuacct.usage", path);
    tree_write(t, name, "%llu\n", (unsigned long long)nsec);
    snprintf(name, sizeof name, "cgroup/memory%s/memory.limit_in_bytes", path);
    tree_write(t, name, "%llu\n", (unsigned long long)limit);
    snprintf(name, sizeof name, "cgroup/memory%s/memory.usage_in_bytes", path);
    tree_write(t, name, "%llu\n", (unsigned long long)usage);
    snprintf(name, sizeof name, "cgroup/memory%s/memory.stat", path);
    tree_write(t, name,
               "inactive_file 1\nactive_file 1\ntotal_inactive_file %llu\n"
               "total_active_file %llu\n",
               (unsigned long long)(cache / 3), (unsigned long long)(cache - cache / 3));
}

static void v1_limits_count_at_every_level(void **state)
{
    const uint64_t none = 9223372036854771712u;
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    tree_write(&f->tree, "proc/self/cgroup",
               "11:memory:/docker/abc\n4:cpuacct,cpu:/docker/abc\n3:cpuset:/\n"
               "1:name=systemd:/docker/abc\n");
    v1_group(&f->tree, "", "-1", 0, none, 8 * GIB, 0);
    v1_group(&f->tree, "/docker", "100000", 0, none, 4 * GIB, 0);
    v1_group(&f->tree, "/docker/abc", "-1", 0, 2 * GIB, GIB + GIB / 2, GIB / 2);
    fixture_start(f);
    v1_group(&f->tree, "", "-1", SEC, none, 8 * GIB, 0);
    v1_group(&f->tree, "/docker", "100000", SEC / 4, none, 4 * GIB, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
}

static void a_v1_cpuset_is_a_limit_with_the_groups_own_time(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    tree_write(&f->tree, "proc/self/cgroup", "4:cpu,cpuacct:/x\n3:cpuset:/y\n");
    v1_group(&f->tree, "/x", "-1", 0, 0, 0, 0);
    tree_write(&f->tree, "cgroup/cpuset/y/cpuset.cpus", "2-3\n");
    fixture_start(f);
    v1_group(&f->tree, "/x", "-1", SEC, 0, 0, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 5000);
}

/* Without a cgroup namespace /proc/self/cgroup shows the host's path, while the container's own
 * group is what is mounted. */
static void a_path_seen_from_outside_the_container_means_the_mount_point(void **state)
{
    static const char *const paths[] = {"/docker/abc", "/../../elsewhere", "/.."};
    struct fixture *f = *state;

    tree_write(&f->tree, "memory.max", "1\n"); /* outside the mount: nothing to do with us */
    tree_write(&f->tree, "memory.current", "1\n");
    for (size_t i = 0; i < 3; i++) {
        fixture_machine(&f->tree, 0, 0);
        fixture_v2_here(&f->tree, paths[i]);
        fixture_v2(&f->tree, "", "100000 100000", 0, "1073741824", GIB / 2, 0);
        fixture_start(f);
        fixture_v2(&f->tree, "", "100000 100000", 250000, "1073741824", GIB / 2, 0);
        fixture_second(f);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void a_cpuset_is_found_from_outside_the_container_too(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/docker/abc");
    fixture_v2(&f->tree, "", "max 100000", 0, "max", 0, 0);
    tree_write(&f->tree, "cgroup/cpuset.cpus.effective", "2\n");
    fixture_start(f);
    fixture_v2(&f->tree, "", "max 100000", 750000, "max", 0, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 7500);
}

/* Hybrid: memory in a v1 hierarchy, the rest in v2 under unified/. */
static void a_hybrid_machine_reads_each_controller_where_it_is(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    tree_write(&f->tree, "proc/self/cgroup", "2:memory:/m\n0::/u\n");
    tree_write(&f->tree, "cgroup/unified/cgroup.controllers", "cpu\n");
    tree_write(&f->tree, "cgroup/memory/m/memory.limit_in_bytes", "1073741824\n");
    tree_write(&f->tree, "cgroup/memory/m/memory.usage_in_bytes", "268435456\n");
    fixture_v2(&f->tree, "/unified/u", "100000 100000", 0, "1", 1, 0);
    fixture_start(f);
    fixture_v2(&f->tree, "/unified/u", "100000 100000", 100000, "1", 1, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 1000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
}

static void a_process_that_is_moved_is_followed(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/old");
    fixture_v2(&f->tree, "/old", "100000 100000", 0, "1073741824", GIB / 2, 0);
    fixture_v2(&f->tree, "/new", "200000 100000", 5000000, "2147483648", GIB / 2, 0);
    fixture_start(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
    fixture_v2_here(&f->tree, "/new");
    tree_remove(&f->tree, "cgroup/old");
    fixture_look(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
    fixture_v2(&f->tree, "/new", "200000 100000", 5500000, "2147483648", GIB / 2, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
}

/* The twin: a process that may have been moved, which cannot be seen just now. */
static void a_membership_that_cannot_be_read_leaves_the_limits_as_they_were(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/old");
    fixture_v2(&f->tree, "/old", "100000 100000", 0, "1073741824", GIB / 2, 0);
    fixture_start(f);
    tree_remove(&f->tree, "proc/self");
    fixture_look(f);
    fixture_v2(&f->tree, "/old", "100000 100000", 250000, "1073741824", GIB / 2, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 2500);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
}

static void empty_group(const struct tree *t)
{
    static const char *const files[] = {"cpu.max", "cpu.stat", "memory.max", "memory.current"};
    char name[64];

    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "cgroup/g/%s", files[i]);
        tree_write(t, name, "%s", ""); /* what is held open cannot be read any more */
    }
    tree_remove(t, "cgroup/g");
}

/* Its controllers switched off above it, and on again: the membership never changes. */
static void a_group_that_vanishes_leaves_the_machines_figures_until_it_is_back(void **state)
{
    struct fixture *f = *state;

    fixture_machine(&f->tree, 0, 0);
    fixture_v2_here(&f->tree, "/g");
    fixture_v2(&f->tree, "/g", "100000 100000", 0, "1073741824", GIB / 2, 0);
    fixture_start(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
    empty_group(&f->tree);
    fixture_machine(&f->tree, 400, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 10000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
    fixture_v2(&f->tree, "/g", "100000 100000", 0, "1073741824", GIB / 2, 0);
    fixture_look(f);
    fixture_v2(&f->tree, "/g", "100000 100000", 500000, "1073741824", GIB / 2, 0);
    fixture_second(f);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), 5000);
    assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 5000);
}

static void malformed_limits_fall_back_to_the_machine(void **state)
{
    static const struct {
        const char *path, *text;
    } rows[] = {
        {"cgroup/cpu.max", ""},
        {"cgroup/cpu.max", "banana\n"},
        {"cgroup/cpu.max", "-5 100000\n"},
        {"cgroup/cpu.max", "50000\n"},
        {"cgroup/cpu.max", "50000 0\n"},
        {"cgroup/cpu.max", "0 100000\n"},
        {"cgroup/cpu.max", "99999999999999999999999 1\n"},
        {"cgroup/cpu.stat", ""},
        {"cgroup/cpu.stat", "usage_usec\n"},
        {"cgroup/cpu.stat", "usage_usec -1\n"},
        {"cgroup/cpu.stat", "usage_usec 18446744073709551615\n"},
        {"cgroup/memory.max", ""},
        {"cgroup/memory.max", "1 GiB\n"},
        {"cgroup/memory.max", "-1\n"},
        {"cgroup/memory.current", ""},
        {"cgroup/memory.current", "12x\n"},
        {"cgroup/memory.current", "184467440737095516160\n"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool cpu = rows[i].path[7] == 'c';

        fixture_machine(&f->tree, 0, 0);
        fixture_v2_here(&f->tree, "/");
        fixture_v2(&f->tree, "", "100000 100000", 0, "1073741824", GIB / 2, 0);
        tree_write(&f->tree, rows[i].path, "%s", rows[i].text);
        fixture_start(f);
        fixture_machine(&f->tree, 100, 300);
        fixture_second(f);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_CPU), cpu ? 2500 : 0);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), cpu ? 5000 : 2500);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void hostile_membership_lines_are_survived(void **state)
{
    static const char *const texts[] = {
        "",           "\n",           ":",     "::",     "0::",     "0::x",
        "0::/\n0::/", "a\n:\n0::/\n", "1:cpu", "1:cpu:", "1:,,,:/", "1:cpu,:/\n0::/",
        "0::////",    "0::/a/../..",
    };
    struct fixture *f = *state;
    char longest[6000];

    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "0::/", 4);
    for (size_t i = 0; i <= sizeof texts / sizeof texts[0]; i++) {
        fixture_machine(&f->tree, 0, 0);
        tree_write(&f->tree, "cgroup/cgroup.controllers", "cpu\n");
        tree_write(&f->tree, "proc/self/cgroup", "%s",
                   i < sizeof texts / sizeof texts[0] ? texts[i] : longest);
        fixture_start(f);
        fixture_second(f);
        assert_int_equal(fixture_value(f->m, WIRE_METRIC_MEMORY), 2500);
        metrics_free(f->m);
        f->m = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_groups_counter_that_starts_again_is_no_load),
        TEST(a_v2_quota_is_the_whole_that_a_percentage_is_of),
        TEST(no_limit_or_one_above_the_machine_is_the_machine),
        TEST(a_limit_just_below_the_machine_counts),
        TEST(of_nested_limits_the_fullest_decides),
        TEST(a_limit_of_an_ancestor_alone_counts),
        TEST(a_limit_that_is_set_or_lifted_live_is_seen),
        TEST(a_cpuset_is_a_limit),
        TEST(v1_limits_count_at_every_level),
        TEST(a_v1_cpuset_is_a_limit_with_the_groups_own_time),
        TEST(a_path_seen_from_outside_the_container_means_the_mount_point),
        TEST(a_cpuset_is_found_from_outside_the_container_too),
        TEST(a_hybrid_machine_reads_each_controller_where_it_is),
        TEST(a_process_that_is_moved_is_followed),
        TEST(a_membership_that_cannot_be_read_leaves_the_limits_as_they_were),
        TEST(a_group_that_vanishes_leaves_the_machines_figures_until_it_is_back),
        TEST(malformed_limits_fall_back_to_the_machine),
        TEST(hostile_membership_lines_are_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
