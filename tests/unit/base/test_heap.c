#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/heap.h"

#define N 500

static struct heap_node *least(struct heap_node *nodes)
{
    struct heap_node *best = NULL;

    for (size_t i = 0; i < N; i++)
        if (nodes[i].index > 0 && (!best || nodes[i].at < best->at))
            best = &nodes[i];
    return best;
}

static void the_first_is_the_least_after_every_change(void **state)
{
    struct heap_node nodes[N] = {0};
    struct heap h = {0};

    (void)state;
    srand(7);
    assert_int_equal(heap_reserve(&h, N), 0);
    for (int round = 0; round < 20000; round++) {
        struct heap_node *n = &nodes[rand() % N], *want;

        heap_set(&h, n, rand() % 4 == 0 ? NSEC_NEVER : (qhcp_nsec)(rand() % 1000));
        want = least(nodes);
        assert_true(heap_deadline(&h) == (want ? want->at : NSEC_NEVER));
        for (size_t i = 0; i < h.count; i++)
            assert_int_equal(h.nodes[i]->index, i + 1);
    }
    heap_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_the_least_after_every_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
