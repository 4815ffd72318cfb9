/* Connections that are slow, silent, greedy or idle, on a clock of the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/pair.h"
#include "expose/expose_conn.h"
#include "expose/grpc.h"
#include "expose/http2.h"
#include "loop/loop.h"

#define GET "GET / HTTP/1.1\r\n\r\n"
#define SCRAPE "GET /metrics HTTP/1.1\r\n\r\n"
#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"

struct scene {
    struct pair pair;
    struct loop *loop;
    struct expose expose;
    qhcp_nsec now;
    int client;
};

static void begin(struct scene *s)
{
    struct expose_config config = {.id = "test", .version = "1"};
    char words[300];
    int fds[2];

    *s = (struct scene){.now = loop_now()};
    pair_init(&s->pair);
    pair_start(&s->pair, 0);
    assert_int_equal(loop_new(NULL, &s->loop), 0);
    config.loop = s->loop;
    config.core = s->pair.servers[0];
    assert_int_equal(expose_init(&s->expose, &config, words, sizeof words), 0);
    s->expose.doors[0] = (struct expose_door){.expose = &s->expose, .fd = -1};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    s->client = fds[1];
    assert_int_equal(expose_conn_begin(&s->expose.doors[0], s->now, fds[0],
                                       &(union qhcp_addr){.sa.sa_family = AF_UNSPEC}),
                     0);
}

static void end(struct scene *s)
{
    close(s->client);
    expose_deinit(&s->expose);
    loop_free(s->loop);
    pair_deinit(&s->pair);
}

static void turn(struct scene *s)
{
    struct expose_conn *c = s->expose.conns;

    s->expose.part.turn(&s->expose, s->now);
    if (c && (c->watch.io.events & (EV_READ | EV_WRITE)))
        c->watch.fn(c->watch.ctx, s->now, LOOP_READABLE | LOOP_WRITABLE);
    s->expose.part.turn(&s->expose, s->now);
}

static void say(struct scene *s, const void *bytes, size_t n)
{
    assert_int_equal(send(s->client, bytes, n, MSG_NOSIGNAL), n);
    turn(s);
}

/* Nanoseconds later, what is due is done. */
static void later(struct scene *s, qhcp_nsec by)
{
    s->now += by;
    if (s->expose.part.deadline(&s->expose) <= s->now)
        s->expose.part.expire(&s->expose, s->now);
    turn(s);
}

/* How many bytes wait for the client; -1: the connection has ended. */
static ssize_t hear(struct scene *s, char *ret, size_t cap)
{
    ssize_t n = recv(s->client, ret, cap - 1, 0);

    ret[n > 0 ? n : 0] = '\0';
    return n == 0 || (n < 0 && errno != EAGAIN) ? -1 : n < 0 ? 0 : n;
}

static void who_says_nothing_or_half_is_cut_off(void **state)
{
    static const char *const begun[] = {"", "GET", "PRI * HTTP/2.0\r\n"};
    struct scene s;
    char got[4096];

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin(&s);
        say(&s, begun[i], strlen(begun[i]));
        later(&s, EXPOSE_PATIENCE - 1);
        assert_int_equal(hear(&s, got, sizeof got), 0);
        later(&s, 1);
        assert_int_equal(hear(&s, got, sizeof got), -1);
        end(&s);
    }
}

static void who_asks_may_ask_again(void **state)
{
    struct scene s;
    char got[4096];

    (void)state;
    begin(&s);
    say(&s, GET, strlen(GET));
    assert_true(hear(&s, got, sizeof got) > 0);
    later(&s, EXPOSE_IDLE - 1);
    say(&s, GET "GET", strlen(GET) + 3);
    assert_true(hear(&s, got, sizeof got) > 0);
    later(&s, EXPOSE_PATIENCE - 1);
    assert_int_equal(hear(&s, got, sizeof got), 0);
    say(&s, &GET[3], strlen(GET) - 3);
    assert_true(hear(&s, got, sizeof got) > 0);
    later(&s, EXPOSE_IDLE - 1);
    assert_int_equal(hear(&s, got, sizeof got), 0);
    later(&s, 1);
    assert_int_equal(hear(&s, got, sizeof got), -1);
    end(&s);
}

/* Requests as fast as they are taken; the answers are read, or not. */
static void scrape(struct scene *s, bool reads)
{
    char got[65536], many[8192] = "";
    size_t n = strlen(SCRAPE);

    for (size_t i = 0; i < sizeof many / n; i++)
        memcpy(many + i * n, SCRAPE, n);
    for (int i = 0; i < 200; i++) {
        (void)!send(s->client, many, sizeof many / n * n, MSG_NOSIGNAL);
        turn(s);
        assert_int_equal(s->expose.n_conns, 1);
        assert_true(s->expose.conns->out.n < 2 * EXPOSE_UNSENT);
        while (reads && hear(s, got, sizeof got) > 0)
            turn(s);
    }
}

static void who_takes_no_answers_waits_and_is_cut_off(void **state)
{
    struct scene s;
    char got[4096];

    (void)state;
    begin(&s);
    scrape(&s, false);
    assert_true(s.expose.counts.pages < 500);
    later(&s, EXPOSE_STUCK - 1);
    assert_int_equal(s.expose.n_conns, 1);
    later(&s, 1);
    assert_int_equal(s.expose.n_conns, 0);
    end(&s);
    begin(&s);
    scrape(&s, true);
    assert_true(s.expose.counts.pages > 500);
    while (hear(&s, got, sizeof got) > 0)
        turn(&s);
    end(&s);
}

