/* A fleet of silent servers, against the core alone: what it begins, and what that takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"
#include "quic/internal.h"

#define MS 1000000ull
#define SEC (1000 * MS)
#define MANY 3000
#define WINDOW 128 /* docs/decisions/0031 */
#define MOST 1024

struct storm {
    struct pair *p;
    bool refuse;            /* every packet meets a closed port */
    unsigned begun;         /* servers that were sent anything */
    unsigned turn_begun;    /* in one turn, at most */
    unsigned char of[MANY]; /* it was */
    uint64_t packets;
};

static unsigned index_of(const union qhcp_addr *remote)
{
    return (ntohl(remote->in.sin_addr.s_addr) & 0xffff) - 1;
}

/* What the core wants to send leaves, and gets no answer but ICMP. */
static void send_all(struct storm *s)
{
    static uint8_t data[1500];
    struct qhcp_packet out = {.data = data, .cap = sizeof data};
    unsigned before = s->begun;

    while (qhcp_lb_send(s->p->lb, s->p->now, &out, 1) == 1) {
        unsigned i = index_of(&out.remote);

        assert_in_range(i, 0, MANY - 1);
        s->packets++;
        s->begun += s->of[i] == 0;
        s->of[i] = 1;
        if (s->refuse)
            qhcp_lb_unreachable(s->p->lb, s->p->now, &out.remote, ECONNREFUSED, data, out.len);
    }
    if (s->begun - before > s->turn_begun)
        s->turn_begun = s->begun - before;
}

static void run(struct storm *s, uint64_t time)
{
    uint64_t end = s->p->now + time;
    unsigned stuck = 0;

    send_all(s);
    for (;;) {
        uint64_t at = qhcp_lb_deadline(s->p->lb);

        if (at > end)
            break;
        stuck = at > s->p->now ? 0 : stuck + 1;
        assert_in_range(stuck, 0, MANY);
        s->p->now = at > s->p->now ? at : s->p->now;
        qhcp_lb_expire(s->p->lb, s->p->now);
        send_all(s);
    }
    s->p->now = end;
}

static size_t in_state(struct storm *s, enum qhcp_state state)
{
    struct qhcp_view v;
    size_t n = 0;

    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(qhcp_lb_view(s->p->lb, i, &v), 0);
        n += v.state == state;
    }
    return n;
}

static void begin(struct storm *s, void **state)
{
    const struct qhcp_lb_config config = {.liveness_interval = 100 * MS, .max_fail_attempts = 50};
    char words[512], address[32];

    *s = (struct storm){.p = *state};
    pair_watch(s->p, 0, &config);
    for (unsigned i = 1; i <= MANY; i++) {
        snprintf(address, sizeof address, "127.9.%u.%u:9", i >> 8, i & 255);
        assert_int_equal(qhcp_lb_add(s->p->lb, s->p->now, address, words, sizeof words), 0);
    }
}

/* None is down before it was its turn: to wait in the queue is no failure. */
static void silent_servers_are_dialled_a_window_at_a_time(void **state)
{
    struct storm s;

    begin(&s, state);
    run(&s, 1);
    assert_in_range(s.begun, 1, 32);
    run(&s, 99 * MS);
    assert_in_range(s.begun, 1, 64);
    run(&s, 899 * MS);
    assert_in_range(s.begun, MOST / 2, MOST);
    assert_int_equal(in_state(&s, QHCP_CONNECTING), MANY);
    run(&s, 6 * SEC);
    assert_int_equal(s.begun, MANY);
    assert_in_range(s.turn_begun, 1, WINDOW);
}

static void refused_ones_cost_no_more_at_a_time(void **state)
{
    struct storm s;

    begin(&s, state);
    s.refuse = true;
    s.p->now += SEC; /* late: all is due */
    run(&s, 1);
    assert_in_range(s.turn_begun, 1, WINDOW);
    assert_in_range(s.packets, 1, 4 * MANY);
}

