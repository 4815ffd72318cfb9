/* An answer that is encoded once for all sessions is what each of them would have encoded. */
#include "kit.h"

/* Both machines are of one server; `shared` copies. */
struct twins {
    struct kit_server plain, shared;
    struct session_said said;
};

static void setup(struct twins *t)
{
    kit_server(&t->plain, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    kit_server(&t->shared, SESSION_SERVER_ACTIVE, ALL_SCOPES);
    t->said = (struct session_said){0};
    t->shared.self.said = &t->said;
}

static void expect_same(struct twins *t, uint64_t seq, uint64_t processing_us, size_t cap)
{
    uint8_t a[LIMIT_DATAGRAM], b[LIMIT_DATAGRAM];
    size_t n = session_server_answer(&t->plain.s, seq, processing_us, a, cap);

    assert_int_equal(session_server_answer(&t->shared.s, seq, processing_us, b, cap), n);
    assert_memory_equal(a, b, n);
}

static void an_answer_is_the_same_as_one_that_was_encoded_for_its_session(void **state)
{
    static const uint64_t numbers[] = {
        1, 2, 63, 64, 16383, 16384, UINT64_C(1) << 30, (UINT64_C(1) << 62) - 1};
    struct twins t;

    (void)state;
    setup(&t);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        expect_same(&t, numbers[i], 0, LIMIT_DATAGRAM);
        assert_true(t.said.n > 0);
        expect_same(&t, 0, 0, LIMIT_DATAGRAM); /* a push has the same bytes, but for the number */
        expect_same(&t, numbers[i], 3, LIMIT_DATAGRAM);
    }
}

static void expect_same_beat(struct twins *t, uint64_t number, size_t cap)
{
    uint8_t a[LIMIT_DATAGRAM], b[LIMIT_DATAGRAM];
    size_t n = session_server_beat(&t->plain.s, number, a, cap);

    assert_int_equal(session_server_beat(&t->shared.s, number, b, cap), n);
    assert_memory_equal(a, b, n);
}

static void a_beat_is_the_same_as_one_that_was_encoded_for_its_session(void **state)
{
    static const uint64_t numbers[] = {
        1, 2, 63, 64, 16383, 16384, UINT64_C(1) << 30, (UINT64_C(1) << 62) - 1};
    struct twins t;

    (void)state;
    setup(&t);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        expect_same_beat(&t, numbers[i], LIMIT_DATAGRAM);
        assert_true(t.said.n_beat > 0);
        expect_same_beat(&t, numbers[i], 20 + i); /* too small for any */
        expect_same(&t, numbers[i], 0, LIMIT_DATAGRAM);
    }
    t.plain.self.status = t.shared.self.status = QHCP_DRAINING;
    t.plain.self.epoch = ++t.shared.self.epoch;
    session_said_forget(&t.said);
    expect_same_beat(&t, 77, LIMIT_DATAGRAM);
    expect_same_beat(&t, 78, LIMIT_DATAGRAM);
    for (size_t i = 0; i < 64; i++) /* a reason that is too long to be kept */
        t.plain.self.reason[i] = t.shared.self.reason[i] = 'x';
    session_said_forget(&t.said);
    expect_same_beat(&t, 79, LIMIT_DATAGRAM);
    assert_int_equal(t.said.n_beat, 0);
}

/* Two sessions that want other metrics take turns. */
static void sessions_with_other_metrics_get_theirs(void **state)
{
    struct twins t, other;

    (void)state;
    setup(&t);
    setup(&other);
    other.plain.s.metrics = other.shared.s.metrics =
        (struct session_metrics){3, {WIRE_METRIC_CPU, WIRE_METRIC_MEMORY, 64}};
    t.plain.s.metrics = t.shared.s.metrics =
        (struct session_metrics){2, {WIRE_METRIC_CPU, WIRE_METRIC_MEMORY}};
    other.shared.self.said = &t.said;
    for (uint64_t seq = 1; seq < 5; seq++) {
        expect_same(&t, seq, 0, LIMIT_DATAGRAM);
        expect_same(&other, seq, 0, LIMIT_DATAGRAM);
    }
}

static void what_has_changed_is_encoded_anew_once_that_is_said(void **state)
{
    uint8_t a[LIMIT_DATAGRAM], b[LIMIT_DATAGRAM];
    struct wire_message m;
    struct twins t;
    size_t n;

    (void)state;
    setup(&t);
    n = session_server_answer(&t.shared.s, 5, 0, a, sizeof a);
    t.shared.self.values.at[0].value = 4321;
    assert_int_equal(session_server_answer(&t.shared.s, 5, 0, b, sizeof b), n);
    assert_memory_equal(a, b, n); /* it is not encoded for every session */
    session_said_forget(&t.said);
    n = session_server_answer(&t.shared.s, 5, 0, b, sizeof b);
    assert_int_equal(wire_decode(b, n, &m, NULL), 0);
    assert_int_equal(m.response.values.at[0].value, 4321);
}

/* An answer that is too long to be kept, or for the room that there is now, is cut as ever. */
static void a_long_answer_is_left_to_each_session(void **state)
{
    static char words[LIMIT_REASON];
    struct twins t;

    (void)state;
    setup(&t);
    memset(words, 'w', sizeof words);
    expect_same(&t, 1, 0, LIMIT_DATAGRAM);
    for (size_t cap = 1; cap < 80; cap++)
        expect_same(&t, 1, 0, cap);
    for (size_t i = 0; i < LIMIT_CHECKS; i++) {
        t.plain.self.checks.at[i] =
            (struct wire_check){QHCP_NOT_SERVING, slice_str("web"), 5, slice_of(words, 200)};
        t.plain.self.checks.count = i + 1;
        t.shared.self.checks = t.plain.self.checks;
        session_said_forget(&t.said);
        expect_same(&t, i + 1, 0, LIMIT_DATAGRAM);
        expect_same(&t, i + 2, 0, LIMIT_DATAGRAM);
    }
    assert_int_equal(t.said.n, 0);
}

static void a_closed_session_answers_nothing_that_was_kept(void **state)
{
    uint8_t buf[LIMIT_DATAGRAM];
    struct twins t;

    (void)state;
    setup(&t);
    expect_same(&t, 1, 0, sizeof buf);
    t.shared.s.state = SESSION_SERVER_CLOSED;
    assert_int_equal(session_server_answer(&t.shared.s, 2, 0, buf, sizeof buf), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_the_same_as_one_that_was_encoded_for_its_session),
        cmocka_unit_test(a_beat_is_the_same_as_one_that_was_encoded_for_its_session),
        cmocka_unit_test(sessions_with_other_metrics_get_theirs),
        cmocka_unit_test(what_has_changed_is_encoded_anew_once_that_is_said),
        cmocka_unit_test(a_long_answer_is_left_to_each_session),
        cmocka_unit_test(a_closed_session_answers_nothing_that_was_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
