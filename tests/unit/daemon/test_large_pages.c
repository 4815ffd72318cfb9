/* The heap is looked at now and then, not all the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/large_pages.h"

#define PIECES 128
#define PIECE 100000 /* below what malloc maps by itself */
#define WALK 100     /* turns, for a heap of some MB */

static void a_walk_over_the_heap_is_followed_by_a_rest(void **state)
{
    struct large_pages l;
    struct loop *loop;
    void *heap[PIECES];
    unsigned turns = 0;
    qhcp_nsec now, at;

    (void)state;
    for (size_t i = 0; i < PIECES; i++) {
        heap[i] = malloc(PIECE);
        assert_non_null(heap[i]);
        memset(heap[i], 1, PIECE);
    }
    assert_int_equal(loop_new(NULL, &loop), 0);
    large_pages_begin(&l, loop);
    now = at = l.part.deadline(l.part.ctx);
    do {
        now = at;
        l.part.expire(l.part.ctx, now);
        at = l.part.deadline(l.part.ctx);
    } while (at < nsec_add(now, NSEC_PER_SEC) && ++turns < WALK);
    assert_in_range(turns, 0, WALK - 1);
    large_pages_end(&l);
    loop_free(loop);
    for (size_t i = 0; i < PIECES; i++)
        free(heap[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_over_the_heap_is_followed_by_a_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
