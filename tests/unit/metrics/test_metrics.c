#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tree.h"
#include "wire/registry.h"
#include <qhcp/error.h>

#define SEC NSEC_PER_SEC
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define ABSENT UINT64_MAX

struct fixture {
    struct tree tree;
    struct metrics *m;
    qhcp_nsec now;
};

static uint64_t value_of(const struct metrics *m, uint64_t number)
{
    struct wire_values values;

    metrics_values(m, &values);
    for (size_t i = 0; i < values.count; i++)
        if (values.at[i].number == number)
            return values.at[i].value;
    return ABSENT;
}

/* A machine of 4 CPUs and 16 GiB, a quarter of it in use: busy and idle in ticks. */
static void machine(const struct tree *t, unsigned busy, unsigned idle)
{
    tree_write(t, "proc/stat",
               "cpu  %u 0 0 %u 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\ncpu2 0 0 0 0\n"
               "cpu3 0 0 0 0\nintr 1 2 3\nctxt 9\n",
               busy, idle);
    tree_write(t, "proc/meminfo",
               "MemTotal:       16777216 kB\nMemFree:         1000000 kB\n"
               "MemAvailable:   12582912 kB\n");
    tree_write(t, "proc/loadavg", "1.25 0.58 0.59 1/467 1234\n");
}

static void start(struct fixture *f)
{
    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    f->now = 1000 * SEC;
    metrics_sample(f->m, f->now, SEC);
    f->now += SEC / 10; /* past the pause that the first sample took */
    metrics_sample(f->m, f->now, 0);
}

/* Samples a second after the last time: what was used within that second counts. */
static void second(struct fixture *f)
{
    f->now += SEC;
    metrics_sample(f->m, f->now, 0);
}

static void v2_group(const struct tree *t, const char *path, const char *cpu_max, uint64_t usec,
                     const char *memory_max, uint64_t current, uint64_t inactive)
{
    char name[128];

    snprintf(name, sizeof name, "cgroup%s/cpu.max", path);
    tree_write(t, name, "%s\n", cpu_max);
    snprintf(name, sizeof name, "cgroup%s/cpu.stat", path);
    tree_write(t, name, "usage_usec %llu\nuser_usec 1\nsystem_usec 1\n", (unsigned long long)usec);
    snprintf(name, sizeof name, "cgroup%s/memory.max", path);
    tree_write(t, name, "%s\n", memory_max);
    snprintf(name, sizeof name, "cgroup%s/memory.current", path);
    tree_write(t, name, "%llu\n", (unsigned long long)current);
    snprintf(name, sizeof name, "cgroup%s/memory.stat", path);
    tree_write(t, name, "anon 5\ninactive_file %llu\nactive_file 7\n",
               (unsigned long long)inactive);
}

static void v2_here(const struct tree *t, const char *path)
{
    tree_write(t, "cgroup/cgroup.controllers", "cpu memory\n");
    tree_write(t, "proc/self/cgroup", "0::%s\n", path);
}

static void without_cgroups_the_whole_machine_counts(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 100, 900);
    start(f);
    machine(&f->tree, 200, 1200);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
    assert_int_equal(value_of(f->m, 9), 1250);
}

static void the_first_sample_alone_has_a_figure_for_every_required_metric(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 100, 900);
    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), ABSENT);
    metrics_sample(f->m, 0, SEC);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 0);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
}

static void iowait_is_idle_and_steal_is_not(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    start(f);
    /* user nice system idle iowait irq softirq steal guest */
    tree_write(&f->tree, "proc/stat", "cpu  10 10 10 20 30 5 5 10 1000 1000\n");
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 5000);
}

static void counters_that_run_backwards_never_give_more_than_all(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 1000, 1000);
    start(f);
    machine(&f->tree, 900, 1200);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 0);
    machine(&f->tree, 0, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), ABSENT);
    machine(&f->tree, 50, 50);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 5000);
}

static void a_groups_counter_that_starts_again_is_no_load(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/");
    v2_group(&f->tree, "", "100000 100000", 900000, "max", 0, 0);
    start(f);
    v2_group(&f->tree, "", "100000 100000", 100000, "max", 0, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 0);
    v2_group(&f->tree, "", "100000 100000", 350000, "max", 0, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
}

static void a_v2_quota_is_the_whole_that_a_percentage_is_of(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/");
    v2_group(&f->tree, "", "50000 100000", 1000, "1073741824", 700 * MIB, 188 * MIB);
    start(f);
    machine(&f->tree, 0, 400);
    v2_group(&f->tree, "", "50000 100000", 1000 + 125000, "1073741824", 700 * MIB, 188 * MIB);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500); /* 0.125 s of 0.5 */
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
}

