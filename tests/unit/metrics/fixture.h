/* A machine in a tree, and metrics of it under a clock of the test's. */
#ifndef QHCP_TEST_FIXTURE_H
#define QHCP_TEST_FIXTURE_H

#include "tree.h"

#define SEC NSEC_PER_SEC
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define ABSENT UINT64_MAX

struct fixture {
    struct tree tree;
    struct metrics *m;
    qhcp_nsec now;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* A metric's value by its number, or ABSENT. */
uint64_t fixture_value(const struct metrics *m, uint64_t number);

/* A machine of 4 CPUs and 16 GiB, a quarter of it in use: busy and idle in ticks. */
void fixture_machine(const struct tree *t, unsigned busy, unsigned idle);

/* Makes the metrics and takes the first samples. */
void fixture_start(struct fixture *f);

/* Samples a second after the last time: what was used within that second counts. */
void fixture_second(struct fixture *f);

/* Samples once groups and limits are looked for anew. */
void fixture_look(struct fixture *f);

/* A v2 group's files: cpu.max, usage_usec, memory.max, memory.current, and what of that can be
 * reclaimed, spread over the fields that say so. */
void fixture_v2(const struct tree *t, const char *path, const char *cpu_max, uint64_t usec,
                const char *memory_max, uint64_t current, uint64_t cache);
/* v2 is mounted and this process is in that group. */
void fixture_v2_here(const struct tree *t, const char *path);

#endif
