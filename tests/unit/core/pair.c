#include "pair.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define PORT 4243
#define QUEUE 8192

struct flying {
    qhcp_nsec at, received;
    int server;
    bool to_lb, icmp;
    size_t len;
    uint8_t data[1500];
    uint8_t nat; /* where the NAT led when it was sent */
};

static struct flying queue[QUEUE];
static size_t queued;
static uint8_t flows[PAIR_SERVERS][65536]; /* the NAT's, by the load balancer's port */

static int64_t wall_clock(void *ctx)
{
    struct pair *p = ctx;

    return p->wall + (int64_t)(p->now / 1000000000);
}

static int64_t server_clock(void *ctx)
{
    struct pair *p = ctx;

    return wall_clock(p) + p->skew;
}

static void on_event(void *ctx, const struct qhcp_event *e)
{
    struct pair *p = ctx;
    struct pair_event *mine;

    assert_true(p->n_events < PAIR_EVENTS);
    mine = &p->events[p->n_events++];
    mine->from = e->from;
    mine->to = e->to;
    snprintf(mine->reason, sizeof mine->reason, "%s", e->reason);
}

static void address(union qhcp_addr *ret, int port)
{
    memset(ret, 0, sizeof *ret);
    ret->in.sin_family = AF_INET;
    ret->in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ret->in.sin_port = htons((uint16_t)port);
}

/* Every name has two addresses: those of this server and the next. */
static void resolve(void *ctx, size_t id, const char *host, uint16_t port)
{
    struct pair *p = ctx;
    union qhcp_addr addrs[2];

    (void)host;
    address(&addrs[0], port);
    address(&addrs[1], port + 1);
    qhcp_lb_resolved(p->lb, p->now, id, addrs + p->moved, 2u - p->moved, "");
}

static void on_log(void *ctx, enum qhcp_log_level level, const char *text)
{
    struct pair *p = ctx;

    if (strstr(text, "watches this server"))
        p->sessions++;
    if (level == QHCP_LOG_WARNING)
        p->warnings++;
    p->errors += level == QHCP_LOG_ERROR;
    if (getenv("PAIR_LOG"))
        fprintf(stderr, "log %d: %s\n", (int)level, text);
}

