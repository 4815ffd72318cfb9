/* The server's machine: accepting, answering, pushing, leaving. */
#include "kit.h"

static struct wire_message decoded(const struct frame *f)
{
    struct wire_message m;

    assert_true(f->n > 0);
    assert_int_equal(wire_decode(f->p, f->n, &m, NULL), 0);
    return m;
}

static struct wire_message request(uint64_t seq, uint64_t epoch)
{
    struct wire_message m = kit_message(WIRE_HEALTH_REQUEST);

    m.request.seq = seq;
    m.request.epoch = epoch;
    return m;
}

static void hello_is_reported_and_answered_with_what_was_agreed(void **state)
{
    struct wire_message m = kit_message(WIRE_HELLO);
    struct kit_server k;
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_WAITING, 0);
    m.hello.metrics = (struct wire_numbers){2, {7, WIRE_METRIC_CPU}}; /* 7: not measured here */
    m.hello.metric_names = (struct wire_texts){2, {slice_str("queue_length"), slice_str("none")}};
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_HELLO);
    kit_expect_text(k.r.m.hello.token, "a.b.c");
    assert_int_equal(kit_server_pull(&k, T0).n, 0);
    assert_int_equal(session_server_accept(&k.s, T0, &k.r.m.hello, ALL_SCOPES, NSEC_NEVER), 0);
    f = kit_server_pull(&k, T0);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_ACK);
    assert_int_equal(m.ack.interval_us, 1000000);
    assert_int_equal(m.ack.processing_us, 50000);
    assert_int_equal(m.ack.push, 1);
    assert_int_equal(m.ack.metrics.count, 3);
    assert_int_equal(m.ack.metrics.at[0].number, WIRE_METRIC_CPU);
    assert_int_equal(m.ack.metrics.at[1].number, WIRE_METRIC_MEMORY);
    assert_int_equal(m.ack.metrics.at[2].number, 64);
    kit_expect_text(m.ack.metrics.at[2].name, "queue_length");
    kit_expect_text(m.ack.services.at[0], "tcp:8080");
    kit_expect_text(m.ack.boot_id, "bootboot");
    assert_true(session_server_deadline(&k.s) == NSEC_NEVER);
}

static void the_required_metrics_are_confirmed_even_when_not_measured_yet(void **state)
{
    struct kit_server k;
    struct wire_message m;
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_CHECKING, 0);
    k.self.metrics.count = k.self.values.count = 0;
    assert_int_equal(session_server_accept(&k.s, T0, &k.r.m.hello, ALL_SCOPES, NSEC_NEVER), 0);
    f = kit_server_pull(&k, T0);
    m = decoded(&f);
    assert_int_equal(m.ack.metrics.count, 2);
    kit_expect_text(m.ack.metrics.at[1].name, "memory_usage_percent");
    f = kit_server_answer(&k, 1);
    m = decoded(&f);
    assert_int_equal(m.response.values.count, 0);
}

static void a_token_without_the_scope_health_is_refused(void **state)
{
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_CHECKING, 0);
    assert_int_equal(session_server_accept(&k.s, T0, &k.r.m.hello,
                                           SESSION_SCOPE_CONFIG | SESSION_SCOPE_TERMINATE,
                                           NSEC_NEVER),
                     QHCP_E_TOKEN_SCOPE);
    kit_server_expect_error(&k, QHCP_E_TOKEN_SCOPE, "the token lacks the scope health", WIRE_HELLO);
    kit_server(&k, SESSION_SERVER_CHECKING, 0);
    assert_int_equal(
        session_server_accept(&k.s, T0, &k.r.m.hello, SESSION_SCOPE_HEALTH, NSEC_NEVER), 0);
}

static void a_refusal_carries_code_and_words(void **state)
{
    struct kit_server k;
    char words[] = "token refused: expired 12 s ago";

    (void)state;
    kit_server(&k, SESSION_SERVER_CHECKING, 0);
    session_server_refuse(&k.s, T0, QHCP_E_TOKEN_EXPIRED, words);
    words[0] = 'x'; /* they were copied */
    kit_server_expect_error(&k, QHCP_E_TOKEN_EXPIRED, "token refused: expired 12 s ago",
                            WIRE_HELLO);
    kit_server(&k, SESSION_SERVER_CHECKING, 0);
    session_server_refuse(&k.s, T0, QHCP_E_TOKEN_KEY, "");
    kit_server_expect_error(&k, QHCP_E_TOKEN_KEY, "no key with that kid is known", WIRE_HELLO);
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    session_server_refuse(&k.s, T0, QHCP_E_EXCESSIVE, "65 frames in 1 s");
    kit_server_expect_error(&k, QHCP_E_EXCESSIVE, "65 frames in 1 s", 0);
}

