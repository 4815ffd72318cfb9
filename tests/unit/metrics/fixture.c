#include "fixture.h"

#include "metrics/cgroup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

uint64_t fixture_value(const struct metrics *m, uint64_t number)
{
    struct wire_values values;

    metrics_values(m, &values);
    for (size_t i = 0; i < values.count; i++)
        if (values.at[i].number == number)
            return values.at[i].value;
    return ABSENT;
}

/* A machine of 4 CPUs and 16 GiB, a quarter of it in use: busy and idle in ticks. */
void fixture_machine(const struct tree *t, unsigned busy, unsigned idle)
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

void fixture_start(struct fixture *f)
{
    assert_int_equal(metrics_new(&f->tree.root, &f->m), 0);
    f->now = 1000 * SEC;
    metrics_sample(f->m, f->now, SEC);
    f->now += 10 * SEC;
    metrics_sample(f->m, f->now, 0);
}

/* Samples a second after the last time: what was used within that second counts. */
void fixture_second(struct fixture *f)
{
    f->now += SEC;
    metrics_sample(f->m, f->now, 0);
}

void fixture_look(struct fixture *f)
{
    f->now += CGROUP_AGE;
    metrics_sample(f->m, f->now, 0);
}

void fixture_v2(const struct tree *t, const char *path, const char *cpu_max, uint64_t usec,
                const char *memory_max, uint64_t current, uint64_t cache)
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
    tree_write(t, name,
               "anon 5\ninactive_anon 9\ninactive_file %llu\nactive_file %llu\n"
               "slab_reclaimable %llu\nslab 9\n",
               (unsigned long long)(cache / 2), (unsigned long long)(cache / 4),
               (unsigned long long)(cache - cache / 2 - cache / 4));
}

void fixture_v2_here(const struct tree *t, const char *path)
{
    tree_write(t, "cgroup/cgroup.controllers", "cpu memory\n");
    tree_write(t, "proc/self/cgroup", "0::%s\n", path);
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    tree_init(&f->tree);
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    metrics_free(f->m);
    tree_deinit(&f->tree);
    free(f);
    return 0;
}
