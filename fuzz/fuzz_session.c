/* Both session machines under arbitrary frames, calls and times.
 *
 *     clang -g -O1 -D_GNU_SOURCE -Iinclude -Isrc -fsanitize=fuzzer,address,undefined \
 *         fuzz/fuzz_session.c src/session/?*.c src/wire/?*.c src/base/cursor.c src/base/error.c
 * src/base/utf8.c \ -o /tmp/fuzz_session /tmp/fuzz_session -max_len=4096 fuzz/corpus/session
 *
 * The input is a script: a byte says what happens, the bytes that follow are its arguments.  Frames
 * come from the other machine, from it with a byte changed, or out of thin air.  Besides memory and
 * undefined behaviour: a closed session stays closed; a frame that is refused closes, and the ERROR
 * that follows says why; whatever is sent decodes; epochs and sequence numbers never go back;
 * nothing is answered before a token was accepted; a refused CONFIG_UPDATE changes nothing;
 * deadlines that were served lie in the past no more; and two machines that hear only each other
 * find no fault. */
#include <stdlib.h>

#include <qhcp/error.h>

#include "session/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM (LIMIT_FRAME_PAYLOAD + 16)

struct play {
    const uint8_t *p, *end;
    qhcp_nsec now;
    struct session_lb lb;
    struct session_lb_config lb_config;
    struct wire_config_update update;
    struct session_server server;
    struct session_server_self self;
    bool honest;   /* every frame so far came from the other machine, whole and in order */
    bool accepted; /* the server's caller accepted a token */
    bool established;
    uint64_t beat; /* the newest one's number */
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static unsigned byte(struct play *g)
{
    return g->p < g->end ? *g->p++ : 0;
}

static uint64_t number(struct play *g)
{
    uint64_t n = 0;

    for (unsigned i = byte(g) % 9; i > 0; i--)
        n = n << 8 | byte(g);
    return n;
}

static struct slice bytes(struct play *g)
{
    size_t n = byte(g) << 8 | byte(g), left = (size_t)(g->end - g->p);
    struct slice s = slice_of(g->p, n < left ? n : left);

