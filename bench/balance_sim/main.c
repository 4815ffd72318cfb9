/* balance_sim [--short] [--seed N] [--only ALGORITHM]: which algorithm serves a fleet best, by
 * simulation.
 *
 * First Prequal's published comparison (NSDI '24, section 5.1), redone: servers with a guaranteed
 * part of a machine, neighbours that leave more than that on some machines and nothing on others,
 * and a load that grows in steps of 10/9 from 0.75 to 1.74 of what is guaranteed.  Then the same
 * fleet with a third of the servers at half the speed.  The same seed prints the same figures. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static double normal(struct prng *r)
{
    return sqrt(-2 * log(1 - prng_unit(r))) * cos(6.283185307179586 * prng_unit(r));
}

/* Mean 1: normal with mean and deviation 1, cut at 0 as the paper has it, which makes the mean
 * 1 + phi(1) / Phi(1) = 1.2876; that is taken back. */
static double draw_work(struct prng *r)
{
    double x;

    do
        x = 1 + normal(r);
    while (x <= 0);
    return x / 1.2876;
}

static void record(struct outcome *o, const struct request *q, qhcp_nsec now)
{
    qhcp_nsec took = now - q->begun;

    if (o->n == o->cap) {
        o->cap = o->cap ? 2 * o->cap : 1 << 16;
        o->latency = realloc(o->latency, o->cap * sizeof *o->latency);
        o->in_flight = realloc(o->in_flight, o->cap * sizeof *o->in_flight);
        if (!o->latency || !o->in_flight)
            abort();
    }
    o->late += took > DEADLINE;
    o->in_flight[o->n] = q->in_flight;
    o->latency[o->n++] = (float)nsec_min(took, DEADLINE) / 1000.0f;
}

struct world {
    struct scenario c;
    const struct balance_algorithm *algorithm;
    struct server *servers;
    struct lb *lbs;
    struct wheel wheel;
    struct prng random;
    struct outcome outcome;
};

static void arrive(struct world *w, qhcp_nsec now)
{
    uint32_t l = prng_below(&w->random, w->c.lbs);
    struct balance_request r = {.now = now, .key = prng_next(&w->random)};
    uint32_t to = balance_pick(w->lbs[l].worker, &r);
    struct server *s = &w->servers[to];

    load_begin(w->lbs[l].servers[to].load, w->lbs[l].fleet.all);
    server_add(s, now, draw_work(&w->random) * w->c.work, l);
    wheel_set(&w->wheel, &s->node, server_deadline(s));
}

static void depart(struct world *w, struct server *s, qhcp_nsec now)
{
    struct request q;
    struct lb *lb;

    if (s->next_cores <= now) {
        server_disturb(s, &w->c, &w->random, now);
    } else {
        q = server_take(s, now);
        lb = &w->lbs[q.lb];
        load_latency(&lb->loads[s - w->servers], now, (float)(now - q.begun) / 1000.0f);
        load_end(&lb->loads[s - w->servers], lb->fleet.all, false);
        if (now >= (qhcp_nsec)(w->c.warm * 1e9))
            record(&w->outcome, &q, now);
    }
    wheel_set(&w->wheel, &s->node, server_deadline(s));
}

static void run(struct world *w)
{
    double rate = w->c.load * w->c.cores * (double)w->c.servers / w->c.work;
    qhcp_nsec end = (qhcp_nsec)((w->c.warm + w->c.seconds) * 1e9), arrival = 0, report = 0;
    qhcp_nsec apart = REPORT / w->c.lbs;
    struct wheel_timer *due;
    size_t turn = 0;

    for (qhcp_nsec now = 0; now < end;) {
        now = nsec_min(nsec_min(arrival, report), wheel_deadline(&w->wheel));
        if (now == report) { /* one load balancer after the other */
            if (turn % w->c.lbs == 0)
                for (size_t i = 0; i < w->c.servers; i++)
                    server_report(&w->servers[i], now);
            lb_update(&w->lbs[turn % w->c.lbs], w->servers, w->algorithm, now, turn);
            turn++;
            report += turn < w->c.lbs ? 0 : apart;
        } else if (now == arrival) {
            arrive(w, now);
            arrival = now + 1 + (qhcp_nsec)(-log(1 - prng_unit(&w->random)) / rate * 1e9);
        } else if ((due = wheel_due(&w->wheel, now))) {
            depart(w, (struct server *)due, now);
        }
    }
}

