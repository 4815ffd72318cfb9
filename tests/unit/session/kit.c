#include "kit.h"

static const uint8_t boot[LIMIT_BOOT_ID] = "bootboot";

struct wire_message kit_message(uint64_t type)
{
    struct wire_message m = {.type = type};

    switch (type) {
    case WIRE_HELLO:
        m.hello = (struct wire_hello){.has = WIRE_HAS_TOKEN,
                                      .interval_us = 1000000,
                                      .lb_id = slice_str("lb"),
                                      .push = 1,
                                      .token = slice_str("a.b.c")};
        break;
    case WIRE_ACK:
        m.ack = (struct wire_ack){.interval_us = 1000000,
                                  .server_id = slice_str("server"),
                                  .boot_id = slice_of(boot, sizeof boot),
                                  .push = 1};
        break;
    case WIRE_HEALTH_REQUEST:
        m.request = (struct wire_health_request){.seq = 1};
        break;
    case WIRE_HEALTH_RESPONSE:
        m.response = (struct wire_health_response){
            .has = WIRE_HAS_SEQ, .seq = 1, .boot_id = slice_of(boot, sizeof boot), .epoch = 1};
        break;
    case WIRE_CONFIG_UPDATE:
        m.config_update =
            (struct wire_config_update){.has = WIRE_HAS_INTERVAL, .id = 1, .interval_us = 2000000};
        break;
    case WIRE_CONFIG_ACK:
        m.config_ack = (struct wire_config_ack){.id = 1, .interval_us = 2000000};
        break;
    case WIRE_ERROR:
        m.error = (struct wire_error){.code = 0x101, .words = slice_str("internal")};
        break;
    case WIRE_TERMINATE:
        m.terminate = (struct wire_terminate){.deadline_us = 30000000, .reason = slice_str("bye")};
        break;
    case WIRE_TERMINATE_ACK:
        m.terminate_ack = (struct wire_terminate_ack){.outcome = 0};
        break;
    }
    return m;
}

struct frame kit_unknown(void)
{
    /* Type 0x21 (greasing), length 3. */
    return (struct frame){.p = {0x21, 0x03, 'a', 'b', 'c'}, .n = 5};
}

struct frame kit_frame(const struct wire_message *m)
{
    struct frame f = {.n = 0};
    int n;

    if (m->type == 0)
        return kit_unknown();
    n = wire_encode(m, f.p, sizeof f.p);
    assert_true(n > 0);
    f.n = (size_t)n;
    return f;
}

int kit_lb_give(struct kit_lb *k, qhcp_nsec now, enum session_channel channel,
                const struct wire_message *m)
{
    static struct frame f; /* the report's slices point into it */

    f = kit_frame(m);
    return session_lb_frame(&k->s, now, channel, f.p, f.n, &k->r);
}

struct frame kit_lb_pull(struct kit_lb *k)
{
    struct frame f = {.n = 0};

    f.n = session_lb_pull(&k->s, f.p, sizeof f.p, &f.channel, &f.seq);
    return f;
}

static void give_ok(struct kit_lb *k, uint64_t type)
{
    struct wire_message m = kit_message(type);

    assert_int_equal(kit_lb_give(k, T0, SESSION_STREAM, &m), 0);
}

static void pull_ok(struct kit_lb *k)
{
    assert_true(kit_lb_pull(k).n > 0);
}

static void lb_active(struct kit_lb *k, bool configuring)
{
    uint64_t seq;

    assert_int_equal(session_lb_open(&k->s, T0, slice_str("a.b.c")), 0);
    pull_ok(k);
    give_ok(k, WIRE_ACK);
    assert_int_equal(session_lb_request(&k->s, T0, &seq), 0);
    pull_ok(k);
    if (!configuring)
        return;
    k->update = (struct wire_config_update){.has = WIRE_HAS_INTERVAL, .interval_us = 2000000};
    assert_int_equal(session_lb_config(&k->s, T0, &k->update), 0);
    pull_ok(k);
}

void kit_lb(struct kit_lb *k, enum session_lb_state state, bool configuring)
{
    memset(k, 0, sizeof *k);
    k->config =
        (struct session_lb_config){.lb_id = slice_str("lb"), .interval_us = 1000000, .push = true};
    session_lb_init(&k->s, &k->config);
    if (state == SESSION_LB_GREETING) {
        assert_int_equal(session_lb_open(&k->s, T0, slice_str("a.b.c")), 0);
        pull_ok(k);
    } else if (state != SESSION_LB_IDLE) {
        lb_active(k, configuring);
    }
    if (state == SESSION_LB_LEAVING || state == SESSION_LB_LEFT)
        give_ok(k, WIRE_TERMINATE);
    if (state == SESSION_LB_LEFT) {
        assert_int_equal(session_lb_leave(&k->s, T0, 0), 0);
        pull_ok(k);
    }
    if (state == SESSION_LB_TERMINATING) {
        assert_int_equal(session_lb_terminate(&k->s, T0, NSEC_PER_SEC, "stop"), 0);
        pull_ok(k);
    }
    if (state == SESSION_LB_CLOSED)
        give_ok(k, WIRE_ERROR);
    assert_int_equal(k->s.state, state);
}