#define ERRORS 10000 /* in a second */

/* As a forger would quote a packet to it: seen says whether he has seen the connection's ID. */
static size_t quote(struct pair *p, unsigned i, bool seen, uint8_t ret[32])
{
    const ngtcp2_cid *id = ngtcp2_conn_get_dcid(p->lb->backends[i]->link.conn->ng);

    ret[0] = 0x40;
    memcpy(ret + 1, id->data, id->datalen);
    return seen ? 1 + id->datalen : 4;
}

/* Live servers are asked a few times more, and none is down: whoever forges ICMP buys no traffic.
 */
static void errors_by_the_thousand_cost_a_few_checks(void **state)
{
    const struct qhcp_lb_config config = {.liveness_interval = SEC};
    struct pair *p = *state;

    for (int i = 0; i < PAIR_SERVERS; i++)
        pair_start(p, i);
    pair_watch(p, PAIR_SERVERS, &config);
    assert_true(pair_run(p, 5 * SEC, pair_all_up));
    pair_run(p, 2 * SEC, NULL);
    p->n_events = 0;
    p->packets = p->dials = 0;
    for (unsigned i = 0; i < ERRORS; i++) {
        unsigned server = i % PAIR_SERVERS;
        union qhcp_addr remote = {.in = {.sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                         .sin_port = htons((uint16_t)(4243 + server))}};
        uint8_t quoted[32];
        size_t n = quote(p, server, i / PAIR_SERVERS % 2, quoted);

        qhcp_lb_unreachable(p->lb, p->now, &remote, ECONNREFUSED, quoted, n);
        pair_run(p, SEC / ERRORS, NULL);
    }
    assert_int_equal(p->dials, 0);
    assert_in_range(p->packets, 2 * PAIR_SERVERS, 40 * PAIR_SERVERS);
    assert_int_equal(p->n_events, 0);
    assert_true(pair_all_up(p));
}

static unsigned in_call;

static void on_changed(void *ctx, const struct qhcp_changed *changed)
{
    (void)ctx;
    (void)changed;
    in_call++;
}

static void have_news(struct storm *s)
{
    for (size_t i = 0; i < s->p->lb->count; i++)
        s->p->lb->backends[i]->publish.share = 1;
}

/* All servers are concerned, and no call does the work of all: checks wait for it. */
static void panic_reaches_all_servers_slice_by_slice(void **state)
{
    struct storm s;
    unsigned calls = 0;

    begin(&s, state);
    s.p->lb->config->changed = on_changed;
    run(&s, MS);
    have_news(&s);
    s.p->lb->config->panic_threshold = 50;
    s.p->lb->in_state[QHCP_DOWN] = 1; /* of one that is known, none is healthy */
    for (lb_judge_panic(s.p->lb); s.p->lb->unsettled > 0; calls++) {
        assert_int_equal(s.p->lb->use, QHCP_USE_ALL);
        assert_true(qhcp_lb_deadline(s.p->lb) <= s.p->now);
        in_call = 0;
        qhcp_lb_expire(s.p->lb, s.p->now);
        assert_in_range(in_call, 1, 2 * SETTLE_SLICE);
        if (calls == 0) /* the others move up */
            assert_int_equal(qhcp_lb_remove(s.p->lb, s.p->now, "127.9.0.1:9"), 0);
    }
    assert_in_range(calls, 2, MANY / SETTLE_SLICE);
    for (unsigned i = 0; i < MANY - 1; i++)
        assert_int_equal(s.p->lb->backends[i]->publish.share, 0);
    s.p->lb->in_state[QHCP_DOWN] = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(silent_servers_are_dialled_a_window_at_a_time, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(refused_ones_cost_no_more_at_a_time, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(errors_by_the_thousand_cost_a_few_checks, pair_setup,
                                        pair_teardown),
        cmocka_unit_test_setup_teardown(panic_reaches_all_servers_slice_by_slice, pair_setup,
                                        pair_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