static void hello_twice_and_speaking_before_it_say_what_was_wrong(void **state)
{
    struct wire_message hello = kit_message(WIRE_HELLO), ask = request(1, 0);
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &hello), QHCP_E_UNEXPECTED);
    kit_server_expect_error(&k, QHCP_E_UNEXPECTED, "HELLO not expected in state ACTIVE",
                            WIRE_HELLO);
    kit_server(&k, SESSION_SERVER_WAITING, 0);
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &ask), QHCP_E_UNEXPECTED);
    kit_server_expect_error(&k, QHCP_E_UNEXPECTED, "HEALTH_REQUEST not expected in state WAITING",
                            WIRE_HEALTH_REQUEST);
}

static void no_hello_is_a_timeout(void **state)
{
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_WAITING, 0);
    assert_true(session_server_deadline(&k.s) == T0 + SESSION_HELLO_TIMEOUT);
    assert_int_equal(session_server_expire(&k.s, T0 + SESSION_HELLO_TIMEOUT - 1, &k.r), 0);
    assert_int_equal(session_server_expire(&k.s, T0 + SESSION_HELLO_TIMEOUT, &k.r), QHCP_E_TIMEOUT);
    kit_server_expect_error(&k, QHCP_E_TIMEOUT, "no HELLO within 5 s of the handshake", 0);
}

/* A handshake that took four seconds leaves the load balancer all of its time for HELLO. */
static void hello_is_awaited_from_the_end_of_the_handshake(void **state)
{
    const qhcp_nsec done = T0 + 4 * NSEC_PER_SEC;
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_WAITING, 0);
    session_server_connected(&k.s, done);
    assert_true(session_server_deadline(&k.s) == done + SESSION_HELLO_TIMEOUT);
    assert_int_equal(session_server_expire(&k.s, done + SESSION_HELLO_TIMEOUT - 1, &k.r), 0);
    assert_int_equal(session_server_expire(&k.s, done + SESSION_HELLO_TIMEOUT, &k.r),
                     QHCP_E_TIMEOUT);
    kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH);
    session_server_connected(&k.s, done);
    assert_true(session_server_deadline(&k.s) != done + SESSION_HELLO_TIMEOUT);
}

static void an_answer_carries_the_sessions_metrics_only(void **state)
{
    struct wire_message m = request(9, 0);
    struct kit_server k;
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_REQUEST);
    assert_int_equal(k.r.m.request.seq, 9);
    f = kit_server_answer(&k, 9);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_HEALTH_RESPONSE);
    assert_int_equal(m.response.has, WIRE_HAS_SEQ);
    assert_int_equal(m.response.seq, 9);
    assert_int_equal(m.response.epoch, 1);
    assert_int_equal(m.response.processing_us, 7);
    assert_int_equal(m.response.values.count, 2); /* 64 was not asked for */
    assert_int_equal(m.response.values.at[1].value, 5678);
    kit_expect_text(m.response.boot_id, "bootboot");
}

static void a_push_has_no_sequence_number_and_a_reason_always(void **state)
{
    struct kit_server k;
    struct wire_message m;
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    k.self.status = QHCP_STATUS_DRAINING;
    memcpy(k.self.reason, "SIGTERM", 8);
    f = kit_server_answer(&k, 0);
    m = decoded(&f);
    assert_int_equal(m.response.has, WIRE_HAS_REASON);
    kit_expect_text(m.response.reason, "SIGTERM");
    k.self.reason[0] = '\0';
    f = kit_server_answer(&k, 0);
    m = decoded(&f);
    kit_expect_text(m.response.reason, "draining");
    memcpy(k.self.reason, "\xff\xff", 3);
    f = kit_server_answer(&k, 0);
    m = decoded(&f);
    kit_expect_text(m.response.reason, "draining");
}

static void fill_checks(struct session_server_self *self, size_t n, struct slice reason)
{
    self->checks.count = n;
    for (size_t i = 0; i < n; i++)
        self->checks.at[i] = (struct wire_check){.status = i % 2 ? QHCP_NOT_SERVING : QHCP_SERVING,
                                                 .name = slice_str("check"),
                                                 .duration_us = 1000,
                                                 .reason = reason};
}

