/* Names to addresses, on a loop that has no core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "actor.h"
#include "loop/resolve.h"

struct names {
    struct loop *loop;
    size_t answers, wanted, v4, v6;
    uint16_t port;
};

static void on_answer(void *ctx, const struct resolve_answer *answer)
{
    struct names *n = ctx;

    assert_true(answer->n > 0);
    for (size_t i = 0; i < answer->n; i++) {
        bool six = answer->addrs[i].sa.sa_family == AF_INET6;
        n->v6 += six;
        n->v4 += !six;
        n->port = ntohs(six ? answer->addrs[i].in6.sin6_port : answer->addrs[i].in.sin_port);
        assert_int_equal(n->port, answer->port);
    }
    if (++n->answers == n->wanted)
        loop_stop(n->loop);
}

static void localhost_is_both_loopback_addresses(void **state)
{
    struct names n = {.wanted = 2};
    struct resolve *r;

    (void)state;
    n.loop = actor_begin();
    assert_int_equal(resolve_new(n.loop, on_answer, &n, &r), 0);
    assert_int_equal(resolve_start(r, 1, "localhost", 4243), 0);
    assert_int_equal(resolve_start(r, 2, "LOCALHOST", 4244), 0);
    assert_int_equal(n.answers, 0); /* never from inside */
    loop_run(n.loop);
    assert_int_equal(n.v4, 2);
    assert_int_equal(n.v6, 2);
    resolve_free(r);
    actor_end(n.loop);
}

static void a_thousand_names_are_all_answered(void **state)
{
    struct names n = {.wanted = 1000};
    struct resolve *r;
    char host[40];

    (void)state;
    n.loop = actor_begin();
    assert_int_equal(resolve_new(n.loop, on_answer, &n, &r), 0);
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(host, sizeof host, "localhost");
        assert_int_equal(resolve_start(r, i, host, (uint16_t)(i + 1)), 0);
    }
    loop_run(n.loop);
    assert_int_equal(n.answers, 1000);
    resolve_free(r);
    actor_end(n.loop);
}

static void on_forgotten(void *ctx, const struct resolve_answer *answer)
{
    (void)ctx;
    fail_msg("%s was answered after all", answer->host);
}

static void what_is_under_way_is_forgotten_when_freed(void **state)
{
    struct loop *l = actor_begin();
    struct actor last = {.most = 1};
    struct resolve *r;

    (void)state;
    assert_int_equal(resolve_new(l, on_forgotten, NULL, &r), 0);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(resolve_start(r, i, "localhost", 1), 0);
    resolve_free(r);
    last.at = loop_now() + NSEC_PER_MSEC;
    actor_add(l, &last, 'l', false);
    loop_run(l);
    loop_remove(&last.part);
    actor_end(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_both_loopback_addresses),
        cmocka_unit_test(a_thousand_names_are_all_answered),
        cmocka_unit_test(what_is_under_way_is_forgotten_when_freed),
    };

    return cmocka_run_group_tests_name("loop-resolve", tests, NULL, NULL);
}
