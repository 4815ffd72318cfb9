/* A configuration is taken whole or not at all, whatever fails on the way: a file, or any of our
 * allocations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/allocator.h"
#include "core/pair.h"
#include "lb/internal.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define SERVERS 2
#define MOST 1000 /* allocations of ours in a change, and more */

static unsigned warned;

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return 2000000000;
}

static void on_log(void *ctx, enum qhcp_log_level level, const char *text)
{
    (void)ctx;
    (void)text;
    warned += level <= QHCP_LOG_WARNING;
}

static struct qhcp_lb_config config(void)
{
    return (struct qhcp_lb_config){.id = "other",
                                   .liveness_interval = 300 * MSEC,
                                   .max_fail_attempts = 7,
                                   .wall_clock = wall_clock,
                                   .log = on_log};
}

static int setup(void **state)
{
    static struct pair p;
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC};

    pair_init(&p);
    for (int i = 0; i < SERVERS; i++)
        pair_start(&p, i);
    pair_watch(&p, SERVERS, &c);
    assert_true(pair_run(&p, SEC, pair_all_up));
    *state = &p;
    return 0;
}

/* What of the core outlives a change that failed: all but the time, and how late we were. */
struct image {
    struct lb_config config;
    const struct lb_config *owned;
    struct credentials credentials;
    struct backend *at[SERVERS], backends[SERVERS];
    size_t count, by_key, in_state[QHCP_DOWN + 1];
};

static void take(const struct pair *p, struct image *ret)
{
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->config, p->lb->owned, sizeof ret->config);
    ret->owned = p->lb->owned;
    memcpy(&ret->credentials, &p->lb->credentials, sizeof ret->credentials);
    ret->count = p->lb->count;
    ret->by_key = HASH_COUNT(p->lb->by_key);
    memcpy(ret->in_state, p->lb->in_state, sizeof ret->in_state);
    for (size_t i = 0; i < SERVERS; i++) {
        ret->at[i] = p->lb->backends[i];
        memcpy(&ret->backends[i], p->lb->backends[i], sizeof ret->backends[i]);
        memset(&ret->backends[i].hh, 0, sizeof ret->backends[i].hh); /* the neighbours there */
        ret->backends[i].timer.place = 0;                            /* and in the wheel */
    }
}

static int change(struct pair *p, const struct qhcp_lb_config *c, char *words, size_t cap)
{
    return qhcp_lb_reload(p->lb, p->now, c, words, cap);
}

static void refused(struct pair *p, const struct qhcp_lb_config *c, const char *what)
{
    static struct image before, after;
    char words[QHCP_TEXT * 2] = "";

    take(p, &before);
    assert_true(change(p, c, words, sizeof words) < 0);
    allocator_fail = 0;
    take(p, &after);
    assert_memory_equal(&after, &before, sizeof after);
    assert_non_null(strstr(words, what));
}

static void assert_taken(const struct pair *p)
{
    assert_int_equal(qhcp_lb_count(p->lb), SERVERS);
    assert_int_equal(p->lb->config->max_fail_attempts, 7);
}

static void a_file_that_is_not_there(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = config();
    char words[QHCP_TEXT * 2];

    c.cert_file = "/nonexistent.pem";
    refused(p, &c, "/nonexistent.pem");
    c.cert_file = NULL; /* the twin */
    assert_int_equal(change(p, &c, words, sizeof words), 0);
    assert_taken(p);
}

/* Each of our allocations in turn, until the change needs no more than are granted. */
static void memory_that_runs_out(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = config();
    static struct image before, after;
    unsigned failures = 0;
    int r = QHCP_E_NOMEM;

    for (uint64_t n = 1; n < MOST && r != 0; n++) {
        char words[QHCP_TEXT * 2] = "";

        take(p, &before);
        allocator_fail = n;
        r = change(p, &c, words, sizeof words);
        allocator_fail = 0;
        take(p, &after);
        if (r == 0)
            break;
        failures++;
        assert_true(words[0] != '\0');
        assert_memory_equal(&after, &before, sizeof after);
    }
    print_message("%u allocations failed in turn\n", failures);
    assert_true(failures > 5);
    assert_taken(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there, setup, pair_teardown),
        cmocka_unit_test_setup_teardown(memory_that_runs_out, setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