    g->p += s.n;
    return s;
}

/* Up to 39 bytes as a C string. */
static const char *words(struct play *g)
{
    static char text[40];

    slice_to_cstr(bytes(g), text, sizeof text);
    return text;
}

static void check_frame(const uint8_t *p, size_t n, struct wire_message *ret)
{
    must(wire_decode(p, n, ret, NULL) == 0);
    must(ret->type >= WIRE_HELLO && ret->type <= WIRE_TERMINATE_ACK);
}

/* The machine refused a frame: it is closed and says so. */
static void check_error(const uint8_t *p, size_t n, int error)
{
    struct wire_message m;

    check_frame(p, n, &m);
    must(m.type == WIRE_ERROR && m.error.code == (uint64_t)-error);
}

static void lb_refused(struct play *g, int error)
{
    uint8_t buf[ROOM];
    enum session_channel channel = SESSION_DATAGRAM;
    uint64_t seq;
    size_t n = session_lb_pull(&g->lb, buf, sizeof buf, &channel, &seq);

    must(g->lb.state == SESSION_LB_CLOSED && channel == SESSION_STREAM);
    check_error(buf, n, error);
    must(session_lb_pull(&g->lb, buf, sizeof buf, &channel, &seq) == 0);
}

static void to_lb(struct play *g, enum session_channel channel, const uint8_t *p, size_t n)
{
    struct session_lb_report r = {.what = 0};
    bool closed = g->lb.state == SESSION_LB_CLOSED;
    uint64_t epoch = g->lb.epoch;
    int error = session_lb_frame(&g->lb, g->now, channel, p, n, &r);

    must(g->lb.epoch >= epoch);
    if (closed)
        must(error == 0 && r.what == 0 && g->lb.state == SESSION_LB_CLOSED);
    if (error != 0) {
        must(!g->honest);
        lb_refused(g, error);
        return;
    }
    if (r.what & SESSION_LB_ESTABLISHED) {
        must(!g->established);
        g->established = true;
    }
    if (r.what & (SESSION_LB_ANSWER | SESSION_LB_STATUS))
        must(g->established && r.m.type == WIRE_HEALTH_RESPONSE && r.epoch == g->lb.epoch);
    if (r.what & SESSION_LB_STATUS)
        must(g->lb.epoch > epoch && !(r.what & SESSION_LB_STALE));
    if (r.what & (SESSION_LB_TERMINATED | SESSION_LB_PEER_ERROR))
        must(g->lb.state == SESSION_LB_CLOSED);
}

static void server_refused(struct play *g, int error)
{
    uint8_t buf[ROOM];
    enum session_channel channel = SESSION_DATAGRAM;
    size_t n = session_server_pull(&g->server, g->now, buf, sizeof buf, &channel);

    must(g->server.state == SESSION_SERVER_CLOSED && channel == SESSION_STREAM);
    check_error(buf, n, error);
    must(session_server_pull(&g->server, g->now, buf, sizeof buf, &channel) == 0);
}

static void hello(struct play *g, const struct wire_hello *m)
{
    unsigned choice = byte(g), scopes = byte(g) & 7;
    int error;

    if (choice % 8 == 0) {
        session_server_refuse(&g->server, g->now, QHCP_E_TOKEN_KEY, words(g));
        g->honest = false; /* the load balancer may have gone on */
        return;
    }
    error = session_server_accept(&g->server, g->now, m, scopes, g->now + number(g));
    must((error == 0) == ((scopes & SESSION_SCOPE_HEALTH) != 0));
    g->accepted = error == 0;
    if (error != 0)
        server_refused(g, error);
}

static void config(struct play *g, const struct wire_config_update *u)
{
    struct session_server before = g->server;
    const struct session_server *now = &g->server;
    int error = byte(g) % 3 == 0 ? QHCP_E_TOKEN_SIGNATURE : 0;

    session_server_config(&g->server, g->now, u, error, words(g), byte(g) & 7, g->now + number(g));
    must(now->state == before.state);
    if (now->config_ack.refused.count == 0)
        return;
    must(now->interval_us == before.interval_us && now->push == before.push);
    must(now->scopes == before.scopes && now->token_expires == before.token_expires);
    must(now->metrics.n == before.metrics.n);
    must(memcmp(now->metrics.numbers, before.metrics.numbers,
                now->metrics.n * sizeof now->metrics.numbers[0]) == 0);
}

static void answer(struct play *g, uint64_t seq, size_t cap)
{
    uint8_t buf[ROOM];
    struct wire_message m;
    size_t n = session_server_answer(&g->server, seq, number(g), buf, cap);
    bool open =
        g->server.state == SESSION_SERVER_ACTIVE || g->server.state == SESSION_SERVER_TERMINATING;

    must(n <= cap);
    must(n == 0 || (open && g->accepted));
    must(n > 0 || !open || cap < LIMIT_DATAGRAM);
    if (n == 0)
        return;
    check_frame(buf, n, &m);
    must(m.type == WIRE_HEALTH_RESPONSE);
    to_lb(g, SESSION_DATAGRAM, buf, n);
}

/* A beat: only of a server that was asked for beats and has said so. */
static void beat(struct play *g)
{
    bool wanted = session_server_beats(&g->server) > 0;
    struct wire_message m;
    uint8_t buf[ROOM];
    size_t n = session_server_beat(&g->server, ++g->beat, buf, LIMIT_DATAGRAM);

    must(n == 0 || g->accepted);
    if (n == 0 || !wanted)
        return;
    check_frame(buf, n, &m);
    must(m.type == WIRE_HEALTH_RESPONSE && m.response.beat == g->beat);
    to_lb(g, SESSION_DATAGRAM, buf, n);
}

static void to_server(struct play *g, enum session_channel channel, const uint8_t *p, size_t n)
{
    struct session_server_report r = {.what = 0};
    bool closed = g->server.state == SESSION_SERVER_CLOSED;
    unsigned scopes = g->server.scopes;
    int error = session_server_frame(&g->server, g->now, channel, p, n, &r);

    if (closed)
        must(error == 0 && r.what == 0 && g->server.state == SESSION_SERVER_CLOSED);
    if (error != 0) {
        must(!g->honest || error == QHCP_E_TOKEN_SCOPE);
        server_refused(g, error);
        return;
    }
    if (r.what & (SESSION_SERVER_REQUEST | SESSION_SERVER_CONFIG | SESSION_SERVER_PEER_LEAVES))
        must(g->accepted);
    if (r.what & SESSION_SERVER_PEER_LEAVES)
        must(scopes & SESSION_SCOPE_TERMINATE);
    if (r.what & SESSION_SERVER_HELLO)
        hello(g, &r.m.hello);
    if (r.what & SESSION_SERVER_REQUEST)
        answer(g, r.m.request.seq, LIMIT_DATAGRAM);
    if (r.what & SESSION_SERVER_CONFIG)
        config(g, &r.m.config_update);
}

/* Carries what the load balancer's machine has to send, perhaps with a byte changed. */
static void carry_to_server(struct play *g, bool change)
{
    uint8_t buf[ROOM];
    enum session_channel channel = SESSION_STREAM;
    uint64_t seq, last = g->lb.request_first;
    struct wire_message m;
    size_t n;

    for (unsigned frames = 0;; frames++) {
        n = session_lb_pull(&g->lb, buf, sizeof buf, &channel, &seq);
        if (n == 0)
            break;
        must(frames < SESSION_LB_WINDOW + 5);
        check_frame(buf, n, &m);
        must((m.type == WIRE_HEALTH_REQUEST) == (channel == SESSION_DATAGRAM));
        must((seq > 0) == (m.type == WIRE_HEALTH_REQUEST));
        must(seq == 0 || seq >= last);
        last = seq > 0 ? seq : last;
        if (change) {
            buf[number(g) % n] ^= (uint8_t)byte(g);
            g->honest = false;
        }
        to_server(g, channel, buf, n);
    }
}

static void carry_to_lb(struct play *g, bool change)
{
    uint8_t buf[ROOM];
    enum session_channel channel = SESSION_DATAGRAM;
    struct wire_message m;
    size_t n;

    if (g->lb.state == SESSION_LB_IDLE)
        return; /* the control stream is the load balancer's to open */
    for (unsigned frames = 0;; frames++) {
        n = session_server_pull(&g->server, g->now, buf, sizeof buf, &channel);
        if (n == 0)
            break;
        must(frames < 5 && channel == SESSION_STREAM);
        check_frame(buf, n, &m);
        if (change) {
            buf[number(g) % n] ^= (uint8_t)byte(g);
            g->honest = false;
        }
        to_lb(g, channel, buf, n);
    }
}

static void call_lb(struct play *g)
{
    uint64_t seq = g->lb.seq, before = seq;
    bool closed = g->lb.state == SESSION_LB_CLOSED;
    int error = 0;

    switch (byte(g) % 6) {
    case 0:
        error = session_lb_open(&g->lb, g->now, slice_str("a.b.c"));
        break;
    case 1:
        error = session_lb_request(&g->lb, g->now, &seq);
        must(error != 0 || seq == before + 1);
        break;
    case 2:
        session_lb_not_sent(&g->lb, number(g));
        break;
    case 3:
        g->update = (struct wire_config_update){.has = byte(g) & 0xf, .interval_us = number(g)};
        if (g->lb.beats && g->lb_config.beat_us > 0) {
            g->update.has |= WIRE_HAS_BEAT;
            g->update.beat_us = g->update.interval_us;
        }
        g->update.token = slice_str("d.e.f");
        g->update.push = byte(g) % 2;
        g->update.metrics.count = 1;
        g->update.metrics.at[0] = number(g);
        if (byte(g) % 8 == 0)
            g->update = (struct wire_config_update){.has = WIRE_HAS_REVOCATIONS,
                                                    .revocations = slice_str("l.i.st")};
        if (!g->lb.configuring) /* the one before is still the machine's */
            error = session_lb_config(&g->lb, g->now, &g->update);
        break;
    case 4:
        error = session_lb_terminate(&g->lb, g->now, number(g), words(g));
        break;
    default:
        error = session_lb_leave(&g->lb, g->now, byte(g) % 2);
        break;
    }
    must(!closed || g->lb.state == SESSION_LB_CLOSED);
    must(g->lb.seq >= before);
}

static void call_server(struct play *g)
{
    bool closed = g->server.state == SESSION_SERVER_CLOSED;

    switch (byte(g) % 5) {
    case 0:
        session_server_terminate(&g->server, g->now, number(g), words(g));
        break;
    case 1:
        session_server_refuse(&g->server, g->now, QHCP_E_EXCESSIVE, words(g));
        break;
    case 2: /* the status changes */
        g->self.epoch++;
        g->self.status = byte(g) % 5;
        slice_to_cstr(bytes(g), g->self.reason, sizeof g->self.reason);
        break;
    case 3:
        answer(g, 0, LIMIT_DATAGRAM);
        beat(g);
        break;
    default:
        answer(g, 0, number(g) % ROOM);
        break;
    }
    must(!closed || g->server.state == SESSION_SERVER_CLOSED);
}

static void pass_time(struct play *g)
{
    struct session_lb_report lb = {.what = 0};
    struct session_server_report server = {.what = 0};
    int error;

    g->now += number(g) % (1000 * NSEC_PER_SEC);
    if (byte(g) % 2 == 0)
        g->now = nsec_max(
            g->now, nsec_min(session_lb_deadline(&g->lb), session_server_deadline(&g->server)) %
                        NSEC_NEVER);
    error = session_lb_expire(&g->lb, g->now, &lb);
    must(session_lb_deadline(&g->lb) > g->now);
    if (error != 0)
        lb_refused(g, error);
    error = session_server_expire(&g->server, g->now, &server);
    must(session_server_deadline(&g->server) > g->now);
    if (error != 0)
        server_refused(g, error);
}

static void act(struct play *g)
{
    struct slice s;

    switch (byte(g) % 10) {
    case 0:
    case 1:
        carry_to_server(g, false);
        break;
    case 2:
    case 3:
        carry_to_lb(g, false);
        break;
    case 4:
        call_lb(g);
        break;
    case 5:
        call_server(g);
        break;
    case 6:
        pass_time(g);
        break;
    case 7:
        if (byte(g) % 2)
            carry_to_server(g, true);
        else
            carry_to_lb(g, true);
        break;
    case 8:
        g->honest = false;
        s = bytes(g);
        to_lb(g, byte(g) % 2 ? SESSION_STREAM : SESSION_DATAGRAM, s.p, s.n);
        break;
    default:
        g->honest = false;
        s = bytes(g);
        to_server(g, byte(g) % 2 ? SESSION_STREAM : SESSION_DATAGRAM, s.p, s.n);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct play g;

    g = (struct play){.p = data, .end = data + size, .now = 1000 * NSEC_PER_SEC, .honest = true};
    g.lb_config =
        (struct session_lb_config){.lb_id = slice_str("lb"), .interval_us = 1000000, .push = true};
    g.lb_config.beat_us = size % 2 ? 50000 : 0; /* so that scripts without it mean what they did */
    g.self = (struct session_server_self){
        .server_id = slice_str("server"),
        .boot_id = "bootboo",
        .epoch = 1,
        .services = {1, {slice_str("tcp:8080")}},
        .values = {3, {{1, 1234}, {2, 5678}, {64, 42}}},
        .metrics = {3,
                    {{1, slice_str("cpu_usage_percent"), 1},
                     {2, slice_str("memory_usage_percent"), 1},
                     {64, slice_str("queue"), 0}}},
        .checks = {1, {{.name = slice_str("disk"), .reason = slice_str("full"), .status = 3}}}};
    session_lb_init(&g.lb, &g.lb_config);
    session_server_init(&g.server, &g.self, g.now);
    while (g.p < g.end)
        act(&g);
    return 0;
}
