/* The load balancer's machine: CONFIG_UPDATE, TERMINATE in both directions, time-outs; and both
 * machines together. */
#include "kit.h"

static struct wire_message decoded(const struct frame *f)
{
    struct wire_message m;

    assert_true(f->n > 0);
    assert_int_equal(wire_decode(f->p, f->n, &m, NULL), 0);
    return m;
}

static int config(struct kit_lb *k)
{
    k->update = (struct wire_config_update){.has = WIRE_HAS_INTERVAL, .interval_us = 5000};
    return session_lb_config(&k->s, T0, &k->update);
}

static int config_ack(struct kit_lb *k, uint64_t id, bool refused)
{
    struct wire_message m = kit_message(WIRE_CONFIG_ACK);

    m.config_ack.id = id;
    m.config_ack.refused.count = refused;
    m.config_ack.refused.at[0] =
        (struct wire_refusal){0x02, slice_str("no"), (uint64_t)-QHCP_E_VALUE};
    return kit_lb_give(k, T0, SESSION_STREAM, &m);
}

static void one_update_at_a_time_with_ascending_ids(void **state)
{
    struct kit_lb k;
    struct wire_message m;
    struct frame f;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    for (uint64_t id = 1; id < 4; id++) {
        assert_int_equal(config(&k), 0);
        assert_true(k.update.id == id);
        f = kit_lb_pull(&k);
        m = decoded(&f);
        assert_int_equal(m.type, WIRE_CONFIG_UPDATE);
        assert_int_equal(m.config_update.interval_us, 5000);
        assert_int_equal(config(&k), QHCP_E_AGAIN);
        assert_int_equal(config_ack(&k, id, id == 2), 0);
        assert_int_equal(k.r.what, id == 2 ? SESSION_LB_REFUSED : SESSION_LB_CONFIGURED);
        assert_true(session_lb_deadline(&k.s) == NSEC_NEVER);
    }
}

static void a_config_ack_to_nothing_is_unexpected(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(config_ack(&k, 1, false), QHCP_E_UNEXPECTED);
    kit_lb(&k, SESSION_LB_ACTIVE, true);
    assert_int_equal(config_ack(&k, 2, false), QHCP_E_UNEXPECTED);
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(config(&k), 0); /* not pulled */
    assert_int_equal(config_ack(&k, 1, false), QHCP_E_UNEXPECTED);
    kit_lb(&k, SESSION_LB_ACTIVE, true);
    assert_int_equal(config_ack(&k, 1, false), 0);
    assert_int_equal(config_ack(&k, 1, false), QHCP_E_UNEXPECTED);
}

static void an_update_that_cannot_be_encoded_changes_nothing(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    k.update = (struct wire_config_update){.has = WIRE_HAS_TOKEN, .token = slice_str("")};
    assert_true(session_lb_config(&k.s, T0, &k.update) < 0);
    assert_int_equal(k.s.state, SESSION_LB_ACTIVE);
    assert_int_equal(kit_lb_pull(&k).n, 0);
    assert_int_equal(config(&k), 0);
    assert_int_equal(k.update.id, 1);
}

static void silence_after_hello_or_update_is_a_timeout(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_GREETING, false);
    assert_true(session_lb_deadline(&k.s) == T0 + SESSION_HELLO_TIMEOUT);
    assert_int_equal(session_lb_expire(&k.s, T0 + SESSION_HELLO_TIMEOUT - 1, &k.r), 0);
    assert_int_equal(session_lb_expire(&k.s, T0 + SESSION_HELLO_TIMEOUT, &k.r), QHCP_E_TIMEOUT);
    kit_lb_expect_error(&k, QHCP_E_TIMEOUT, "no ACK within 5 s of HELLO", WIRE_HELLO);
    kit_lb(&k, SESSION_LB_ACTIVE, true);
    assert_true(session_lb_deadline(&k.s) == T0 + SESSION_CONFIG_TIMEOUT);
    assert_int_equal(session_lb_expire(&k.s, T0 + SESSION_CONFIG_TIMEOUT, &k.r), QHCP_E_TIMEOUT);
    kit_lb_expect_error(&k, QHCP_E_TIMEOUT, "no CONFIG_ACK within 10 s", WIRE_CONFIG_UPDATE);
}

static void the_peers_error_closes_and_is_reported(void **state)
{
    struct wire_message m = kit_message(WIRE_ERROR);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_GREETING, false);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_PEER_ERROR);
    kit_expect_text(k.r.m.error.words, "internal");
    assert_int_equal(k.s.state, SESSION_LB_CLOSED);
    assert_int_equal(kit_lb_pull(&k).n, 0);
}

