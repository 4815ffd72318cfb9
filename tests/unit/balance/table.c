#include "table.h"

#include <stdio.h>

static void *aligned(size_t size)
{
    void *p =
        aligned_alloc(BALANCE_ALIGN, (size + BALANCE_ALIGN - 1) / BALANCE_ALIGN * BALANCE_ALIGN);

    assert_non_null(p);
    return p;
}

void table_init(struct table *t, size_t n)
{
    char name[32];

    *t = (struct table){.fleet = {.n = n, .slots = (uint32_t)n}};
    t->loads = aligned((n + 1) * sizeof *t->loads);
    memset(t->loads, 0, (n + 1) * sizeof *t->loads);
    t->servers = calloc(n, sizeof *t->servers);
    assert_non_null(t->servers);
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "10.0.%zu.%zu:80", i / 256, i % 256);
        t->servers[i] = (struct fleet_server){.load = &t->loads[i],
                                              .key = fleet_key(name),
                                              .slot = (uint32_t)i,
                                              .weight = 1,
                                              .share = FLEET_SHARE,
                                              .utilization = FLEET_UNKNOWN,
                                              .rate = FLEET_UNKNOWN,
                                              .in_flight = FLEET_UNKNOWN,
                                              .latency_us = FLEET_UNKNOWN};
    }
    t->fleet.servers = t->servers;
    t->fleet.all = &t->loads[n];
}

void table_deinit(struct table *t)
{
    free(t->balance);
    free(t->worker);
    free(t->loads);
    free(t->servers);
}

void table_use(struct table *t, const char *algorithm)
{
    struct balance *old = t->balance;
    struct balance_worker *before = t->worker;

    t->algorithm = balance_find(algorithm);
    if (!t->algorithm)
        fail_msg("there is no %s", algorithm);
    t->balance =
        balance_init(aligned(balance_size(t->algorithm, t->fleet.n)), t->algorithm, &t->fleet);
    t->worker =
        balance_worker_init(aligned(balance_worker_size(t->balance)), t->balance, before, 1);
    free(before);
    free(old);
}

uint32_t table_pick(struct table *t)
{
    return balance_pick(t->worker, &t->request);
}

/* Keys are as good as random, and nothing stays in flight. */
void table_count(struct table *t, size_t n, unsigned *counts)
{
    memset(counts, 0, t->fleet.n * sizeof *counts);
    for (size_t i = 0; i < n; i++) {
        uint32_t picked;

        t->request.key = i * UINT64_C(0x9e3779b97f4a7c15);
        picked = table_pick(t);
        assert_true(picked < t->fleet.n);
        counts[picked]++;
    }
}
