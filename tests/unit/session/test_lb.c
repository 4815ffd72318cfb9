/* The load balancer's machine: opening, answers and pushes. */
#include "kit.h"

#define MS NSEC_PER_MSEC

static struct wire_message decoded(const struct frame *f)
{
    struct wire_message m;

    assert_true(f->n > 0);
    assert_int_equal(wire_decode(f->p, f->n, &m, NULL), 0);
    return m;
}

static uint64_t ask(struct kit_lb *k, qhcp_nsec now)
{
    uint64_t seq = 0;
    struct frame f;

    assert_int_equal(session_lb_request(&k->s, now, &seq), 0);
    f = kit_lb_pull(k);
    assert_true(f.seq == seq);
    return seq;
}

/* An answer to seq, or a push where seq is 0. */
static unsigned answer(struct kit_lb *k, qhcp_nsec now, uint64_t seq, uint64_t epoch,
                       uint64_t status)
{
    struct wire_message m = kit_message(WIRE_HEALTH_RESPONSE);

    m.response.has = (seq > 0 ? WIRE_HAS_SEQ : 0) | WIRE_HAS_REASON;
    m.response.seq = seq;
    m.response.epoch = epoch;
    m.response.status = status;
    m.response.reason = slice_str("why");
    assert_int_equal(kit_lb_give(k, now, SESSION_DATAGRAM, &m), 0);
    return k->r.what & ~(unsigned)(SESSION_LB_REPEATED | SESSION_LB_SAME); /* test_repeated.c */
}

static void hello_carries_what_was_configured(void **state)
{
    static const struct wire_numbers numbers = {2, {WIRE_METRIC_CPU, 7}};
    static const struct wire_texts names = {1, {{(const uint8_t *)"queue", 5}}};
    struct kit_lb k;
    struct wire_message m;
    struct frame f;

    (void)state;
    kit_lb(&k, SESSION_LB_IDLE, false);
    k.config.metrics = &numbers;
    k.config.metric_names = &names;
    assert_int_equal(session_lb_open(&k.s, T0, slice_str("a.b.c")), 0);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.type, WIRE_HELLO);
    assert_int_equal(f.channel, SESSION_STREAM);
    kit_expect_text(m.hello.lb_id, "lb");
    kit_expect_text(m.hello.token, "a.b.c");
    assert_int_equal(m.hello.interval_us, 1000000);
    assert_int_equal(m.hello.push, 1);
    assert_int_equal(m.hello.metrics.count, 2);
    assert_int_equal(m.hello.metrics.at[1], 7);
    assert_int_equal(m.hello.metric_names.count, 1);
    assert_int_equal(kit_lb_pull(&k).n, 0);
}

static void hello_wants_the_required_metrics_unless_told_and_goes_without_a_token(void **state)
{
    struct kit_lb k;
    struct wire_message m;
    struct frame f;

    (void)state;
    kit_lb(&k, SESSION_LB_IDLE, false);
    assert_int_equal(session_lb_open(&k.s, T0, slice_of(NULL, 0)), 0);
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(m.hello.has & WIRE_HAS_TOKEN, 0);
    assert_int_equal(m.hello.metrics.count, 2);
    assert_int_equal(m.hello.metrics.at[0], WIRE_METRIC_CPU);
    assert_int_equal(m.hello.metrics.at[1], WIRE_METRIC_MEMORY);
}

static void a_hello_that_cannot_be_encoded_is_refused_before_anything_happens(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_IDLE, false);
    k.config.lb_id = slice_str("");
    assert_true(session_lb_open(&k.s, T0, slice_str("t")) < 0);
    assert_int_equal(k.s.state, SESSION_LB_IDLE);
    assert_int_equal(kit_lb_pull(&k).n, 0);
    k.config.lb_id = slice_str("lb");
    assert_int_equal(session_lb_open(&k.s, T0, slice_str("t")), 0);
}

static void ack_establishes_and_is_reported(void **state)
{
    struct wire_message m = kit_message(WIRE_ACK);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_GREETING, false);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_ESTABLISHED);
    kit_expect_text(k.r.m.ack.server_id, "server");
    assert_true(session_lb_deadline(&k.s) == NSEC_NEVER);
}

static void an_ack_before_hello_left_is_unexpected(void **state)
{
    struct wire_message m = kit_message(WIRE_ACK);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_IDLE, false);
    assert_int_equal(session_lb_open(&k.s, T0, slice_str("t")), 0);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), QHCP_E_UNEXPECTED);
    kit_lb_expect_error(&k, QHCP_E_UNEXPECTED, "ACK not expected in state GREETING", WIRE_ACK);
}