void kit_expect_text(struct slice s, const char *text)
{
    char buf[512];

    slice_to_cstr(s, buf, sizeof buf);
    assert_string_equal(buf, text);
}

static void expect_error(const struct frame *f, int error, const char *words, uint64_t refers)
{
    struct wire_message m;

    assert_int_equal(wire_decode(f->p, f->n, &m, NULL), 0);
    assert_int_equal(m.type, WIRE_ERROR);
    assert_int_equal(m.error.code, -error);
    if (words)
        kit_expect_text(m.error.words, words);
    assert_int_equal(m.error.has & WIRE_HAS_REFERS, refers > 0 ? WIRE_HAS_REFERS : 0);
    assert_int_equal(m.error.refers, refers);
}

void kit_lb_expect_error(struct kit_lb *k, int error, const char *words, uint64_t refers)
{
    struct frame f = kit_lb_pull(k);

    assert_int_equal(k->s.state, SESSION_LB_CLOSED);
    assert_int_equal(f.channel, SESSION_STREAM);
    expect_error(&f, error, words, refers);
    assert_int_equal(kit_lb_pull(k).n, 0);
}

static void fill_self(struct session_server_self *self)
{
    *self = (struct session_server_self){
        .server_id = slice_str("server"),
        .processing_us = 50000,
        .status = QHCP_SERVING,
        .epoch = 1,
        .services = {1, {slice_str("tcp:8080")}},
        .values = {3, {{WIRE_METRIC_CPU, 1234}, {WIRE_METRIC_MEMORY, 5678}, {64, 42}}},
        .metrics = {3,
                    {{WIRE_METRIC_CPU, slice_str("cpu_usage_percent"), WIRE_UNIT_PERCENT},
                     {WIRE_METRIC_MEMORY, slice_str("memory_usage_percent"), WIRE_UNIT_PERCENT},
                     {64, slice_str("queue_length"), WIRE_UNIT_NONE}}}};
    memcpy(self->boot_id, boot, sizeof boot);
}

int kit_server_give(struct kit_server *k, qhcp_nsec now, enum session_channel channel,
                    const struct wire_message *m)
{
    static struct frame f; /* the report's slices point into it */

    f = kit_frame(m);
    return session_server_frame(&k->s, now, channel, f.p, f.n, &k->r);
}

struct frame kit_server_pull(struct kit_server *k, qhcp_nsec now)
{
    struct frame f = {.n = 0};

    f.n = session_server_pull(&k->s, now, f.p, sizeof f.p, &f.channel);
    return f;
}

struct frame kit_server_answer(struct kit_server *k, uint64_t seq)
{
    struct frame f = {.n = 0};

    f.n = session_server_answer(&k->s, seq, 7, f.p, LIMIT_DATAGRAM);
    return f;
}

static void server_give_ok(struct kit_server *k, uint64_t type)
{
    struct wire_message m = kit_message(type);

    assert_int_equal(kit_server_give(k, T0, SESSION_STREAM, &m), 0);
}

void kit_server(struct kit_server *k, enum session_server_state state, unsigned scopes)
{
    memset(k, 0, sizeof *k);
    fill_self(&k->self);
    session_server_init(&k->s, &k->self, T0);
    if (state != SESSION_SERVER_WAITING)
        server_give_ok(k, WIRE_HELLO);
    if (state > SESSION_SERVER_CHECKING) {
        assert_int_equal(
            session_server_accept(&k->s, T0, &k->r.m.hello, scopes, T0 + 300 * NSEC_PER_SEC), 0);
        assert_true(kit_server_pull(k, T0).n > 0);
    }
    if (state == SESSION_SERVER_TERMINATING) {
        assert_int_equal(session_server_terminate(&k->s, T0, 30 * NSEC_PER_SEC, "SIGTERM"), 0);
        assert_true(kit_server_pull(k, T0).n > 0);
    }
    if (state == SESSION_SERVER_CLOSED)
        server_give_ok(k, WIRE_ERROR);
    assert_int_equal(k->s.state, state);
}

void kit_server_expect_error(struct kit_server *k, int error, const char *words, uint64_t refers)
{
    struct frame f = kit_server_pull(k, T0);

    assert_int_equal(k->s.state, SESSION_SERVER_CLOSED);
    assert_int_equal(f.channel, SESSION_STREAM);
    expect_error(&f, error, words, refers);
    assert_int_equal(kit_server_pull(k, T0).n, 0);
}
