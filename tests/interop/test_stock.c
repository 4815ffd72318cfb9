/* Peers on an ordinary QUIC stack (stock.c: no probing of their own) with our server, our load
 * balancer and each other, under loss: no session is lost.  A link in memory, a clock that jumps.
 *
 * A lost session is a HELLO, CONFIG_UPDATE or TERMINATE whose answer does not come in the time that
 * docs/protocol.md gives it. */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/state.h"
#include "trial.h"

#include <qhcp/error.h>

#define SESSIONS 200
#define LOSS 5             /* percent, each way */
#define LATENCY (2 * MSEC) /* one way */
#define RARELY (20 * SEC)  /* an interval at which no check repairs what was lost */

struct trial t;

int64_t trial_wall(void)
{
    return t.wall + (int64_t)(t.now / SEC);
}

static int64_t wall_clock(void *ctx)
{
    (void)ctx;
    return trial_wall();
}

void trial_enter(enum step step, qhcp_nsec time)
{
    t.step = step;
    t.deadline = t.now + time;
}

static void resolve(void *ctx, size_t id, const char *host, uint16_t port)
{
    (void)ctx, (void)id, (void)host, (void)port; /* all addresses are literals here */
}

/* The link and the clock. */

static bool vanishes(void) /* splitmix64 */
{
    uint64_t z = t.seed += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % 100 < t.loss;
}

static void put(bool to_client, const struct qhcp_packet *packet)
{
    struct flying *f = &t.queue[t.queued];

    if (vanishes())
        return;
    assert_true(t.queued < QUEUE && packet->len <= sizeof f->data);
    f->at = t.now + LATENCY;
    f->to_client = to_client;
    f->len = packet->len;
    memcpy(f->data, packet->data, packet->len);
    t.queued++;
}

static void collect(void)
{
    static uint8_t data[1500];
    struct qhcp_packet out = {.data = data, .cap = sizeof data};

    while (t.our_server && qhcp_server_send(t.our_server, t.now, &out, 1) == 1)
        put(true, &out);
    while (t.our_lb && qhcp_lb_send(t.our_lb, t.now, &out, 1) == 1)
        put(false, &out);
    while (t.client.live && t.now >= t.busy_until && stock_send(&t.client.stock, t.now, &out))
        put(false, &out);
    while (t.server.live && stock_send(&t.server.stock, t.now, &out))
        put(true, &out);
}

static void deliver(const struct flying *f)
{
    static uint8_t data[1500];
    struct qhcp_packet in = {.data = data, .len = f->len};

    memcpy(data, f->data, f->len);
    in.remote.in.sin_family = in.local.in.sin_family = AF_INET;
    in.remote.in.sin_addr.s_addr = in.local.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.remote.in.sin_port = htons(f->to_client ? 4243 : 4242);
    in.local.in.sin_port = htons(f->to_client ? 4242 : 4243);
    if (!f->to_client) {
        if (t.our_server)
            qhcp_server_receive(t.our_server, t.now, &in, 1);
        else if (t.server.live)
            stock_receive(&t.server.stock, t.now, &in);
        else
            t.server.live = stock_accept(&t.server.stock, &t.server.config, t.now, &in);
    } else if (t.our_lb) {
        qhcp_lb_receive(t.our_lb, t.now, &in, 1);
    } else {
        stock_receive(&t.client.stock, t.now, &in);
        if (t.busy_until <= t.now)
            t.busy_until = t.now + t.lazy;
    }
}

static qhcp_nsec earlier(qhcp_nsec a, qhcp_nsec b)
{
    return a < b ? a : b;
}

static qhcp_nsec next_moment(void)
{
    qhcp_nsec at = t.deadline;

    if (t.our_server)
        at = earlier(at, qhcp_server_deadline(t.our_server));
    if (t.our_lb)
        at = earlier(at, qhcp_lb_deadline(t.our_lb));
    if (t.server.live)
        at = earlier(at, earlier(t.server.next, stock_deadline(&t.server.stock)));
    if (t.client.live)
        at = earlier(at, t.busy_until > t.now
                             ? t.busy_until
                             : earlier(t.client.next, stock_deadline(&t.client.stock)));
    for (size_t i = 0; i < t.queued; i++)
        at = earlier(at, t.queue[i].at);
    return at > t.now ? at : t.now;
}