static void requests_count_up_and_carry_the_newest_epoch(void **state)
{
    struct kit_lb k;
    struct wire_message m;
    struct frame f;
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_true(answer(&k, T0, 0, 9, QHCP_SERVING) & SESSION_LB_STATUS);
    assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
    assert_int_equal(seq, 2); /* the kit sent one */
    f = kit_lb_pull(&k);
    m = decoded(&f);
    assert_int_equal(f.channel, SESSION_DATAGRAM);
    assert_int_equal(f.seq, 2);
    assert_int_equal(m.request.seq, 2);
    assert_int_equal(m.request.epoch, 9);
    assert_int_equal(kit_lb_pull(&k).n, 0);
}

static void an_answer_is_matched_to_its_request_and_timed(void **state)
{
    struct kit_lb k;
    uint64_t first, second;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    first = ask(&k, T0);
    second = ask(&k, T0 + 10 * MS);
    assert_int_equal(answer(&k, T0 + 12 * MS, second, 1, QHCP_STATUS_DEGRADED),
                     SESSION_LB_ANSWER | SESSION_LB_STATUS);
    assert_int_equal(k.r.rtt, 2 * MS);
    assert_int_equal(k.r.status, QHCP_STATUS_DEGRADED);
    assert_int_equal(answer(&k, T0 + 15 * MS, first, 1, QHCP_STATUS_DEGRADED), SESSION_LB_ANSWER);
    assert_int_equal(k.r.rtt, 15 * MS);
}

static void an_answer_from_before_its_request_took_no_time(void **state)
{
    struct kit_lb k;
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    seq = ask(&k, T0);
    assert_true(answer(&k, T0 - MS, seq, 1, QHCP_SERVING) & SESSION_LB_ANSWER);
    assert_int_equal(k.r.rtt, 0);
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    seq = ask(&k, 0); /* a clock that starts at 0 */
    assert_true(answer(&k, 5, seq, 1, QHCP_SERVING) & SESSION_LB_ANSWER);
}

static void a_second_answer_to_one_request_is_stale(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_true(answer(&k, T0, 1, 1, QHCP_SERVING) & SESSION_LB_ANSWER);
    assert_int_equal(answer(&k, T0, 1, 1, QHCP_SERVING), SESSION_LB_STALE);
}

static void an_answer_to_nothing_that_was_sent_is_stale(void **state)
{
    struct kit_lb k;
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    answer(&k, T0, 1, 1, QHCP_SERVING);
    assert_int_equal(answer(&k, T0, 2, 1, QHCP_SERVING), SESSION_LB_STALE);
    assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
    assert_int_equal(answer(&k, T0, seq, 1, QHCP_SERVING), SESSION_LB_STALE); /* not pulled */
    assert_true(kit_lb_pull(&k).n > 0);
    assert_int_equal(answer(&k, T0, seq, 1, QHCP_SERVING), SESSION_LB_ANSWER);
    assert_int_equal(answer(&k, T0, (UINT64_C(1) << 62) - 1, 1, QHCP_SERVING), SESSION_LB_STALE);
}

static void answers_are_known_for_64_requests(void **state)
{
    struct kit_lb k;

    (void)state;
    for (unsigned more = SESSION_LB_WINDOW - 1; more <= SESSION_LB_WINDOW; more++) {
        kit_lb(&k, SESSION_LB_ACTIVE, false);
        for (unsigned i = 0; i < more; i++)
            ask(&k, T0);
        assert_int_equal(answer(&k, T0, 1, 1, QHCP_SERVING) & SESSION_LB_ANSWER,
                         more < SESSION_LB_WINDOW ? SESSION_LB_ANSWER : 0);
    }
}

static void a_request_that_was_not_sent_is_not_awaited(void **state)
{
    struct kit_lb k;
    uint64_t seq, kept, dropped;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    answer(&k, T0, 1, 1, QHCP_SERVING);
    seq = ask(&k, T0);
    session_lb_not_sent(&k.s, seq);
    assert_int_equal(answer(&k, T0, seq, 1, QHCP_SERVING), SESSION_LB_STALE);
    assert_int_equal(session_lb_request(&k.s, T0, &dropped), 0);
    assert_int_equal(session_lb_request(&k.s, T0, &kept), 0);
    session_lb_not_sent(&k.s, dropped);
    assert_true(kit_lb_pull(&k).seq == kept);
    assert_int_equal(kit_lb_pull(&k).n, 0);
    session_lb_not_sent(&k.s, 0);
    session_lb_not_sent(&k.s, kept + 1);
    assert_int_equal(answer(&k, T0, kept, 1, QHCP_SERVING), SESSION_LB_ANSWER);
}

