/* pick: how long one pick takes, for each algorithm and three sizes of a fleet.
 *
 * Two worlds: the whole fleet fits the caches, or it does not; both are in the table.  Every server
 * has some requests in flight and a latency, and each pick is of another source.  The median of
 * nine runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "balance/balance.h"

#define RUNS 9
#define PICKS 200000

static const size_t sizes[] = {10, 1000, 100000};
#define SIZES (sizeof sizes / sizeof sizes[0])

static volatile uint32_t sink; /* what was picked is used for something */

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *room(size_t size)
{
    void *p =
        aligned_alloc(BALANCE_ALIGN, (size + BALANCE_ALIGN - 1) / BALANCE_ALIGN * BALANCE_ALIGN);

    if (!p)
        abort();
    return memset(p, 0, size);
}

static struct fleet make_fleet(size_t n)
{
    struct load *loads = room((n + 1) * sizeof *loads);
    struct fleet_server *servers = room(n * sizeof *servers);
    char name[32];

    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "10.%zu.%zu.%zu:80", i >> 16, i >> 8 & 255, i & 255);
        servers[i] = (struct fleet_server){.load = &loads[i],
                                           .key = fleet_key(name),
                                           .slot = (uint32_t)i,
                                           .weight = 1 + i % 3,
                                           .share = FLEET_SHARE,
                                           .utilization = 300 + i % 400,
                                           .rate = 100000,
                                           .in_flight = FLEET_UNKNOWN,
                                           .latency_us = FLEET_UNKNOWN};
        for (size_t k = 0; k < i % 8; k++)
            load_begin(&loads[i], &loads[n]);
        load_latency(&loads[i], NSEC_PER_SEC, (float)(1000 + i % 5000));
    }
    return (struct fleet){.servers = servers, .n = n, .slots = (uint32_t)n, .all = &loads[n]};
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Nanoseconds a pick, and (in *ret_ms) what making the table took. */
static double measure(const struct balance_algorithm *a, const struct fleet *f, double *ret_ms)
{
    double begun = now(), runs[RUNS];
    struct balance *b = balance_init(room(balance_size(a, f->n)), a, f);
    struct balance_worker *w;
    struct balance_request r = {.now = 2 * NSEC_PER_SEC};

    *ret_ms = (now() - begun) / 1e6;
    w = balance_worker_init(room(balance_worker_size(b)), b, NULL, 1);
    for (size_t run = 0; run < RUNS; run++) {
        begun = now();
        for (size_t i = 0; i < PICKS; i++) {
            r.key += UINT64_C(0x9e3779b97f4a7c15);
            sink ^= balance_pick(w, &r);
        }
        runs[run] = (now() - begun) / PICKS;
    }
    qsort(runs, RUNS, sizeof runs[0], ascending);
    free(w);
    free(b);
    return runs[RUNS / 2];
}

int main(void)
{
    struct fleet fleets[SIZES];

    printf("ns a pick, median of %d runs of %d; in brackets ms to make plan and table anew\n\n",
           RUNS, PICKS);
    printf("| %-17s |", "algorithm");
    for (size_t i = 0; i < SIZES; i++) {
        fleets[i] = make_fleet(sizes[i]);
        printf(" %9zu servers |", sizes[i]);
    }
    printf("\n|-------------------|");
    for (size_t i = 0; i < SIZES; i++)
        printf("------------------:|");
    for (size_t a = 0; balance_at(a); a++) {
        printf("\n| %-17s |", balance_name(balance_at(a)));
        for (size_t i = 0; i < SIZES; i++) {
            double ms, ns = measure(balance_at(a), &fleets[i], &ms);

            printf(" %7.1f (%7.2f) |", ns, ms);
            fflush(stdout);
        }
    }
    printf("\n");
    return 0;
}
