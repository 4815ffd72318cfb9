/* A new configuration is taken whole, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define SERVERS 3

static char trust[128], key[128], nothing[128], nonsense[128];

/* All that the core is, and each of its backends. */
struct image {
    struct qhcp_lb lb;
    struct lb_config config;
    struct backend backends[SERVERS];
    struct qhcp_view views[SERVERS];
    qhcp_nsec deadline;
};

static void take(const struct pair *p, struct image *ret)
{
    memset(ret, 0, sizeof *ret);
    memcpy(&ret->lb, p->lb, sizeof ret->lb);
    memcpy(&ret->config, p->lb->owned, sizeof ret->config);
    for (size_t i = 0; i < SERVERS; i++) {
        memcpy(&ret->backends[i], p->lb->backends[i], sizeof ret->backends[i]);
        assert_int_equal(qhcp_lb_view(p->lb, i, &ret->views[i]), 0);
    }
    ret->deadline = qhcp_lb_deadline(p->lb);
}

static void assert_same(const struct pair *p, const struct image *before)
{
    static struct image after;

    take(p, &after);
    assert_memory_equal(&after, before, sizeof after);
}

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return time(NULL);
}

/* Everything in it is another than what is in force. */
static struct qhcp_lb_config other(void)
{
    return (struct qhcp_lb_config){.id = "other",
                                   .liveness_interval = 300 * MSEC,
                                   .min_silence = 700 * MSEC,
                                   .max_fail_attempts = 7,
                                   .rise = 5,
                                   .panic_threshold = 90,
                                   .panic_mode = QHCP_USE_NONE,
                                   .reconnect_interval = 5 * SEC,
                                   .slow_start = 20 * SEC,
                                   .flap_hold = 9 * SEC,
                                   .token_lifetime = 60,
                                   .cert_file = trust,
                                   .wall_clock = wall_clock};
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static int setup(void **state)
{
    static struct pair p;
    struct qhcp_lb_config c = {.liveness_interval = 100 * MSEC};
    struct qhcp_packet none;

    pair_init(&p);
    for (int i = 0; i < SERVERS; i++)
        pair_start(&p, i);
    pair_watch(&p, SERVERS, &c);
    assert_true(pair_run(&p, 3 * SEC, pair_all_up));
    p.cut[2] = true; /* one is down */
    pair_run(&p, 3 * SEC, NULL);
    assert_int_equal(qhcp_lb_send(p.lb, p.now, &none, 0), 0); /* it knows what time it is */
    assert_int_equal(pair_state(&p, 0), QHCP_UP);
    snprintf(trust, sizeof trust, "%s/ca/ca.pem", p.dir);
    snprintf(key, sizeof key, "%s/lb/token-key.json", p.dir);
    snprintf(nothing, sizeof nothing, "%s/nothing", p.dir);
    snprintf(nonsense, sizeof nonsense, "%s/nonsense", p.dir);
    write_file(nonsense, "nonsense\n");
    *state = &p;
    return 0;
}

static void refused(struct pair *p, const struct qhcp_lb_config *config, const char *what)
{
    static struct image before;
    char words[QHCP_TEXT * 2] = "";

    take(p, &before);
    assert_true(qhcp_lb_reload(p->lb, p->now, config, words, sizeof words) < 0);
    assert_non_null(strstr(words, what));
    assert_same(p, &before);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = other();

    c.cert_file = nothing;
    refused(p, &c, nothing);
    c.cert_file = nonsense;
    refused(p, &c, nonsense);
    c = other();
    c.client_cert_file = trust;
    c.client_key_file = nothing;
    refused(p, &c, nothing);
    c = other();
    c.token_file = nothing; /* the last that is read: trust was taken in by then */
    refused(p, &c, nothing);
    pair_run(p, 3 * SEC, NULL); /* and the old one still watches them */
    assert_int_equal(pair_state(p, 0), QHCP_UP);
    assert_int_equal(pair_state(p, 1), QHCP_UP);
}

static void too_many_metrics_change_nothing(void **state)
{
    static const char *metrics[LIMIT_METRICS];
    struct pair *p = *state;
    struct qhcp_lb_config c = other();

    for (size_t i = 0; i < LIMIT_METRICS; i++)
        metrics[i] = "load";
    c.metrics = metrics;
    c.n_metrics = LIMIT_METRICS - 1;
    refused(p, &c, "metrics: at most");
}

/* The twin: the same configuration, with files that are there. */
static void what_can_be_read_is_taken_whole(void **state)
{
    struct pair *p = *state;
    struct qhcp_lb_config c = other();
    const struct quic_tls *tls = p->lb->credentials.tls;
    char words[QHCP_TEXT * 2] = "";

    assert_int_equal(qhcp_lb_reload(p->lb, p->now, &c, words, sizeof words), 0);
    assert_int_equal(p->lb->config->max_fail_attempts, 7);
    assert_string_equal(p->lb->credentials.trust_path, trust);
    assert_string_equal(p->lb->credentials.key_path, key);
    assert_ptr_not_equal(p->lb->credentials.tls, tls);
    for (size_t i = 0; i < SERVERS; i++) {
        assert_true(p->lb->backends[i]->health.config.interval == 300 * MSEC);
        assert_ptr_equal(p->lb->backends[i]->link.session.config, &p->lb->owned->session);
    }
    assert_true(p->lb->use == QHCP_USE_NONE); /* 2 of 3 are healthy: less than 90 % */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_cannot_be_read_changes_nothing, setup, pair_teardown),
        cmocka_unit_test_setup_teardown(too_many_metrics_change_nothing, setup, pair_teardown),
        cmocka_unit_test_setup_teardown(what_can_be_read_is_taken_whole, setup, pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