static void what_does_not_fit_a_datagram_is_left_out(void **state)
{
    char words[LIMIT_REASON], name[LIMIT_NAME];
    struct kit_server k;
    struct wire_message m;
    struct frame f;

    (void)state;
    memset(words, 'w', sizeof words);
    memset(name, 'n', sizeof name);
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    fill_checks(&k.self, 2, slice_of(words, sizeof words));
    f = kit_server_answer(&k, 1);
    m = decoded(&f);
    assert_int_equal(m.response.checks.count, 2);
    assert_int_equal(m.response.checks.at[1].reason.n, sizeof words);
    fill_checks(&k.self, LIMIT_CHECKS, slice_of(words, sizeof words));
    f = kit_server_answer(&k, 1);
    m = decoded(&f);
    assert_int_equal(m.response.checks.count, LIMIT_CHECKS);
    assert_int_equal(m.response.checks.at[1].reason.n, 0);
    for (size_t i = 0; i < LIMIT_CHECKS; i++)
        k.self.checks.at[i].name = slice_of(name, sizeof name);
    f = kit_server_answer(&k, 1);
    m = decoded(&f);
    assert_int_equal(m.response.checks.count, LIMIT_CHECKS / 2);
    assert_int_equal(m.response.checks.at[0].status, QHCP_NOT_SERVING);
    for (size_t i = 0; i < LIMIT_CHECKS; i++)
        k.self.checks.at[i].status = QHCP_NOT_SERVING;
    f = kit_server_answer(&k, 1);
    m = decoded(&f);
    assert_int_equal(m.response.checks.count, 0);
    assert_int_equal(m.response.values.count, 2);
}

static void a_status_is_pushed_until_a_request_acknowledges_its_epoch(void **state)
{
    struct wire_message old = request(1, 0), seen = request(2, 2), later = request(3, 2);
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_false(session_server_push_due(&k.s)); /* the first answer brings the first status */
    k.self.epoch = 2;
    assert_true(session_server_push_due(&k.s));
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &old), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_REQUEST);
    assert_true(session_server_push_due(&k.s));
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &seen), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_REQUEST | SESSION_SERVER_PUSH_SEEN);
    assert_false(session_server_push_due(&k.s));
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &later), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_REQUEST);
}

static void nothing_is_pushed_to_those_who_do_not_want_it_or_are_gone(void **state)
{
    struct wire_message bye = kit_message(WIRE_TERMINATE);
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    k.self.epoch = 2;
    k.s.push = false;
    assert_false(session_server_push_due(&k.s));
    k.s.push = true;
    assert_true(session_server_push_due(&k.s));
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &bye), 0);
    assert_false(session_server_push_due(&k.s));
    assert_int_equal(kit_server_answer(&k, 0).n, 0);
}

static void an_epoch_from_the_future_acknowledges_no_later_status(void **state)
{
    struct wire_message m = request(1, 1000);
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    k.self.epoch = 2;
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &m), 0);
    assert_false(session_server_push_due(&k.s));
    k.self.epoch = 3;
    assert_true(session_server_push_due(&k.s));
}

static void a_token_that_is_not_renewed_ends_the_session(void **state)
{
    struct kit_server k;
    qhcp_nsec end = T0 + 300 * NSEC_PER_SEC;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_true(session_server_deadline(&k.s) == end);
    assert_int_equal(session_server_expire(&k.s, end - 1, &k.r), 0);
    assert_int_equal(session_server_expire(&k.s, end, &k.r), QHCP_E_TOKEN_EXPIRED);
    kit_server_expect_error(&k, QHCP_E_TOKEN_EXPIRED, "the token expired and was not renewed", 0);
}

static void a_server_that_leaves_answers_until_it_is_let_go(void **state)
{
    struct wire_message ask = request(1, 0), ack = kit_message(WIRE_TERMINATE_ACK), m;
    struct kit_server k;
    char reason[] = "SIGTERM";
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_int_equal(session_server_terminate(&k.s, T0, 30 * NSEC_PER_SEC, reason), 0);
    reason[0] = 'x';
    f = kit_server_pull(&k, T0 + 10 * NSEC_PER_SEC);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_TERMINATE);
    assert_int_equal(m.terminate.deadline_us, 20000000); /* what is left when it leaves */
    kit_expect_text(m.terminate.reason, "SIGTERM");
    assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &ask), 0);
    assert_true(kit_server_answer(&k, 1).n > 0);
    ack.terminate_ack.outcome = 1;
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &ack), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_TERMINATED);
    assert_int_equal(k.r.m.terminate_ack.outcome, 1);
    assert_int_equal(k.s.state, SESSION_SERVER_CLOSED);
}

static void a_server_that_leaves_goes_at_its_deadline(void **state)
{
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_TERMINATING, ALL_SCOPES);
    assert_true(session_server_deadline(&k.s) == T0 + 30 * NSEC_PER_SEC);
    assert_int_equal(session_server_expire(&k.s, T0 + 30 * NSEC_PER_SEC, &k.r), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_TERMINATED);
}

