/* Counts allocations on the path of a check: ours must be none; the libraries' are printed.
 * Not for sanitized builds (allocator.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "allocator.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)

static void a_check_allocates_nothing_of_ours(void **state)
{
    static struct pair p;
    struct qhcp_view before, after;
    uint64_t checks;
    void *volatile probe; /* volatile: malloc and free must not be optimised away */

    (void)state;
    allocator_counting = true;
    probe = malloc(16); /* the counter counts */
    allocator_counting = false;
    free(probe);
    assert_int_equal(allocator_ours, 1);

    pair_init(&p);
    allocator_counting = true;
    pair_start(&p, 0);
    pair_watch(&p, 1, NULL);
    assert_true(pair_run(&p, SEC, pair_all_up));
    allocator_counting = false;
    print_message("to come up: %llu allocations of ours, %llu of the libraries\n",
                  (unsigned long long)allocator_ours, (unsigned long long)allocator_others);
    assert_true(allocator_ours > 10 && allocator_others > 100); /* it sees both kinds */
    pair_run(&p, 20 * SEC, NULL);
    qhcp_lb_view(p.lb, 0, &before);
    allocator_ours = allocator_others = 0;
    allocator_counting = true;
    pair_run(&p, 60 * SEC, NULL);
    allocator_counting = false;
    qhcp_lb_view(p.lb, 0, &after);
    checks = after.checks_ok - before.checks_ok;
    print_message("%llu checks, both ends: %llu allocations of ours, %llu of the libraries\n",
                  (unsigned long long)checks, (unsigned long long)allocator_ours,
                  (unsigned long long)allocator_others);
    assert_in_range(checks, 59, 61);
    assert_int_equal(allocator_ours, 0);
    pair_deinit(&p);
}

/* The first answer that tells of them allocates; no further one does, whatever changes in it, once
 * there was room for the longest words. */
static void application_checks_in_an_answer_allocate_once(void **state)
{
    static const char *const words[] = {"", "slow", "slower than ever before", "none"};
    static struct pair p;

    (void)state;
    pair_init(&p);
    pair_start(&p, 0);
    pair_watch(&p, 1, NULL);
    assert_true(pair_run(&p, SEC, pair_all_up));
    qhcp_server_set_check(p.servers[0], p.now, "a", QHCP_SERVING, "", 0);
    qhcp_server_set_check(p.servers[0], p.now, "b", QHCP_SERVING, "", 0);
    allocator_ours = 0;
    allocator_counting = true;
    pair_run(&p, 3 * SEC, NULL);
    allocator_counting = false;
    assert_int_equal(allocator_ours, 1);
    assert_int_equal(qhcp_lb_checks(p.lb, 0, NULL, 0), 2);
    for (unsigned i = 0; i < 44; i++) {
        allocator_counting = i >= 12;
        if (!allocator_counting)
            allocator_ours = allocator_others = 0;
        qhcp_server_set_check(p.servers[0], p.now, i % 2 ? "a" : "b",
                              i % 3 ? QHCP_SERVING : QHCP_STATUS_DEGRADED, words[i % 4], i);
        pair_run(&p, SEC, NULL);
    }
    allocator_counting = false;
    print_message("32 new outcomes: %llu allocations of ours, %llu of the libraries\n",
                  (unsigned long long)allocator_ours, (unsigned long long)allocator_others);
    assert_int_equal(allocator_ours, 0);
    pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_check_allocates_nothing_of_ours),
        cmocka_unit_test(application_checks_in_an_answer_allocate_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