static void a_server_that_leaves_is_checked_until_it_has_gone(void **state)
{
    struct kit_lb k;
    struct wire_message m = kit_message(WIRE_TERMINATE);
    struct frame f;
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_leave(&k.s, T0, 0), QHCP_E_UNEXPECTED);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_PEER_LEAVES);
    assert_int_equal(k.r.m.terminate.deadline_us, 30000000);
    kit_expect_text(k.r.m.terminate.reason, "bye");
    assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
    assert_int_equal(kit_lb_pull(&k).channel, SESSION_DATAGRAM);
    assert_int_equal(session_lb_leave(&k.s, T0, 1), 0);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_TERMINATE_ACK);
    assert_int_equal(m.terminate_ack.outcome, 1);
    assert_int_equal(session_lb_leave(&k.s, T0, 1), QHCP_E_UNEXPECTED);
    assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
    assert_int_equal(kit_lb_pull(&k).channel, SESSION_DATAGRAM);
}

static void our_terminate_waits_for_its_acknowledgement(void **state)
{
    struct kit_lb k;
    struct wire_message m;
    struct frame f;
    char reason[] = "load balancer stops";
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_terminate(&k.s, T0, NSEC_PER_SEC, reason), 0);
    memset(reason, 'x', sizeof reason - 1); /* it was copied */
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_TERMINATE);
    assert_int_equal(m.terminate.deadline_us, 1000000);
    kit_expect_text(m.terminate.reason, "load balancer stops");
    assert_int_equal(session_lb_request(&k.s, T0, &seq), QHCP_E_UNEXPECTED);
    m = kit_message(WIRE_TERMINATE_ACK);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_TERMINATED);
    assert_int_equal(k.s.state, SESSION_LB_CLOSED);
}

static void an_acknowledgement_of_a_terminate_that_never_left_is_unexpected(void **state)
{
    struct wire_message m = kit_message(WIRE_TERMINATE_ACK);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_terminate(&k.s, T0, NSEC_PER_SEC, ""), 0);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), QHCP_E_UNEXPECTED);
}

static void our_terminate_ends_by_itself_when_nobody_answers(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_TERMINATING, true);
    assert_true(session_lb_deadline(&k.s) == T0 + NSEC_PER_SEC);
    assert_int_equal(config_ack(&k, 1, false), 0); /* still owed, and no end to the wait */
    assert_true(session_lb_deadline(&k.s) == T0 + NSEC_PER_SEC);
    assert_int_equal(session_lb_expire(&k.s, T0 + NSEC_PER_SEC, &k.r), 0);
    assert_int_equal(k.r.what, SESSION_LB_TERMINATED);
    assert_int_equal(kit_lb_pull(&k).n, 0);
}

static void before_ack_there_is_no_leave_to_take(void **state)
{
    struct wire_message m = kit_message(WIRE_ACK);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_GREETING, false);
    assert_int_equal(session_lb_terminate(&k.s, T0, NSEC_PER_SEC, "stop"), 0);
    assert_int_equal(kit_lb_pull(&k).n, 0);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, 0);
    m = kit_message(WIRE_HEALTH_RESPONSE);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_DATAGRAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_STALE);
    assert_true(session_lb_deadline(&k.s) == T0);
    assert_int_equal(session_lb_expire(&k.s, T0, &k.r), 0);
    assert_int_equal(k.r.what, SESSION_LB_TERMINATED);
}

static void both_terminates_are_answered_when_they_cross(void **state)
{
    struct kit_lb k;
    struct wire_message m = kit_message(WIRE_TERMINATE);
    struct frame f;

    (void)state;
    kit_lb(&k, SESSION_LB_TERMINATING, false);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, 0);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_TERMINATE_ACK);
    assert_int_equal(m.terminate_ack.outcome, 1); /* nobody knows that none is open */
    kit_lb(&k, SESSION_LB_LEAVING, false);        /* the server's came first */
    assert_int_equal(session_lb_terminate(&k.s, T0, NSEC_PER_SEC, "stop"), 0);
    f = kit_lb_pull(&k);
    assert_int_equal(decoded(&f).type, WIRE_TERMINATE);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_TERMINATE_ACK);
    assert_int_equal(m.terminate_ack.outcome, 1);
}

/* ERROR and TERMINATE_ACK are often lost with the stream: the code of the close says the same. */
static void a_close_says_what_its_frame_would_have_said(void **state)
{
    static const struct {
        enum session_lb_state lb;
        enum session_server_state server;
        bool leaving;
    } rows[] = {{SESSION_LB_GREETING, SESSION_SERVER_CHECKING, false},
                {SESSION_LB_ACTIVE, SESSION_SERVER_ACTIVE, false},
                {SESSION_LB_TERMINATING, SESSION_SERVER_TERMINATING, true},
                {SESSION_LB_CLOSED, SESSION_SERVER_CLOSED, false}};
    static const uint64_t codes[] = {(uint64_t)-QHCP_E_NO_ERROR, (uint64_t)-QHCP_E_INTERNAL, 0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t code = 0; code < 3; code++) {
            struct kit_server server;
            struct kit_lb lb;

            kit_lb(&lb, rows[i].lb, false);
            assert_int_equal(session_lb_closed(&lb.s, codes[code]), rows[i].leaving && code == 0);
            assert_int_equal(lb.s.state, SESSION_LB_CLOSED);
            assert_true(session_lb_deadline(&lb.s) == NSEC_NEVER);
            kit_server(&server, rows[i].server, ALL_SCOPES);
            assert_int_equal(session_server_closed(&server.s, codes[code]),
                             rows[i].leaving && code == 0);
            assert_int_equal(server.s.state, SESSION_SERVER_CLOSED);
            assert_true(session_server_deadline(&server.s) == NSEC_NEVER);
        }
}