static void an_acknowledgement_of_a_terminate_that_never_left_is_unexpected(void **state)
{
    struct wire_message m = kit_message(WIRE_TERMINATE_ACK);
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_int_equal(session_server_terminate(&k.s, T0, NSEC_PER_SEC, "stop"), 0);
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), QHCP_E_UNEXPECTED);
}

static void a_peer_that_is_not_in_yet_is_turned_away_at_a_stop(void **state)
{
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_CHECKING, 0);
    assert_int_equal(session_server_terminate(&k.s, T0, NSEC_PER_SEC, "SIGTERM"), 0);
    kit_server_expect_error(&k, QHCP_E_STOPPING, "SIGTERM", WIRE_HELLO);
}

static void a_load_balancer_that_leaves_is_acknowledged_if_its_token_allows_it(void **state)
{
    struct wire_message m = kit_message(WIRE_TERMINATE);
    struct kit_server k;
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_SERVER_PEER_LEAVES);
    f = kit_server_pull(&k, T0);
    assert_int_equal(decoded(&f).type, WIRE_TERMINATE_ACK);
    assert_int_equal(kit_server_pull(&k, T0).n, 0);
    kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH | SESSION_SCOPE_CONFIG);
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), QHCP_E_TOKEN_SCOPE);
    kit_server_expect_error(&k, QHCP_E_TOKEN_SCOPE, "the token lacks the scope terminate",
                            WIRE_TERMINATE);
}

static void crossing_terminates_end_with_one_acknowledgement(void **state)
{
    struct wire_message m = kit_message(WIRE_TERMINATE);
    struct kit_server k;
    struct frame f;

    (void)state;
    kit_server(&k, SESSION_SERVER_TERMINATING, ALL_SCOPES);
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), 0);
    f = kit_server_pull(&k, T0);
    assert_int_equal(decoded(&f).type, WIRE_TERMINATE_ACK);
    m = kit_message(WIRE_TERMINATE_ACK); /* the load balancer's, to ours */
    assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, 0);
}

static void datagrams_carry_health_alone(void **state)
{
    struct frame f = kit_unknown();
    struct kit_server k;

    (void)state;
    for (uint64_t type = WIRE_HELLO; type <= WIRE_TERMINATE_ACK; type++) {
        struct wire_message m = kit_message(type);

        if (type == WIRE_HEALTH_REQUEST || type == WIRE_HEALTH_RESPONSE)
            continue;
        kit_server(&k, SESSION_SERVER_TERMINATING, ALL_SCOPES);
        assert_int_equal(kit_server_give(&k, T0, SESSION_DATAGRAM, &m), QHCP_E_DATAGRAM);
        kit_server_expect_error(&k, QHCP_E_DATAGRAM, NULL, type);
    }
    kit_server(&k, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    assert_int_equal(session_server_frame(&k.s, T0, SESSION_DATAGRAM, f.p, f.n, &k.r), 0);
    assert_int_equal(k.r.what, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_reported_and_answered_with_what_was_agreed),
        cmocka_unit_test(the_required_metrics_are_confirmed_even_when_not_measured_yet),
        cmocka_unit_test(a_token_without_the_scope_health_is_refused),
        cmocka_unit_test(a_refusal_carries_code_and_words),
        cmocka_unit_test(hello_twice_and_speaking_before_it_say_what_was_wrong),
        cmocka_unit_test(no_hello_is_a_timeout),
        cmocka_unit_test(hello_is_awaited_from_the_end_of_the_handshake),
        cmocka_unit_test(an_answer_carries_the_sessions_metrics_only),
        cmocka_unit_test(a_push_has_no_sequence_number_and_a_reason_always),
        cmocka_unit_test(what_does_not_fit_a_datagram_is_left_out),
        cmocka_unit_test(a_status_is_pushed_until_a_request_acknowledges_its_epoch),
        cmocka_unit_test(nothing_is_pushed_to_those_who_do_not_want_it_or_are_gone),
        cmocka_unit_test(an_epoch_from_the_future_acknowledges_no_later_status),
        cmocka_unit_test(a_token_that_is_not_renewed_ends_the_session),
        cmocka_unit_test(a_server_that_leaves_answers_until_it_is_let_go),
        cmocka_unit_test(a_server_that_leaves_goes_at_its_deadline),
        cmocka_unit_test(an_acknowledgement_of_a_terminate_that_never_left_is_unexpected),
        cmocka_unit_test(a_peer_that_is_not_in_yet_is_turned_away_at_a_stop),
        cmocka_unit_test(a_load_balancer_that_leaves_is_acknowledged_if_its_token_allows_it),
        cmocka_unit_test(crossing_terminates_end_with_one_acknowledgement),
        cmocka_unit_test(datagrams_carry_health_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