static void arrive(void)
{
    static struct flying f;

    for (size_t i = 0; i < t.queued;) {
        if (t.queue[i].at > t.now) {
            i++;
            continue;
        }
        f = t.queue[i];
        memmove(&t.queue[i], &t.queue[i + 1], (--t.queued - i) * sizeof f);
        deliver(&f);
        collect();
    }
}

static void wake(struct side *side, void (*tick)(void))
{
    if (stock_deadline(&side->stock) <= t.now)
        stock_expire(&side->stock, t.now);
    if (side->next <= t.now)
        tick();
}

static void pass(void)
{
    t.now = next_moment();
    arrive();
    if (t.client.live && t.now >= t.busy_until)
        wake(&t.client, trial_client_tick);
    if (t.server.live)
        wake(&t.server, trial_server_tick);
    if (t.our_server && qhcp_server_deadline(t.our_server) <= t.now)
        qhcp_server_expire(t.our_server, t.now);
    if (t.our_lb && qhcp_lb_deadline(t.our_lb) <= t.now)
        qhcp_lb_expire(t.our_lb, t.now);
    collect();
}

static struct qhcp_lb_config lb_config(qhcp_nsec interval)
{
    return (struct qhcp_lb_config){
        .id = "ours", .liveness_interval = interval, .wall_clock = wall_clock, .resolve = resolve};
}

/* The stock server's side: once it is up, the load balancer gets another interval to tell. */
static void lb_turn(void)
{
    struct qhcp_lb_config config = lb_config(RARELY + SEC);
    struct qhcp_view view;
    char words[256];

    assert_int_equal(qhcp_lb_view(t.our_lb, 0, &view), 0);
    if (t.step == CHECKING && view.state == QHCP_UP && t.seq++ == 0) {
        assert_int_equal(qhcp_lb_reload(t.our_lb, t.now, &config, words, sizeof words), 0);
        collect();
    }
}

/* The peer's close and the time: what they mean at this step. */
static void judge(void)
{
    struct side *side = t.our_lb ? &t.server : &t.client;

    if (side->live && side->stock.ended && t.step < DONE)
        t.step = t.step == LEAVING ? DONE : LOST; /* gone: as good as TERMINATE_ACK */
    if (t.now < t.deadline || t.step >= DONE)
        return;
    if (t.our_lb && t.step == CONFIGURING)
        trial_server_leave();
    else
        t.step = LOST;
    collect();
}

static void begin(uint64_t seed)
{
    t.seed = seed;
    t.queued = 0;
    t.seq = t.answers = t.pushes = 0;
    t.now += SEC;
    t.busy_until = t.now;
    t.client.next = t.server.next = UINT64_MAX;
    trial_enter(DIALLING, 20 * SEC);
    if (!t.our_lb) {
        stock_dial(&t.client.stock, &t.client.config, t.now);
        t.client.live = true;
    }
    collect();
}

static void end(struct side *side)
{
    if (side->live)
        stock_free(&side->stock);
    side->live = false;
}