static void requests_nobody_pulled_give_way_to_newer_ones(void **state)
{
    struct kit_lb k;
    uint64_t seq, last = 0;
    unsigned pulled = 0;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    for (unsigned i = 0; i < 3 * SESSION_LB_WINDOW; i++)
        assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
    for (struct frame f; (f = kit_lb_pull(&k)).n > 0; last = f.seq)
        pulled++;
    assert_int_equal(pulled, SESSION_LB_WINDOW);
    assert_true(last == seq);
}

static void a_late_answer_counts_but_never_undoes_a_newer_status(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(answer(&k, T0, 0, 5, QHCP_STATUS_DRAINING), SESSION_LB_STATUS);
    assert_int_equal(answer(&k, T0, 1, 4, QHCP_SERVING), SESSION_LB_ANSWER | SESSION_LB_STALE);
    assert_int_equal(k.r.status, QHCP_STATUS_DRAINING);
    assert_int_equal(k.r.epoch, 5);
    assert_int_equal(answer(&k, T0, 0, 4, QHCP_SERVING), SESSION_LB_STALE);
    assert_int_equal(answer(&k, T0, 0, 6, QHCP_SERVING), SESSION_LB_STATUS);
    assert_int_equal(k.r.status, QHCP_SERVING);
}

static void a_repeated_push_is_stale(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(answer(&k, T0, 0, 2, QHCP_STATUS_DRAINING), SESSION_LB_STATUS);
    assert_int_equal(answer(&k, T0, 0, 2, QHCP_STATUS_DRAINING), SESSION_LB_STALE);
}

static void a_push_that_overtakes_ack_is_ignored(void **state)
{
    struct wire_message m = kit_message(WIRE_ACK);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_GREETING, false);
    assert_int_equal(answer(&k, T0, 0, 2, QHCP_STATUS_DRAINING), SESSION_LB_STALE);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(answer(&k, T0, 0, 2, QHCP_STATUS_DRAINING), SESSION_LB_STATUS);
}

static void another_boot_id_is_a_restart_and_nothing_else(void **state)
{
    struct wire_message m = kit_message(WIRE_HEALTH_RESPONSE);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    m.response.boot_id = slice_of("tootboot", LIMIT_BOOT_ID);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_DATAGRAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_RESTARTED);
    m.response.boot_id = slice_of("bootboot", LIMIT_BOOT_ID);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_DATAGRAM, &m), 0);
    assert_int_equal(k.r.what, SESSION_LB_ANSWER | SESSION_LB_STATUS);
}

static void health_goes_on_the_stream_too_and_nothing_else_in_datagrams(void **state)
{
    static const uint64_t types[] = {WIRE_ACK,          WIRE_CONFIG_ACK,    WIRE_ERROR,
                                     WIRE_TERMINATE,    WIRE_TERMINATE_ACK, WIRE_HELLO,
                                     WIRE_CONFIG_UPDATE};
    struct wire_message response = kit_message(WIRE_HEALTH_RESPONSE);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &response), 0);
    assert_true(k.r.what & SESSION_LB_ANSWER);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct wire_message m = kit_message(types[i]);

        kit_lb(&k, SESSION_LB_ACTIVE, true);
        assert_int_equal(kit_lb_give(&k, T0, SESSION_DATAGRAM, &m), QHCP_E_DATAGRAM);
        kit_lb_expect_error(&k, QHCP_E_DATAGRAM, NULL, types[i]);
    }
    kit_lb(&k, SESSION_LB_ACTIVE, true);
    response = kit_message(WIRE_CONFIG_ACK);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &response), 0);
}

static void unknown_frames_are_ignored_on_both_channels(void **state)
{
    struct frame f = kit_unknown();
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_frame(&k.s, T0, SESSION_STREAM, f.p, f.n, &k.r), 0);
    assert_int_equal(k.r.what, 0);
    assert_int_equal(session_lb_frame(&k.s, T0, SESSION_DATAGRAM, f.p, f.n, &k.r), 0);
    assert_int_equal(k.r.what, 0);
    assert_int_equal(k.s.state, SESSION_LB_ACTIVE);
}

