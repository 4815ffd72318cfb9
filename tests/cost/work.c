/* What test_cost.py counts: a load balancer's core and servers' cores in memory, back to back.
 *
 * Under callgrind, which is told to count in one side's public functions alone.  Each phase ends
 * with a dump of its own, and a line that says how often what was counted has happened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <valgrind/callgrind.h>
#include <cmocka.h>

#include "../unit/core/pair.h"
#include "base/time.h"
#include "wire/registry.h"

#define INTERVAL (100 * NSEC_PER_MSEC)
#define ROUNDS 10
#define ROUND                                                                                      \
    (10 * INTERVAL) /* as often a server measures itself: new figures in one of 10 answers */
#define PUSHES 16
#define PUSH (4 * PAIR_LATENCY) /* all are much sooner than the interval is over */

/* The name must be a constant. */
#define END(name, count)                                                                           \
    do {                                                                                           \
        CALLGRIND_DUMP_STATS_AT(name);                                                             \
        printf("%s %lu\n", name, count);                                                           \
    } while (0)

static unsigned long answers(const struct pair *p)
{
    unsigned long n = 0;
    struct qhcp_view v;

    for (size_t i = 0; i < qhcp_lb_count(p->lb); i++)
        n += qhcp_lb_figures(p->lb, i, &v) == 0 ? v.checks_ok : 0;
    return n;
}

static void measure(struct pair *p, unsigned round)
{
    for (unsigned i = 0; i < PAIR_SERVERS; i++) {
        assert_int_equal(qhcp_server_set_metric(p->servers[i], "cpu_usage_percent",
                                                WIRE_UNIT_PERCENT, 1000 + 10 * round + i),
                         0);
        assert_int_equal(
            qhcp_server_set_metric(p->servers[i], "memory_usage_percent", WIRE_UNIT_PERCENT, 5000),
            0);
    }
}

/* With the session, the first checks, and the verdict. */
static void handshakes(struct pair *p, const struct qhcp_lb_config *config)
{
    CALLGRIND_ZERO_STATS;
    pair_watch(p, PAIR_SERVERS, config);
    assert_true(pair_run(p, 10 * INTERVAL, pair_all_up));
    END("handshake", (unsigned long)PAIR_SERVERS);
}

static void checks(struct pair *p)
{
    unsigned long before;

    pair_run(p, 2 * INTERVAL, NULL);
    before = answers(p);
    CALLGRIND_ZERO_STATS;
    for (unsigned i = 0; i < ROUNDS; i++) {
        measure(p, i);
        pair_run(p, ROUND, NULL);
    }
    END("check", answers(p) - before);
}

/* Where in the interval each server is checked is by chance: waits until none is for a while. */
static void pass_checks(struct pair *p, qhcp_nsec quiet)
{
    for (qhcp_nsec end = p->now + 4 * INTERVAL; qhcp_lb_deadline(p->lb) < p->now + quiet;) {
        assert_true(p->now < end);
        pair_run(p, INTERVAL / 100, NULL);
    }
}

/* A server changes its status: what it pushes is known, and acknowledged by a check. */
static void pushes(struct pair *p)
{
    pass_checks(p, 2 * PUSHES * PUSH);
    CALLGRIND_ZERO_STATS;
    for (int i = 0; i < PUSHES; i++) {
        enum qhcp_status status = i / PAIR_SERVERS % 2 ? QHCP_SERVING : QHCP_DEGRADED;

        qhcp_server_set_status(p->servers[i % PAIR_SERVERS], p->now, status, "trial");
        pair_run(p, PUSH, NULL);
    }
    END("push", (unsigned long)PUSHES);
}

/* Servers send their status by themselves: beats, and the regular check among them. */
static void listening(struct pair *p, struct qhcp_lb_config config)
{
    unsigned long before;

    config.liveness = QHCP_LIVENESS_LISTEN;
    pair_reload(p, &config);
    pair_run(p, 4 * INTERVAL, NULL);
    before = answers(p);
    CALLGRIND_ZERO_STATS;
    pair_run(p, 2 * ROUNDS * ROUND, NULL);
    END("listening", answers(p) - before);
}

int main(void)
{
    const struct qhcp_lb_config config = {.liveness_interval = INTERVAL};
    static struct pair p;

    pair_init(&p);
    p.metrics_given = true; /* what a machine measures is not the same twice */
    for (int i = 0; i < PAIR_SERVERS; i++)
        pair_start(&p, i);
    measure(&p, 0);
    CALLGRIND_START_INSTRUMENTATION;
    handshakes(&p, &config);
    checks(&p);
    pushes(&p);
    listening(&p, config);
    CALLGRIND_STOP_INSTRUMENTATION;
    pair_deinit(&p);
    return 0;
}
