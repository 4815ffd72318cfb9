/* Counts allocations on the path of a check: ours must be none; the libraries' are printed.
 *
 * malloc and its kin are ours here and hand on to glibc's; who called is told from the return
 * address. Not for sanitized builds, which have a malloc of their own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pair.h"

#define SEC UINT64_C(1000000000)

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern char __executable_start, etext;

/* Seen by the libraries too, and never inlined: the return address is the caller's. */
#define INTERPOSED __attribute__((visibility("default"), noinline))
INTERPOSED void *malloc(size_t n);
INTERPOSED void *calloc(size_t n, size_t size);
INTERPOSED void *realloc(void *p, size_t n);

/* volatile: the compiler believes that malloc touches no variable */
static volatile bool counting;
static volatile uint64_t ours, others;

static void count(const void *caller)
{
    if (!counting)
        return;
    if ((const char *)caller >= &__executable_start && (const char *)caller < &etext)
        ours++;
    else
        others++;
}

void *malloc(size_t n)
{
    count(__builtin_return_address(0));
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count(__builtin_return_address(0));
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count(__builtin_return_address(0));
    return __libc_realloc(p, n);
}

static void a_check_allocates_nothing_of_ours(void **state)
{
    static struct pair p;
    struct qhcp_view before, after;
    uint64_t checks;
    void *volatile probe; /* volatile: malloc and free must not be optimised away */

    (void)state;
    counting = true;
    probe = malloc(16); /* the counter counts */
    counting = false;
    free(probe);
    assert_int_equal(ours, 1);

    pair_init(&p);
    counting = true;
    pair_start(&p, 0);
    pair_watch(&p, 1, NULL);
    assert_true(pair_run(&p, SEC, pair_all_up));
    counting = false;
    print_message("to come up: %llu allocations of ours, %llu of the libraries\n",
                  (unsigned long long)ours, (unsigned long long)others);
    assert_true(ours > 10 && others > 100); /* it sees both kinds */
    pair_run(&p, 20 * SEC, NULL);
    qhcp_lb_view(p.lb, 0, &before);
    ours = others = 0;
    counting = true;
    pair_run(&p, 60 * SEC, NULL);
    counting = false;
    qhcp_lb_view(p.lb, 0, &after);
    checks = after.checks_ok - before.checks_ok;
    print_message("%llu checks, both ends: %llu allocations of ours, %llu of the libraries\n",
                  (unsigned long long)checks, (unsigned long long)ours, (unsigned long long)others);
    assert_in_range(checks, 59, 61);
    assert_int_equal(ours, 0);
    pair_deinit(&p);
}

/* The first answer that tells of them allocates, no further one does, whatever changes in it. */
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
    ours = 0;
    counting = true;
    pair_run(&p, 3 * SEC, NULL);
    counting = false;
    assert_int_equal(ours, 1);
    assert_int_equal(qhcp_lb_checks(p.lb, 0, NULL, 0), 2);
    ours = others = 0;
    counting = true;
    for (unsigned i = 0; i < 32; i++) {
        qhcp_server_set_check(p.servers[0], p.now, i % 2 ? "a" : "b",
                              i % 3 ? QHCP_SERVING : QHCP_STATUS_DEGRADED, words[i % 4], i);
        pair_run(&p, SEC, NULL);
    }
    counting = false;
    print_message("32 new outcomes: %llu allocations of ours, %llu of the libraries\n",
                  (unsigned long long)ours, (unsigned long long)others);
    assert_int_equal(ours, 0);
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