static bool one_session(uint64_t seed)
{
    begin(seed);
    while (t.step < DONE) {
        pass();
        if (t.our_lb)
            lb_turn();
        judge();
    }
    end(&t.client);
    end(&t.server);
    return t.step == DONE;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int setup(void **state)
{
    struct state s;
    char words[512], path[STATE_PATH], *json;
    size_t n;

    (void)state;
    memset(&t, 0, sizeof t);
    t.loss = LOSS;
    t.now = SEC;
    t.wall = time(NULL);
    snprintf(t.dir, sizeof t.dir, "/tmp/qhcp-stock-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    setenv("QHCP_STATE_DIR", t.dir, 1);
    assert_int_equal(state_open(&s, words, sizeof words), 0);
    state_path(&s, STATE_TOKEN_KEY, path, sizeof path);
    assert_int_equal(state_read_file(path, true, 65536, &json, &n, words, sizeof words), 0);
    assert_int_equal(auth_key_parse(slice_of(json, n), &t.key, words, sizeof words), 0);
    assert_int_equal(state_load_server(&s, &t.cert, &t.cert_key, words, sizeof words), 0);
    free(json);
    state_close(&s);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    qhcp_server_free(t.our_server);
    auth_key_free(t.key);
    free(t.cert);
    free(t.cert_key);
    nftw(t.dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void use_client(qhcp_nsec max_ack_delay)
{
    t.client.config = trial_client;
    t.client.config.max_ack_delay = max_ack_delay;
}

static void use_server(bool nudging)
{
    t.nudging = nudging;
    t.server.config = (struct stock_config){
        .cert_pem = t.cert, .key_pem = t.cert_key, .frame = trial_server_frame};
}

static void use_our_server(void)
{
    struct qhcp_server_config config = {
        .address = "127.0.0.1", .port = 4243, .wall_clock = wall_clock};
    char words[512];

    assert_int_equal(qhcp_server_new(&config, t.now, &t.our_server, words, sizeof words), 0);
}

static unsigned lost_by_a_client(uint64_t seed)
{
    unsigned lost = 0;

    for (unsigned n = 0; n < SESSIONS; n++)
        lost += !one_session(seed + n);
    return lost;
}

static void no_client_on_a_stock_stack_loses_a_session(void **state)
{
    static const qhcp_nsec delays[] = {0, 16383 * MSEC}; /* the stack's own, the longest */

    (void)state;
    use_our_server();
    for (size_t i = 0; i < 2; i++) {
        use_client(delays[i]);
        assert_int_equal(lost_by_a_client(1000 * i), 0);
    }
}

/* Neither holds acknowledgements back: QUIC alone repairs it all. */
static void nor_do_a_client_and_a_server_that_both_are(void **state)
{
    (void)state;
    use_client(0);
    use_server(false);
    assert_int_equal(lost_by_a_client(3000), 0);
}

static unsigned lost_by_a_server(bool nudging)
{
    struct qhcp_lb_config config = lb_config(RARELY);
    unsigned lost = 0;
    char words[512];

    use_server(nudging);
    for (unsigned n = 0; n < SESSIONS; n++) {
        assert_int_equal(qhcp_lb_new(&config, t.now, &t.our_lb, words, sizeof words), 0);
        assert_int_equal(qhcp_lb_add(t.our_lb, t.now, "127.0.0.1:4243", words, sizeof words), 0);
        lost += !one_session(5000 + n);
        qhcp_lb_free(t.our_lb);
        t.our_lb = NULL;
    }
    return lost;
}

static void no_server_on_a_stock_stack_that_sends_reserved_frames_loses_a_session(void **state)
{
    (void)state;
    assert_int_equal(lost_by_a_server(true), 0);
}

static void without_reserved_frames_it_does(void **state)
{
    (void)state;
    assert_in_range(lost_by_a_server(false), 1, SESSIONS / 2);
}

/* The usual 25 ms before an acknowledgement are no reason to say it twice. */
static void a_push_goes_out_once_to_a_peer_that_acknowledges_late(void **state)
{
    (void)state;
    t.loss = 0;
    use_our_server();
    use_client(0);
    begin(0);
    while (t.step != CHECKING)
        pass();
    t.pushes = 0;
    t.lazy = 25 * MSEC;
    qhcp_server_set_status(t.our_server, t.now, QHCP_STATUS_DEGRADED, "busy");
    collect();
    for (qhcp_nsec until = t.now + SEC; t.now < until;)
        pass();
    assert_int_equal(t.pushes, 1);
    end(&t.client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_client_on_a_stock_stack_loses_a_session),
        TEST(nor_do_a_client_and_a_server_that_both_are),
        TEST(no_server_on_a_stock_stack_that_sends_reserved_frames_loses_a_session),
        TEST(without_reserved_frames_it_does),
        TEST(a_push_goes_out_once_to_a_peer_that_acknowledges_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