static void no_limit_or_one_above_the_machine_is_the_machine(void **state)
{
    static const char *const cpu[] = {"max 100000", "400000 100000", "900000 100000"};
    static const char *const memory[] = {"max", "17179869184", "9223372036854771712"};
    struct fixture *f = *state;

    for (size_t i = 0; i < 3; i++) {
        machine(&f->tree, 0, 0);
        v2_here(&f->tree, "/");
        v2_group(&f->tree, "", cpu[i], 0, memory[i], GIB, 0);
        start(f);
        machine(&f->tree, 100, 300);
        v2_group(&f->tree, "", cpu[i], 900000, memory[i], GIB, 0);
        second(f);
        assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
        assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void a_limit_just_below_the_machine_counts(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/");
    v2_group(&f->tree, "", "399999 100000", 0, "17179869183", 17179869183 / 2, 0);
    start(f);
    machine(&f->tree, 100, 300);
    v2_group(&f->tree, "", "399999 100000", 3999990, "17179869183", 17179869183 / 2, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 10000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
}

/* Own limit 2 CPUs and 4 GiB; the parent's 3 CPUs and 5 GiB are shared with a busy sibling. */
static void of_nested_limits_the_fullest_decides(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/pod/app");
    v2_group(&f->tree, "/pod/app", "200000 100000", 0, "4294967296", GIB, 0);
    v2_group(&f->tree, "/pod", "300000 100000", 0, "5368709120", 4 * GIB, 0);
    start(f);
    v2_group(&f->tree, "/pod/app", "200000 100000", 200000, "4294967296", GIB, 0);
    v2_group(&f->tree, "/pod", "300000 100000", 2400000, "5368709120", 4 * GIB, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 8000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 8000);
    /* The sibling stops: now the own limit is the nearer one. */
    v2_group(&f->tree, "/pod/app", "200000 100000", 200000 + 1000000, "4294967296", 3 * GIB, 0);
    v2_group(&f->tree, "/pod", "300000 100000", 2400000 + 1000000, "5368709120", 3 * GIB, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 5000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 7500);
}

static void a_limit_of_an_ancestor_alone_counts(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/a/b/c");
    v2_group(&f->tree, "/a", "100000 100000", 0, "1073741824", GIB / 4, 0);
    v2_group(&f->tree, "/a/b/c", "max 100000", 0, "max", GIB / 8, 0);
    start(f);
    v2_group(&f->tree, "/a", "100000 100000", 750000, "1073741824", GIB / 4, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 7500);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
}

static void a_limit_that_is_set_or_lifted_live_is_seen(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/");
    v2_group(&f->tree, "", "max 100000", 0, "max", GIB, 0);
    start(f);
    machine(&f->tree, 300, 100);
    v2_group(&f->tree, "", "200000 100000", 200000, "2147483648", GIB, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 1000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
    machine(&f->tree, 600, 200);
    v2_group(&f->tree, "", "max 100000", 400000, "max", GIB, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 7500);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
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
        machine(&f->tree, 0, 0);
        v2_here(&f->tree, "/a");
        v2_group(&f->tree, "/a", "max 100000", 0, "max", 0, 0);
        tree_write(&f->tree, "cgroup/cpuset.cpus.effective", "%s\n", rows[i].list);
        start(f);
        machine(&f->tree, 900, 100);
        v2_group(&f->tree, "/a", "max 100000", 500000, "max", 0, 0);
        second(f);
        assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), rows[i].percent);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void v1_group(const struct tree *t, const char *path, const char *quota, uint64_t nsec,
                     uint64_t limit, uint64_t usage, uint64_t inactive)
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
    tree_write(t, name, "inactive_file 1\ntotal_inactive_file %llu\n",
               (unsigned long long)inactive);
}

static void v1_limits_count_at_every_level(void **state)
{
    const uint64_t none = 9223372036854771712u;
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    tree_write(&f->tree, "proc/self/cgroup",
               "11:memory:/docker/abc\n4:cpuacct,cpu:/docker/abc\n3:cpuset:/\n"
               "1:name=systemd:/docker/abc\n");
    v1_group(&f->tree, "", "-1", 0, none, 8 * GIB, 0);
    v1_group(&f->tree, "/docker", "100000", 0, none, 4 * GIB, 0);
    v1_group(&f->tree, "/docker/abc", "-1", 0, 2 * GIB, GIB + GIB / 2, GIB / 2);
    start(f);
    v1_group(&f->tree, "", "-1", SEC, none, 8 * GIB, 0);
    v1_group(&f->tree, "/docker", "100000", SEC / 4, none, 4 * GIB, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
}

static void a_v1_cpuset_is_a_limit_with_the_groups_own_time(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    tree_write(&f->tree, "proc/self/cgroup", "4:cpu,cpuacct:/x\n3:cpuset:/y\n");
    v1_group(&f->tree, "/x", "-1", 0, 0, 0, 0);
    tree_write(&f->tree, "cgroup/cpuset/y/cpuset.cpus", "2-3\n");
    start(f);
    v1_group(&f->tree, "/x", "-1", SEC, 0, 0, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 5000);
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
        machine(&f->tree, 0, 0);
        v2_here(&f->tree, paths[i]);
        v2_group(&f->tree, "", "100000 100000", 0, "1073741824", GIB / 2, 0);
        start(f);
        v2_group(&f->tree, "", "100000 100000", 250000, "1073741824", GIB / 2, 0);
        second(f);
        assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
        assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void a_cpuset_is_found_from_outside_the_container_too(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/docker/abc");
    v2_group(&f->tree, "", "max 100000", 0, "max", 0, 0);
    tree_write(&f->tree, "cgroup/cpuset.cpus.effective", "2\n");
    start(f);
    v2_group(&f->tree, "", "max 100000", 750000, "max", 0, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 7500);
}

/* Hybrid: memory in a v1 hierarchy, the rest in v2 under unified/. */
static void a_hybrid_machine_reads_each_controller_where_it_is(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    tree_write(&f->tree, "proc/self/cgroup", "2:memory:/m\n0::/u\n");
    tree_write(&f->tree, "cgroup/unified/cgroup.controllers", "cpu\n");
    tree_write(&f->tree, "cgroup/memory/m/memory.limit_in_bytes", "1073741824\n");
    tree_write(&f->tree, "cgroup/memory/m/memory.usage_in_bytes", "268435456\n");
    v2_group(&f->tree, "/unified/u", "100000 100000", 0, "1", 1, 0);
    start(f);
    v2_group(&f->tree, "/unified/u", "100000 100000", 100000, "1", 1, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 1000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
}

static void a_process_that_is_moved_is_followed(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/old");
    v2_group(&f->tree, "/old", "100000 100000", 0, "1073741824", GIB / 2, 0);
    v2_group(&f->tree, "/new", "200000 100000", 5000000, "2147483648", GIB / 2, 0);
    start(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
    v2_here(&f->tree, "/new");
    tree_remove(&f->tree, "cgroup/old");
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
    v2_group(&f->tree, "/new", "200000 100000", 5500000, "2147483648", GIB / 2, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
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

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/g");
    v2_group(&f->tree, "/g", "100000 100000", 0, "1073741824", GIB / 2, 0);
    start(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
    empty_group(&f->tree);
    machine(&f->tree, 400, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 10000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
    v2_group(&f->tree, "/g", "100000 100000", 0, "1073741824", GIB / 2, 0);
    for (int i = 0; i < 64; i++)
        second(f);
    v2_group(&f->tree, "/g", "100000 100000", 500000, "1073741824", GIB / 2, 0);
    second(f);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 5000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 5000);
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

        machine(&f->tree, 0, 0);
        v2_here(&f->tree, "/");
        v2_group(&f->tree, "", "100000 100000", 0, "1073741824", GIB / 2, 0);
        tree_write(&f->tree, rows[i].path, "%s", rows[i].text);
        start(f);
        machine(&f->tree, 100, 300);
        second(f);
        assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), cpu ? 2500 : 0);
        assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), cpu ? 5000 : 2500);
        metrics_free(f->m);
        f->m = NULL;
    }
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
        machine(&f->tree, 0, 0);
        tree_write(&f->tree, rows[i].path, "%s", rows[i].text);
        start(f);
        second(f);
        for (uint64_t number = 1; number < 10; number += number == 2 ? 7 : 1)
            assert_int_equal(value_of(f->m, number) == ABSENT, number == rows[i].number);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void an_empty_tree_has_no_values_and_no_crash(void **state)
{
    struct fixture *f = *state;
    struct wire_values values;

    start(f);
    second(f);
    metrics_values(f->m, &values);
    assert_int_equal(values.count, 0);
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
        machine(&f->tree, 0, 0);
        tree_write(&f->tree, "cgroup/cgroup.controllers", "cpu\n");
        tree_write(&f->tree, "proc/self/cgroup", "%s",
                   i < sizeof texts / sizeof texts[0] ? texts[i] : longest);
        start(f);
        second(f);
        assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
        metrics_free(f->m);
        f->m = NULL;
    }
}

static void a_sample_too_soon_changes_nothing(void **state)
{
    struct fixture *f = *state;

    machine(&f->tree, 0, 0);
    start(f);
    machine(&f->tree, 100, 300);
    tree_write(&f->tree, "proc/loadavg", "9.00 0 0\n");
    metrics_sample(f->m, f->now + SEC - 1, SEC);
    assert_int_equal(value_of(f->m, 9), 1250);
    metrics_sample(f->m, f->now + SEC, SEC);
    assert_int_equal(value_of(f->m, 9), 9000);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
    /* Too close for a difference: the last one stands, whatever the clock says. */
    machine(&f->tree, 500, 300);
    metrics_sample(f->m, f->now + SEC + 1, 0);
    metrics_sample(f->m, 0, 0);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 2500);
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

static void descriptors_are_kept_while_sampling_and_given_back(void **state)
{
    struct fixture *f = *state;
    size_t before = open_files(), during;

    machine(&f->tree, 0, 0);
    v2_here(&f->tree, "/a/b");
    v2_group(&f->tree, "/a", "100000 100000", 0, "1073741824", GIB / 2, 0);
    v2_group(&f->tree, "/a/b", "100000 100000", 0, "1073741824", GIB / 2, 0);
    start(f);
    during = open_files();
    assert_true(during > before);
    for (int i = 0; i < 20; i++) {
        v2_here(&f->tree, i % 2 ? "/a/b" : "/a");
        second(f);
    }
    assert_int_equal(open_files(), during);
    metrics_free(f->m);
    f->m = NULL;
    assert_int_equal(open_files(), before);
}

static void an_applications_own_metrics_are_numbered_as_they_come(void **state)
{
    struct fixture *f = *state;
    struct wire_metrics names;
    struct wire_values values;

    machine(&f->tree, 0, 0);
    start(f);
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
    assert_int_equal(value_of(f->m, 64), 8);
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
    machine(&f->tree, 0, 0);
    metrics_free(f->m);
    f->m = NULL;
    start(f);
    for (size_t i = 0; i < made; i++) {
        snprintf(name, sizeof name, "metric_%zu", i);
        assert_int_equal(metrics_set(f->m, name, 0, i), 0);
    }
    assert_int_equal(metrics_set(f->m, "requests_in_flight", 0, 1), QHCP_E_FULL);
    assert_int_equal(metrics_set(f->m, "metric_0", 0, 5), 0);
    second(f);
    metrics_values(f->m, &values);
    assert_int_equal(values.count, LIMIT_METRICS);
    assert_int_equal(value_of(f->m, WIRE_METRIC_CPU), 0);
    assert_int_equal(value_of(f->m, WIRE_METRIC_MEMORY), 2500);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    tree_init(&f->tree);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    metrics_free(f->m);
    tree_deinit(&f->tree);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_cgroups_the_whole_machine_counts),
        TEST(the_first_sample_alone_has_a_figure_for_every_required_metric),
        TEST(iowait_is_idle_and_steal_is_not),
        TEST(counters_that_run_backwards_never_give_more_than_all),
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
        TEST(a_group_that_vanishes_leaves_the_machines_figures_until_it_is_back),
        TEST(malformed_limits_fall_back_to_the_machine),
        TEST(malformed_files_of_the_machine_leave_their_metric_out),
        TEST(an_empty_tree_has_no_values_and_no_crash),
        TEST(hostile_membership_lines_are_survived),
        TEST(a_sample_too_soon_changes_nothing),
        TEST(descriptors_are_kept_while_sampling_and_given_back),
        TEST(an_applications_own_metrics_are_numbered_as_they_come),
        TEST(a_bad_metric_of_the_application_is_refused),
        TEST(an_application_cannot_crowd_out_what_is_required),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