/* ---- HTTP/2 ---- */

static void put_string(uint8_t **p, const char *s)
{
    *(*p)++ = (uint8_t)strlen(s);
    memcpy(*p, s, strlen(s));
    *p += strlen(s);
}

/* A call on stream 1; a message of n bytes ends it, NULL does not. */
static void call(struct scene *s, const char *path, const char *message, size_t n)
{
    const char *const fields[] = {
        ":method", "POST",       ":path", path,           ":scheme",
        "http",    ":authority", "x",     "content-type", "application/grpc"};
    uint8_t bytes[400] = {0, 0, 0, 1, 4, 0, 0, 0, 1}, *p = bytes + 9;

    for (size_t i = 0; i < 10; i += 2) {
        *p++ = 0;
        put_string(&p, fields[i]);
        put_string(&p, fields[i + 1]);
    }
    bytes[2] = (uint8_t)(p - bytes - 9);
    if (message) {
        const uint8_t head[] = {0, 0,         (uint8_t)(n + GRPC_FRAME), 0, 1, 0, 0, 0, 1, 0, 0, 0,
                                0, (uint8_t)n};

        memcpy(p, head, sizeof head);
        memcpy(p + sizeof head, message, n);
        p += sizeof head + n;
    }
    say(s, PREFACE, sizeof PREFACE - 1);
    say(s, bytes, (size_t)(p - bytes));
}

/* How many frames of this kind wait for the client. */
static unsigned frames(struct scene *s, uint8_t kind)
{
    static char got[65536];
    ssize_t n = hear(s, got, sizeof got);
    unsigned found = 0;

    for (ssize_t at = 0; at + 9 <= n;) {
        const uint8_t *f = (const uint8_t *)got + at;

        found += f[3] == kind;
        at += 9 + (f[0] << 16 | f[1] << 8 | f[2]);
    }
    return found;
}

enum { DATA = 0, RST_STREAM = 3 };

static void a_request_that_does_not_end_is_reset(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    call(&s, "/grpc.health.v1.Health/Watch", NULL, 0);
    assert_int_equal(frames(&s, DATA), 0);
    later(&s, EXPOSE_STUCK - 1);
    assert_int_equal(http2_streams(s.expose.conns->http2), 1);
    later(&s, 1);
    assert_int_equal(frames(&s, RST_STREAM), 1);
    assert_int_equal(http2_streams(s.expose.conns->http2), 0);
    end(&s);
}

static void who_watches_stays(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    call(&s, "/grpc.health.v1.Health/Watch", "", 0);
    assert_int_equal(frames(&s, DATA), 1);
    later(&s, 24 * 3600 * NSEC_PER_SEC);
    assert_int_equal(frames(&s, DATA), 0);
    assert_int_equal(s.expose.n_conns, 1);
    qhcp_server_set_status(s.pair.servers[0], s.now, QHCP_STATUS_DEGRADED, "as well as serving");
    turn(&s);
    assert_int_equal(frames(&s, DATA), 0);
    qhcp_server_set_status(s.pair.servers[0], s.now, QHCP_STATUS_DRAINING, "test");
    turn(&s);
    assert_int_equal(frames(&s, DATA), 1);
    end(&s);
    begin(&s); /* who does not, and asks for nothing more, does not */
    call(&s, "/grpc.health.v1.Health/Check", "", 0);
    later(&s, EXPOSE_IDLE);
    assert_int_equal(s.expose.n_conns, 0);
    end(&s);
}

static void reports_come_at_the_interval_that_is_asked_for(void **state)
{
    static const struct {
        const char *message;
        size_t n;
        qhcp_nsec interval;
    } rows[] = {
        {"", 0, GRPC_REPORT_DEFAULT},
        {"\x0a\x02\x08\x02", 4, 2 * NSEC_PER_SEC},
        {"\x0a\x02\x10\x01", 4, GRPC_REPORT_MIN},
    };
    struct scene s;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        begin(&s);
        call(&s, "/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics", rows[i].message,
             rows[i].n);
        assert_int_equal(frames(&s, DATA), 1);
        for (int k = 0; k < 3; k++) {
            later(&s, rows[i].interval - 1);
            assert_int_equal(frames(&s, DATA), 0);
            later(&s, 1);
            assert_int_equal(frames(&s, DATA), 1);
        }
        end(&s);
    }
}

static void who_is_paused_goes_on_later(void **state)
{
    struct scene s;
    char got[4096];
    qhcp_nsec cpu;

    (void)state;
    begin(&s);
    assert_true(expose_work_begin(&s.expose, &cpu));
    s.expose.allowance.left = -(int64_t)(100 * NSEC_PER_MSEC);
    expose_work_end(&s.expose, cpu);
    assert_false(expose_work_begin(&s.expose, &cpu));
    say(&s, GET, strlen(GET));
    assert_int_equal(hear(&s, got, sizeof got), 0);
    s.expose.allowance.left = (int64_t)ALLOWANCE_SAVED;
    later(&s, s.expose.resume_at - s.now);
    assert_true(hear(&s, got, sizeof got) > 0);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_says_nothing_or_half_is_cut_off),
        cmocka_unit_test(who_asks_may_ask_again),
        cmocka_unit_test(who_takes_no_answers_waits_and_is_cut_off),
        cmocka_unit_test(a_request_that_does_not_end_is_reset),
        cmocka_unit_test(who_watches_stays),
        cmocka_unit_test(reports_come_at_the_interval_that_is_asked_for),
        cmocka_unit_test(who_is_paused_goes_on_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
