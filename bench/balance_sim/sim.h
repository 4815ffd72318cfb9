/* The simulation of balancing: servers that share their processors among the requests they have,
 * neighbours that take some of those away, and load balancers that run the code of src/balance. */
#ifndef QHCP_BENCH_BALANCE_SIM_H
#define QHCP_BENCH_BALANCE_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "balance/balance.h"
#include "base/prng.h"
#include "base/wheel.h"

#define SERVERS_MAX 1000
#define LBS_MAX 100
#define LEVELS 16 /* of requests in flight, for latencies: powers of 1.4 */

struct request {
    double finish; /* the server's virtual time at which it is done */
    qhcp_nsec begun;
    uint32_t lb;
    uint32_t in_flight; /* at its arrival, with itself */
};

/* Processor sharing: each of n requests proceeds at min(1, cores / n). */
struct server {
    struct wheel_timer node; /* first: when its next request is done */
    struct request *heap;    /* by finish */
    size_t n, cap;
    double virtual; /* seconds of work that each request there has had since the beginning */
    qhcp_nsec at;   /* of `virtual` */
    double cores;   /* now; its own are `allotted` */
    double allotted;
    double speed;         /* of its processors */
    qhcp_nsec next_cores; /* when a neighbour changes */

    /* What it reports of itself. */
    double used, used_before; /* seconds of processor, ever, and at the last report */
    uint64_t done, done_before;
    qhcp_nsec reported;
    float utilization, rate;
    float latency[LEVELS]; /* us, by level of requests in flight; 0: unknown */
};

struct lb {
    struct load *loads; /* its own counts: n + 1 */
    struct fleet_server *servers;
    struct fleet fleet;
    struct balance *balance;
    struct balance_worker *worker;
};

struct scenario {
    const char *name;
    size_t servers, lbs;
    double load;      /* of all that is allotted */
    double cores;     /* allotted to each */
    double spare;     /* cores besides, at most, where neighbours leave them */
    double contended; /* share of servers whose neighbours leave nothing, at any time */
    double slow;      /* share of servers with half the speed */
    double work;      /* seconds of processor that a request takes, mean; normal, cut at 0 */
    double seconds, warm;
    uint64_t seed;
};

struct outcome {
    float *latency;      /* us, of every request that ended in the measured time */
    uint32_t *in_flight; /* that each of them found at its server, with itself */
    size_t n, cap;
    uint64_t late; /* took more than 5 s: its client is gone */
};

#define DEADLINE (5 * NSEC_PER_SEC)
#define REPORT (100 * NSEC_PER_MSEC)

/* server.c */
void server_init(struct server *s, const struct scenario *c, struct prng *r, size_t i);
void server_advance(struct server *s, qhcp_nsec now);
/* The neighbours have changed. */
void server_disturb(struct server *s, const struct scenario *c, struct prng *r, qhcp_nsec now);
void server_add(struct server *s, qhcp_nsec now, double work, uint32_t lb);
/* The request that is done. */
struct request server_take(struct server *s, qhcp_nsec now);
qhcp_nsec server_deadline(const struct server *s);
void server_report(struct server *s, qhcp_nsec now);
float server_latency(const struct server *s);

/* lb.c */
void lb_init(struct lb *lb, size_t n);
void lb_deinit(struct lb *lb);
/* Takes up what the servers report; makes plan and table anew. */
void lb_update(struct lb *lb, const struct server *servers, const struct balance_algorithm *a,
               qhcp_nsec now, uint64_t seed);

#endif
