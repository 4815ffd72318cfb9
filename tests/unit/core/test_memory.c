/* What one more server costs, in bytes of the heap: watched by a load balancer, and embedded in a
 * process.  Each limit is a little above what the code of today takes.  A change that needs more
 * raises it, and says why.  The sizes of the structs that there are one of for each server are
 * limits too.
 *
 * The malloc of a sanitized build counts otherwise: there the limits of the heap are a tenth above.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"
#include "quic/internal.h"
#include "server/internal.h"

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#define heap_used() __sanitizer_get_current_allocated_bytes()
#else
static size_t heap_used(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}
#endif

#define SEC UINT64_C(1000000000)

#define LIMIT_WATCHED 28900 /* it differs by 800 from run to run */
#define LIMIT_IDLE 11700
#define LIMIT_CONNECTED 46000

struct cost {
    size_t lb;        /* of a load balancer with n servers, with their sessions */
    size_t connected; /* of the last server with its session */
    size_t idle;      /* of the last server, before anybody came */
};

static struct cost measure(int n)
{
    static struct pair p;
    struct cost cost;
    size_t before;

    pair_init(&p);
    for (int i = 0; i < n; i++) {
        before = heap_used();
        p.share = i > 0 ? p.servers[0] : NULL;
        p.metrics_given = true;
        pair_start(&p, i);
        cost.idle = heap_used() - before;
    }
    pair_watch(&p, n, NULL);
    assert_true(pair_run(&p, 5 * SEC, pair_all_up));
    pair_run(&p, 30 * SEC, NULL); /* metrics were asked for, and all is quiet */
    before = heap_used();
    qhcp_lb_free(p.lb);
    p.lb = NULL;
    cost.lb = before - heap_used();
    before = heap_used();
    pair_kill(&p, n - 1);
    cost.connected = before - heap_used();
    pair_deinit(&p);
    return cost;
}

static void hold(const char *what, size_t bytes, size_t limit)
{
#ifdef __SANITIZE_ADDRESS__
    limit += limit / 10;
#endif
    print_message("%s: %zu bytes, at most %zu\n", what, bytes, limit);
    assert_in_range(bytes, 1, limit);
}

static void one_more_server_costs_so_much(void **state)
{
    struct cost one = measure(1), all = measure(PAIR_SERVERS);

    (void)state;
    hold("watched, in the load balancer", (all.lb - one.lb) / (PAIR_SERVERS - 1), LIMIT_WATCHED);
    hold("embedded, idle", all.idle, LIMIT_IDLE);
    hold("embedded, with one load balancer", all.connected, LIMIT_CONNECTED);
}

/* Text of hundreds of bytes, and tables, belong on the heap, when there is any. */
static void structs_are_no_larger(void **state)
{
    (void)state;
    hold("struct backend", sizeof(struct backend), 3600);
    hold("struct health", sizeof(struct health), 1520);
    hold("struct session_lb", sizeof(struct session_lb), 1200);
    hold("struct quic_conn", sizeof(struct quic_conn), 1696);
    hold("struct quic_endpoint", sizeof(struct quic_endpoint), 720);
    hold("struct qhcp_server", sizeof(struct qhcp_server), 6080);
    hold("struct peer", sizeof(struct peer), 3712);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_are_no_larger),
        cmocka_unit_test(one_more_server_costs_so_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