void pair_init(struct pair *p)
{
    memset(p, 0, sizeof *p);
    queued = 0;
    memset(flows, 0, sizeof flows);
    p->random.state = 1;
    p->now = 1000000000;
    p->wall = time(NULL);
    p->icmp = true;
    p->own = 1;
    snprintf(p->dir, sizeof p->dir, "/tmp/qhcp-pair-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    setenv("QHCP_STATE_DIR", p->dir, 1);
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void pair_deinit(struct pair *p)
{
    qhcp_lb_free(p->lb);
    for (int i = 0; i < PAIR_SERVERS; i++)
        qhcp_server_free(p->servers[i]);
    nftw(p->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int pair_setup(void **state)
{
    static struct pair p;

    pair_init(&p);
    *state = &p;
    return 0;
}

int pair_teardown(void **state)
{
    pair_deinit(*state);
    return 0;
}

void pair_start(struct pair *p, int i)
{
    struct qhcp_server_config config = {.address = "127.0.0.1",
                                        .port = (uint16_t)(PORT + i),
                                        .services = p->services,
                                        .n_services = p->n_services,
                                        .share = p->share,
                                        .metrics_given = p->metrics_given,
                                        .ctx = p,
                                        .wall_clock = server_clock,
                                        .log = on_log};
    char words[512];

    pair_kill(p, i);
    if (qhcp_server_new(&config, p->now, &p->servers[i], words, sizeof words) != 0)
        fail_msg("server: %s", words);
}

void pair_start_stranger(struct pair *p, int i)
{
    char dir[sizeof p->dir + 16];

    snprintf(dir, sizeof dir, "%s/stranger", p->dir);
    setenv("QHCP_STATE_DIR", dir, 1);
    pair_start(p, i);
    setenv("QHCP_STATE_DIR", p->dir, 1);
}

void pair_kill(struct pair *p, int i)
{
    qhcp_server_free(p->servers[i]);
    p->servers[i] = NULL;
}

static bool source(void *ctx, const union qhcp_addr *remote, union qhcp_addr *ret)
{
    struct pair *p = ctx;

    (void)remote;
    address(ret, 0);
    ret->in.sin_addr.s_addr = htonl(0x7f000000u | (p->own + (p->multipath && p->asked++ % 2)));
    return p->own != 0;
}

static struct qhcp_lb_config complete(struct pair *p, const struct qhcp_lb_config *config)
{
    struct qhcp_lb_config c = config ? *config : (struct qhcp_lb_config){0};

    c.id = "pair";
    c.ctx = p;
    c.wall_clock = wall_clock;
    c.resolve = resolve;
    c.source = source;
    c.event = on_event;
    c.log = on_log;
    return c;
}

void pair_reload(struct pair *p, const struct qhcp_lb_config *config)
{
    struct qhcp_lb_config c = complete(p, config);
    char words[512];

    if (qhcp_lb_reload(p->lb, p->now, &c, words, sizeof words) != 0)
        fail_msg("reload: %s", words);
}

void pair_watch(struct pair *p, int n, const struct qhcp_lb_config *config)
{
    struct qhcp_lb_config c = complete(p, config);
    char words[512], address[32];

    if (qhcp_lb_new(&c, p->now, &p->lb, words, sizeof words) != 0)
        fail_msg("lb: %s", words);
    for (int i = 0; i < n; i++) {
        snprintf(address, sizeof address, "127.0.0.1:%d", PORT + i);
        assert_int_equal(qhcp_lb_add(p->lb, p->now, address, words, sizeof words), 0);
    }
}

static bool lost(struct pair *p)
{
    return prng_next(&p->random) % 100 < p->loss;
}

static bool translated(struct pair *p, int server, uint16_t port)
{
    uint8_t *flow = &flows[server][port];

    if (*flow == 0)
        *flow = p->nat[server];
    return *flow == p->nat[server];
}

static void put(struct pair *p, int server, bool to_lb, const struct qhcp_packet *packet)
{
    bool initial = !to_lb && (packet->data[0] & 0xf0) == 0xc0; /* RFC 9000, 17.2.2 */
    struct flying *f = &queue[queued];

    p->packets++;
    if (to_lb && !(packet->data[0] & 0x80))
        *(packet->data[0] & 0x20 ? &p->patient : &p->urgent) += 1;
    p->dials += initial;
    if (p->shy[server] && initial)
        return;
    if (!to_lb && p->nat[server] > 0 && !translated(p, server, packet->local.in.sin_port))
        return;
    if (p->cut[server] || (to_lb ? p->mute : p->deaf)[server] || lost(p))
        return;
    assert_true(queued < QUEUE && packet->len <= sizeof f->data);
    f->at = p->now + PAIR_LATENCY + (to_lb ? p->waits : 0);
    f->received = p->now + PAIR_LATENCY + (qhcp_nsec)p->stamp_off;
    f->server = server;
    f->to_lb = to_lb;
    f->icmp = false;
    f->nat = p->nat[server];
    f->len = packet->len;
    memcpy(f->data, packet->data, packet->len);
    if (!to_lb && !p->servers[server]) {
        if (!p->icmp)
            return;
        f->to_lb = f->icmp = true;
        f->at += PAIR_LATENCY;
    }
    queued++;
}

static void collect(struct pair *p)
{
    static uint8_t data[1500];
    struct qhcp_packet out = {.data = data, .cap = sizeof data};

    while (p->lb && qhcp_lb_send(p->lb, p->now, &out, 1) == 1)
        if (p->own == 0)
            qhcp_lb_unreachable(p->lb, p->now, &out.remote, ENETUNREACH, NULL, 0);
        else
            put(p, ntohs(out.remote.in.sin_port) - PORT, false, &out);
    for (int i = 0; i < PAIR_SERVERS; i++)
        while (p->servers[i] && qhcp_server_send(p->servers[i], p->now, &out, 1) == 1)
            put(p, i, true, &out);
    for (int i = 0; i < PAIR_SERVERS && p->leaving; i++)
        if (p->servers[i] && qhcp_server_sessions(p->servers[i]) == 0)
            assert_true(qhcp_server_stopped(p->servers[i]));
}

static void deliver(struct pair *p, struct flying *f)
{
    struct qhcp_packet in = {.data = f->data, .len = f->len};

    if (!f->to_lb && f->nat != p->nat[f->server])
        return; /* it was on its way to the NAT's target of then */
    if (f->icmp) {
        address(&in.remote, PORT + f->server);
        qhcp_lb_unreachable(p->lb, p->now, &in.remote, ECONNREFUSED, f->data, f->len);
    } else if (f->to_lb) {
        address(&in.local, 4242);
        address(&in.remote, PORT + f->server);
        in.received = f->received;
        if (p->lb)
            qhcp_lb_receive(p->lb, p->now, &in, 1);
    } else if (p->servers[f->server]) {
        address(&in.local, PORT + f->server);
        address(&in.remote, 4242);
        qhcp_server_receive(p->servers[f->server], p->now, &in, 1);
    }
}

static qhcp_nsec next_deadline(struct pair *p)
{
    qhcp_nsec at = p->lb ? qhcp_lb_deadline(p->lb) : UINT64_MAX, s;

    for (int i = 0; i < PAIR_SERVERS; i++) {
        if (!p->servers[i])
            continue;
        s = qhcp_server_deadline(p->servers[i]);
        at = s < at ? s : at;
    }
    for (size_t i = 0; i < queued; i++)
        at = queue[i].at < at ? queue[i].at : at;
    return at;
}

static void step(struct pair *p)
{
    static struct flying f;

    for (size_t i = 0; i < queued;) {
        if (queue[i].at > p->now) {
            i++;
            continue;
        }
        f = queue[i];
        memmove(&queue[i], &queue[i + 1], (queued - i - 1) * sizeof queue[0]);
        queued--;
        deliver(p, &f);
        collect(p);
    }
    if (p->lb && qhcp_lb_deadline(p->lb) <= p->now)
        qhcp_lb_expire(p->lb, p->now);
    for (int i = 0; i < PAIR_SERVERS; i++)
        if (p->servers[i] && qhcp_server_deadline(p->servers[i]) <= p->now)
            qhcp_server_expire(p->servers[i], p->now);
    collect(p);
}

bool pair_run(struct pair *p, qhcp_nsec time, bool (*done)(struct pair *p))
{
    qhcp_nsec end = p->now + time, at;
    unsigned stuck = 0;

    collect(p);
    while (!(done && done(p))) {
        at = next_deadline(p);
        if (at > end) {
            p->now = end;
            return done && done(p);
        }
        stuck = at > p->now ? 0 : stuck + 1;
        if (stuck > 10000)
            fail_msg("the deadlines do not move: a busy loop");
        p->now = at > p->now ? at : p->now;
        step(p);
    }
    return true;
}

static uint64_t checks_ok(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return v.checks_ok;
}

static uint64_t passed;

static bool passed_another(struct pair *p)
{
    return checks_ok(p) > passed;
}

void pair_pass_check(struct pair *p, qhcp_nsec interval)
{
    passed = checks_ok(p);
    assert_true(pair_run(p, interval + 10 * PAIR_LATENCY, passed_another));
    pair_run(p, interval / 10, NULL); /* what acknowledges it */
}

enum qhcp_state pair_state(struct pair *p, int i)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, (size_t)i, &v), 0);
    return v.state;
}

bool pair_all_up(struct pair *p)
{
    for (size_t i = 0; i < qhcp_lb_count(p->lb); i++)
        if (pair_state(p, (int)i) != QHCP_UP)
            return false;
    return true;
}