static void a_server_that_left_closes_in_order(void **state)
{
    static const enum session_lb_state states[] = {SESSION_LB_LEAVING, SESSION_LB_LEFT};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct kit_lb k;

        kit_lb(&k, states[i], false);
        assert_true(session_lb_closed(&k.s, (uint64_t)-QHCP_E_NO_ERROR));
        kit_lb(&k, states[i], false);
        assert_false(session_lb_closed(&k.s, (uint64_t)-QHCP_E_TOKEN_EXPIRED));
    }
}

static void words_are_made_fit_to_send(void **state)
{
    char longer[2 * LIMIT_REASON];
    struct kit_lb k;
    struct wire_message m;
    struct frame f;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_terminate(&k.s, T0, NSEC_PER_SEC, "a\xff\nb"), 0);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    kit_expect_text(m.terminate.reason, "a??b");
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    for (size_t i = 0; i + 2 < sizeof longer; i += 2)
        memcpy(longer + i, "\xc3\xa9", 3);
    assert_int_equal(session_lb_terminate(&k.s, T0, NSEC_NEVER, longer), 0);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.terminate.reason.n, LIMIT_REASON - 1); /* no half character */
    assert_int_equal(m.terminate.deadline_us, LIMIT_DURATION_MAX_US);
}

/* Carries frames both ways until neither side has any. */
static void exchange(struct kit_lb *lb, struct kit_server *server)
{
    struct frame f;
    bool any = true;

    while (any) {
        any = false;
        while ((f = kit_lb_pull(lb)).n > 0) {
            assert_int_equal(session_server_frame(&server->s, T0, f.channel, f.p, f.n, &server->r),
                             0);
            if (server->r.what & SESSION_SERVER_HELLO)
                session_server_accept(&server->s, T0, &server->r.m.hello, ALL_SCOPES, NSEC_NEVER);
            any = true;
        }
        while ((f = kit_server_pull(server, T0)).n > 0) {
            assert_int_equal(session_lb_frame(&lb->s, T0, f.channel, f.p, f.n, &lb->r), 0);
            any = true;
        }
    }
}

static void both_machines_meet_and_part(void **state)
{
    struct kit_server server;
    struct kit_lb lb;

    (void)state;
    for (int crossing = 0; crossing < 2; crossing++) {
        kit_lb(&lb, SESSION_LB_IDLE, false);
        kit_server(&server, SESSION_SERVER_WAITING, 0);
        assert_int_equal(session_lb_open(&lb.s, T0, slice_str("t")), 0);
        exchange(&lb, &server);
        assert_int_equal(lb.s.state, SESSION_LB_ACTIVE);
        assert_int_equal(server.s.state, SESSION_SERVER_ACTIVE);
        assert_int_equal(session_lb_terminate(&lb.s, T0, NSEC_PER_SEC, "stop"), 0);
        if (crossing)
            assert_int_equal(session_server_terminate(&server.s, T0, NSEC_PER_SEC, "stop"), 0);
        exchange(&lb, &server);
        assert_int_equal(lb.s.state, SESSION_LB_CLOSED);
        assert_int_equal(lb.r.what, SESSION_LB_TERMINATED);
        assert_int_equal(server.s.state, SESSION_SERVER_CLOSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_update_at_a_time_with_ascending_ids),
        cmocka_unit_test(a_config_ack_to_nothing_is_unexpected),
        cmocka_unit_test(an_update_that_cannot_be_encoded_changes_nothing),
        cmocka_unit_test(silence_after_hello_or_update_is_a_timeout),
        cmocka_unit_test(the_peers_error_closes_and_is_reported),
        cmocka_unit_test(a_server_that_leaves_is_checked_until_it_has_gone),
        cmocka_unit_test(our_terminate_waits_for_its_acknowledgement),
        cmocka_unit_test(an_acknowledgement_of_a_terminate_that_never_left_is_unexpected),
        cmocka_unit_test(our_terminate_ends_by_itself_when_nobody_answers),
        cmocka_unit_test(before_ack_there_is_no_leave_to_take),
        cmocka_unit_test(both_terminates_are_answered_when_they_cross),
        cmocka_unit_test(a_close_says_what_its_frame_would_have_said),
        cmocka_unit_test(a_server_that_left_closes_in_order),
        cmocka_unit_test(words_are_made_fit_to_send),
        cmocka_unit_test(both_machines_meet_and_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