static void what_does_not_decode_ends_the_session_with_its_own_error(void **state)
{
    struct wire_message m = kit_message(WIRE_HEALTH_RESPONSE);
    struct frame f = kit_frame(&m);
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_frame(&k.s, T0, SESSION_DATAGRAM, f.p, f.n - 1, &k.r),
                     QHCP_E_TRUNCATED);
    kit_lb_expect_error(&k, QHCP_E_TRUNCATED,
                        "HEALTH_RESPONSE: a field ends before its length says",
                        WIRE_HEALTH_RESPONSE);
    assert_int_equal(session_lb_frame(&k.s, T0, SESSION_DATAGRAM, f.p, f.n, &k.r), 0);
    assert_int_equal(k.r.what, 0); /* a closed session reads nothing */
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(session_lb_frame(&k.s, T0, SESSION_DATAGRAM, f.p, f.n, &k.r), 0);
    assert_true(k.r.what & SESSION_LB_ANSWER);
}

static void a_check_leaves_the_rest_of_the_report_alone(void **state)
{
    struct kit_lb k;
    const uint8_t *tail;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    memset(&k.r, 0xa5, sizeof k.r);
    assert_true(answer(&k, T0, 1, 1, QHCP_SERVING) & SESSION_LB_ANSWER);
    tail = (const uint8_t *)&k.r.m.response.values.at[0];
    for (size_t i = 0; i < sizeof k.r.m.response.values.at; i++)
        assert_int_equal(tail[i], 0xa5);
    tail = (const uint8_t *)&k.r.m.response.checks.at[0];
    for (size_t i = 0; i < sizeof k.r.m.response.checks.at; i++)
        assert_int_equal(tail[i], 0xa5);
}

static void what_the_caller_saw_broken_ends_the_session_with_an_error(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    session_lb_refuse(&k.s, QHCP_E_TOO_LARGE, "frame or field is too large");
    assert_int_equal(k.s.state, SESSION_LB_CLOSED);
    kit_lb_expect_error(&k, QHCP_E_TOO_LARGE, "frame or field is too large", 0);
    session_lb_refuse(&k.s, QHCP_E_EXCESSIVE, "more"); /* once is enough */
    assert_int_equal(kit_lb_pull(&k).n, 0);
}

static void an_extension_that_hello_did_not_name_is_refused(void **state)
{
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        struct wire_message m = kit_message(WIRE_ACK);
        struct kit_lb k;

        m.ack.extensions = (struct wire_numbers){.count = n, .at = {0x4000}};
        kit_lb(&k, SESSION_LB_GREETING, false);
        assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &m), n == 0 ? 0 : QHCP_E_VALUE);
        assert_int_equal(k.s.state, n == 0 ? SESSION_LB_ACTIVE : SESSION_LB_CLOSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_extension_that_hello_did_not_name_is_refused),
        cmocka_unit_test(hello_carries_what_was_configured),
        cmocka_unit_test(hello_wants_the_required_metrics_unless_told_and_goes_without_a_token),
        cmocka_unit_test(a_hello_that_cannot_be_encoded_is_refused_before_anything_happens),
        cmocka_unit_test(ack_establishes_and_is_reported),
        cmocka_unit_test(an_ack_before_hello_left_is_unexpected),
        cmocka_unit_test(requests_count_up_and_carry_the_newest_epoch),
        cmocka_unit_test(an_answer_is_matched_to_its_request_and_timed),
        cmocka_unit_test(an_answer_from_before_its_request_took_no_time),
        cmocka_unit_test(a_second_answer_to_one_request_is_stale),
        cmocka_unit_test(an_answer_to_nothing_that_was_sent_is_stale),
        cmocka_unit_test(answers_are_known_for_64_requests),
        cmocka_unit_test(a_request_that_was_not_sent_is_not_awaited),
        cmocka_unit_test(requests_nobody_pulled_give_way_to_newer_ones),
        cmocka_unit_test(a_late_answer_counts_but_never_undoes_a_newer_status),
        cmocka_unit_test(a_repeated_push_is_stale),
        cmocka_unit_test(a_push_that_overtakes_ack_is_ignored),
        cmocka_unit_test(another_boot_id_is_a_restart_and_nothing_else),
        cmocka_unit_test(health_goes_on_the_stream_too_and_nothing_else_in_datagrams),
        cmocka_unit_test(unknown_frames_are_ignored_on_both_channels),
        cmocka_unit_test(what_does_not_decode_ends_the_session_with_its_own_error),
        cmocka_unit_test(what_the_caller_saw_broken_ends_the_session_with_an_error),
        cmocka_unit_test(a_check_leaves_the_rest_of_the_report_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