static int by_latency(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static int by_count(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double quantile(const struct outcome *o, double share)
{
    return (double)o->latency[(size_t)(share * (double)(o->n - 1))] / 1000;
}

/* ms; late: per cent. */
struct figures {
    double p50, p90, p99, p999, late;
    unsigned in_flight;
};

static struct figures sum_up(struct outcome *o)
{
    qsort(o->latency, o->n, sizeof *o->latency, by_latency);
    qsort(o->in_flight, o->n, sizeof *o->in_flight, by_count);
    return (struct figures){.p50 = quantile(o, 0.5),
                            .p90 = quantile(o, 0.9),
                            .p99 = quantile(o, 0.99),
                            .p999 = quantile(o, 0.999),
                            .late = 100.0 * (double)o->late / (double)o->n,
                            .in_flight = o->in_flight[(size_t)(0.99 * (double)(o->n - 1))]};
}

static struct figures simulate(const struct scenario *c, const struct balance_algorithm *a)
{
    struct figures figures;
    struct world w = {.c = *c, .algorithm = a, .random = {c->seed}};

    w.servers = calloc(c->servers, sizeof *w.servers);
    w.lbs = calloc(c->lbs, sizeof *w.lbs);
    if (!w.servers || !w.lbs || wheel_reserve(&w.wheel, c->servers) != 0)
        abort();
    for (size_t i = 0; i < c->servers; i++) {
        server_init(&w.servers[i], c, &w.random, i);
        wheel_set(&w.wheel, &w.servers[i].node, server_deadline(&w.servers[i]));
    }
    for (size_t i = 0; i < c->lbs; i++)
        lb_init(&w.lbs[i], c->servers);
    run(&w);
    figures = sum_up(&w.outcome);
    for (size_t i = 0; i < c->servers; i++)
        free(w.servers[i].heap);
    for (size_t i = 0; i < c->lbs; i++)
        lb_deinit(&w.lbs[i]);
    free(w.servers);
    free(w.lbs);
    free(w.outcome.latency);
    free(w.outcome.in_flight);
    wheel_deinit(&w.wheel);
    return figures;
}

static void sweep(struct scenario c, unsigned steps, unsigned every, const char *only)
{
    printf("%s: %zu servers of %.0f cores, %zu load balancers, %.0f s, seed %llu\n\n", c.name,
           c.servers, c.cores, c.lbs, c.seconds, (unsigned long long)c.seed);
    printf("| load | algorithm         | p50 ms | p90 ms | p99 ms | p99.9 ms | in flight p99 | "
           "over 5 s |\n"
           "|-----:|-------------------|-------:|-------:|-------:|---------:|--------------:|-----"
           "----:|\n");
    for (unsigned step = 0; step < steps; step += every) {
        c.load = 0.75 * pow(10.0 / 9.0, step);
        for (size_t a = 0; balance_at(a); a++) {
            struct figures f;

            if (only && strcmp(only, balance_name(balance_at(a))) != 0)
                continue;
            f = simulate(&c, balance_at(a));
            printf("| %.2f | %-17s | %6.1f | %6.1f | %6.0f | %8.0f | %13u | %6.2f %% |\n", c.load,
                   balance_name(balance_at(a)), f.p50, f.p90, f.p99, f.p999, f.in_flight, f.late);
            fflush(stdout);
        }
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"short", no_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, 'n'},
                                            {"only", required_argument, NULL, 'o'},
                                            {0}};
    struct scenario c = {.servers = 100,
                         .lbs = 10,
                         .cores = 4,
                         .spare = 6,
                         .contended = 0.3,
                         .work = 0.01,
                         .seconds = 20,
                         .warm = 10,
                         .seed = 1};
    const char *only = NULL;
    bool brief = false;

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 's')
            brief = true;
        else if (o == 'n')
            c.seed = strtoull(optarg, NULL, 10);
        else if (o == 'o')
            only = optarg;
        else
            return 2;
    }
    if (only && !balance_find(only)) {
        fprintf(stderr, "balance_sim: there is no algorithm \"%s\"\n", only);
        return 2;
    }
    if (brief) {
        c.seconds = 2;
        c.warm = 1;
    }
    c.name = "Load that grows, neighbours that come and go";
    sweep(c, 9, brief ? 8 : 2, only);
    c.name = "The same, and a third of the servers at half the speed";
    c.slow = 1.0 / 3;
    sweep(c, brief ? 1 : 4, brief ? 1 : 3, only);
    return 0;
}
