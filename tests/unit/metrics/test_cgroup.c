/* With real control groups, v1 or v2, where this machine lets us make one; else skipped.  A child
 * takes its first sample outside, joins, and is then measured against the group's limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "metrics/cgroup.h"
#include "wire/registry.h"

#define ROOT "/sys/fs/cgroup"
#define LIMIT (UINT64_C(256) << 20) /* bytes in the group */

static char groups[3][128]; /* made and to be removed */
static size_t n_groups;

static bool put(const char *dir, const char *name, const char *text)
{
    char path[256];
    int fd;
    bool done;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

/* A new group under that mount, NULL where it cannot be made or lacks `file`. */
static const char *make(const char *mount, const char *file)
{
    char *dir = groups[n_groups], path[256];

    snprintf(dir, sizeof groups[0], "%s/qhcp-test-%d", mount, (int)getpid());
    if (mkdir(dir, 0755) != 0)
        return NULL;
    n_groups++;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    return access(path, W_OK) == 0 ? dir : NULL;
}

static bool make_cpu(void)
{
    const char *dir = make(ROOT "/cpu", "cpu.cfs_quota_us");

    if (dir != NULL)
        return put(dir, "cpu.cfs_period_us", "100000") && put(dir, "cpu.cfs_quota_us", "20000") &&
               make(ROOT "/cpuacct", "cpuacct.usage") != NULL;
    put(ROOT, "cgroup.subtree_control", "+cpu");
    dir = make(ROOT, "cpu.max");
    return dir != NULL && put(dir, "cpu.max", "20000 100000");
}

static bool make_memory(void)
{
    const char *dir = make(ROOT "/memory", "memory.limit_in_bytes");

    if (dir != NULL)
        return put(dir, "memory.limit_in_bytes", "268435456");
    put(ROOT, "cgroup.subtree_control", "+memory");
    dir = make(ROOT, "memory.max");
    return dir != NULL && put(dir, "memory.max", "268435456");
}

static void remove_groups(void)
{
    while (n_groups > 0)
        rmdir(groups[--n_groups]);
}

static qhcp_nsec ahead; /* of the clock */

static qhcp_nsec now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ahead + (qhcp_nsec)ts.tv_sec * NSEC_PER_SEC + (qhcp_nsec)ts.tv_nsec;
}

static uint64_t sample(struct metrics *m, uint64_t number)
{
    struct wire_values values;

    metrics_sample(m, now(), 0);
    metrics_values(m, &values);
    for (size_t i = 0; i < values.count; i++)
        if (values.at[i].number == number)
            return values.at[i].value;
    return UINT64_MAX;
}

/* With a first reading, and so long ago that a second one makes a figure. */
static bool begin(struct metrics **ret)
{
    const struct timespec apart = {.tv_nsec = (long)METRICS_PAIR};

    if (metrics_new(NULL, ret) != 0)
        return false;
    metrics_sample(*ret, now(), 0);
    nanosleep(&apart, NULL);
    return true;
}

struct outcome {
    bool joined;
    uint64_t before, idle, busy;
};

static void burn(qhcp_nsec until)
{
    while (now() < until)
        continue;
}

static void measure_cpu(struct metrics *m, struct outcome *out)
{
    const struct timespec pause = {.tv_nsec = 200 * (long)NSEC_PER_MSEC};

    nanosleep(&pause, NULL); /* what is measured is that nothing is used meanwhile */
    out->idle = sample(m, WIRE_METRIC_CPU);
    burn(now() + 500 * NSEC_PER_MSEC);
    out->busy = sample(m, WIRE_METRIC_CPU);
}

static void measure_memory(struct metrics *m, struct outcome *out)
{
    uint8_t *half;

    out->idle = sample(m, WIRE_METRIC_MEMORY);
    half = mmap(NULL, LIMIT / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (half == MAP_FAILED)
        return;
    for (size_t i = 0; i < LIMIT / 2; i += 4096)
        half[i] = 1;
    out->busy = sample(m, WIRE_METRIC_MEMORY);
}

static void child(uint64_t number, void (*measure)(struct metrics *, struct outcome *),
                  struct outcome *out)
{
    const struct timespec apart = {.tv_nsec = 20 * (long)NSEC_PER_MSEC};
    struct metrics *m;

    if (!begin(&m))
        return;
    out->before = sample(m, number);
    out->joined = true;
    for (size_t i = 0; i < n_groups; i++)
        out->joined &= put(groups[i], "cgroup.procs", "0");
    nanosleep(&apart, NULL); /* closer readings are not looked at */
    ahead += CGROUP_AGE;
    sample(m, number); /* notices that it was moved */
    measure(m, out);
    metrics_free(m);
}

static struct outcome run(uint64_t number, void (*measure)(struct metrics *, struct outcome *))
{
    struct outcome *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct outcome out;
    int status;
    pid_t pid;

    assert_true(shared != MAP_FAILED);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child(number, measure, shared);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    remove_groups();
    assert_int_equal(status, 0);
    out = *shared;
    munmap(shared, sizeof *shared);
    return out;
}

static void cpu_is_a_percentage_of_a_real_groups_quota(void **state)
{
    struct outcome out;

    (void)state;
    if (!make_cpu()) {
        remove_groups();
        skip();
    }
    out = run(WIRE_METRIC_CPU, measure_cpu);
    assert_true(out.joined);
    assert_in_range(out.before, 0, 10000);
    assert_in_range(out.idle, 0, 2000);
    assert_in_range(out.busy, 6000, 10000);
}

static void memory_is_a_percentage_of_a_real_groups_limit(void **state)
{
    struct outcome out;

    (void)state;
    if (!make_memory()) {
        remove_groups();
        skip();
    }
    out = run(WIRE_METRIC_MEMORY, measure_memory);
    assert_true(out.joined);
    assert_in_range(out.before, 0, 10000);
    assert_in_range(out.idle, 0, 2000);
    assert_in_range(out.busy, 5000, 7000);
}

static void this_machine_has_figures_between_nothing_and_all(void **state)
{
    struct metrics *m;

    (void)state;
    assert_true(begin(&m));
    assert_in_range(sample(m, WIRE_METRIC_CPU), 0, 10000);
    assert_in_range(sample(m, WIRE_METRIC_MEMORY), 1, 10000);
    assert_int_not_equal(sample(m, 9), UINT64_MAX);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_is_a_percentage_of_a_real_groups_quota),
        cmocka_unit_test(memory_is_a_percentage_of_a_real_groups_limit),
        cmocka_unit_test(this_machine_has_figures_between_nothing_and_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
