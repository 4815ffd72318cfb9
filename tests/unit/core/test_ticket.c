/* A ticket is out of memory until the server is dialled again, where there is a place for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)

static void a_ticket_comes_back_from_where_it_was_put(void **state)
{
    static struct pair p;
    uint8_t one[TICKET_MAX], other[TICKET_MAX];
    struct backend *b;
    struct slice t;

    (void)state;
    pair_init(&p);
    pair_start(&p, 0);
    pair_watch(&p, 1, NULL);
    assert_true(pair_run(&p, 5 * SEC, pair_all_up));
    pair_run(&p, SEC, NULL);
    b = p.lb->backends[0];
    assert_in_range(b->ticket.len, 1, TICKET_MAX);
    assert_null(b->ticket.bytes);
    t = ticket_take(b, one);
    assert_int_equal(t.n, b->ticket.len);
    close(p.lb->shelf.fd); /* it is lost with its place */
    p.lb->shelf.fd = -1;
    assert_int_equal(ticket_take(b, other).n, 0);
    ticket_keep(b, one, t.n);
    assert_non_null(b->ticket.bytes);
    assert_int_equal(ticket_take(b, other).n, t.n);
    assert_memory_equal(one, other, t.n);
    ticket_drop(b);
    assert_int_equal(ticket_take(b, other).n, 0);
    pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_comes_back_from_where_it_was_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
