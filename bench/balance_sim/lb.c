/* One load balancer: counts of its own, and a fleet made of what the servers report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static void *room(size_t size)
{
    void *p =
        aligned_alloc(BALANCE_ALIGN, (size + BALANCE_ALIGN - 1) / BALANCE_ALIGN * BALANCE_ALIGN);

    if (!p)
        abort();
    return memset(p, 0, size);
}

void lb_init(struct lb *lb, size_t n)
{
    char name[32];

    *lb = (struct lb){.loads = room((n + 1) * sizeof(struct load)),
                      .servers = room(n * sizeof(struct fleet_server))};
    lb->fleet =
        (struct fleet){.servers = lb->servers, .n = n, .slots = (uint32_t)n, .all = &lb->loads[n]};
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "server-%zu:80", i);
        lb->servers[i] = (struct fleet_server){.load = &lb->loads[i],
                                               .key = fleet_key(name),
                                               .slot = (uint32_t)i,
                                               .weight = 1,
                                               .share = FLEET_SHARE,
                                               .utilization = FLEET_UNKNOWN,
                                               .rate = FLEET_UNKNOWN,
                                               .in_flight = FLEET_UNKNOWN,
                                               .latency_us = FLEET_UNKNOWN};
    }
}

void lb_deinit(struct lb *lb)
{
    free(lb->loads);
    free(lb->servers);
    free(lb->balance);
    free(lb->worker);
}

void lb_update(struct lb *lb, const struct server *servers, const struct balance_algorithm *a,
               qhcp_nsec now, uint64_t seed)
{
    struct balance *old = lb->balance;
    struct balance_worker *before = lb->worker;

    for (size_t i = 0; i < lb->fleet.n; i++) {
        const struct server *s = &servers[i];
        struct fleet_server *f = &lb->servers[i];
        float latency = server_latency(s);

        if (s->reported > 0) {
            f->utilization = (uint32_t)(s->utilization * 1000);
            f->rate = (uint32_t)(s->rate * 1000);
        }
        f->in_flight = (uint32_t)s->n;
        f->in_flight_ours = load_in_flight(f->load);
        f->latency_us = latency > 0 ? (uint32_t)latency : FLEET_UNKNOWN;
    }
    lb->fleet.made = now;
    lb->balance = balance_init(room(balance_size(a, lb->fleet.n)), a, &lb->fleet);
    lb->worker =
        balance_worker_init(room(balance_worker_size(lb->balance)), lb->balance, before, seed);
    free(before);
    free(old);
}
