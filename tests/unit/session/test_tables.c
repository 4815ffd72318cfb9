/* Every (state, event) pair of both machines, against matrices written out here: what the machine
 * does is compared, and what its table says.  A letter is the state that follows, x is refused, a
 * dot is no such deadline in that state. */
#include "kit.h"

static const char lb_letters[] = "IGALFTC"; /* in the order of enum session_lb_state */
static const char server_letters[] = "WKATC";

/*  unknown HELLO ACK REQUEST RESPONSE CONFIG_UPDATE CONFIG_ACK ERROR TERMINATE TERMINATE_ACK
 *  | handshake, check, configure, stop, leave | deadline | peer closed */
static const char *const lb_matrix[SESSION_LB_STATES] = {
    [SESSION_LB_IDLE] = "Ixxxxxxxxx GxxTx . C",   [SESSION_LB_GREETING] = "GxAxGxxCxx xxxTx C C",
    [SESSION_LB_ACTIVE] = "AxxxAxACLx xAATx C C", [SESSION_LB_LEAVING] = "LxxxLxLCxx xLLTF C C",
    [SESSION_LB_LEFT] = "FxxxFxFCxx xFxTx . C",   [SESSION_LB_TERMINATING] = "TxTxTxTCTC xxxxx C C",
    [SESSION_LB_CLOSED] = "CCCCCCCCCC xxxxx . C",
};
static const enum session_event lb_calls[] = {
    SESSION_DO_OPEN, SESSION_DO_REQUEST, SESSION_DO_CONFIG, SESSION_DO_TERMINATE, SESSION_DO_LEAVE};

/*  frames as above | accept, refuse, answer, configure, stop | deadline, token's expiry |
 * peer closed */
static const char *const server_matrix[SESSION_SERVER_STATES] = {
    [SESSION_SERVER_WAITING] = "WKxxxxxCxx xCxxC C. C",
    [SESSION_SERVER_CHECKING] = "KxxxxxxCxx ACxxC C. C",
    [SESSION_SERVER_ACTIVE] = "AxxAxAxCCx xCAAT .C C",
    [SESSION_SERVER_TERMINATING] = "TxxTxTxCCC xCTTx CC C",
    [SESSION_SERVER_CLOSED] = "CCCCCCCCCC xxxxx .. C",
};
static const enum session_event server_calls[] = {SESSION_DO_ACCEPT, SESSION_DO_REFUSE,
                                                  SESSION_DO_ANSWER, SESSION_DO_CONFIG,
                                                  SESSION_DO_TERMINATE};

static int lb_call(struct kit_lb *k, enum session_event call)
{
    uint64_t seq;

    k->update = (struct wire_config_update){.has = WIRE_HAS_INTERVAL, .interval_us = 2000000};
    switch (call) {
    case SESSION_DO_OPEN:
        return session_lb_open(&k->s, T0, slice_str("t"));
    case SESSION_DO_REQUEST:
        return session_lb_request(&k->s, T0, &seq);
    case SESSION_DO_CONFIG:
        return session_lb_config(&k->s, T0, &k->update);
    case SESSION_DO_TERMINATE:
        return session_lb_terminate(&k->s, T0, NSEC_PER_SEC, "stop");
    default:
        return session_lb_leave(&k->s, T0, 0);
    }
}

static void lb_frames_lead_where_the_matrix_says(void **state)
{
    (void)state;
    for (unsigned at = 0; at < SESSION_LB_STATES; at++) {
        for (uint64_t type = 0; type <= WIRE_TERMINATE_ACK; type++) {
            char expected = lb_matrix[at][type];
            struct wire_message m = kit_message(type);
            struct kit_lb k;
            int error;

            kit_lb(&k, at, true);
            error = kit_lb_give(&k, T0, SESSION_STREAM, &m);
            assert_int_equal(error, expected == 'x' ? QHCP_E_UNEXPECTED : 0);
            assert_int_equal(lb_letters[k.s.state], expected == 'x' ? 'C' : expected);
            if (expected == 'x')
                kit_lb_expect_error(&k, QHCP_E_UNEXPECTED, NULL, type);
            if (at == SESSION_LB_CLOSED)
                assert_int_equal(k.r.what, 0);
        }
    }
}

static void lb_calls_lead_where_the_matrix_says(void **state)
{
    (void)state;
    for (unsigned at = 0; at < SESSION_LB_STATES; at++) {
        for (size_t i = 0; i < 5; i++) {
            char expected = lb_matrix[at][11 + i];
            struct kit_lb k;
            int error;

            kit_lb(&k, at, false);
            error = lb_call(&k, lb_calls[i]);
            assert_int_equal(error, expected == 'x' ? QHCP_E_UNEXPECTED : 0);
            assert_int_equal(lb_letters[k.s.state], expected == 'x' ? lb_letters[at] : expected);
        }
    }
}

static void lb_deadlines_lead_where_the_matrix_says(void **state)
{
    (void)state;
    for (unsigned at = 0; at < SESSION_LB_STATES; at++) {
        char expected = lb_matrix[at][17];
        struct kit_lb k;
        qhcp_nsec deadline;
        int error;

        kit_lb(&k, at, true);
        deadline = session_lb_deadline(&k.s);
        assert_int_equal(deadline == NSEC_NEVER, expected == '.');
        assert_int_equal(session_lb_expire(&k.s, deadline - 1, &k.r), 0);
        assert_int_equal(k.r.what, 0);
        assert_int_equal(k.s.state, at);
        if (expected == '.')
            continue;
        error = session_lb_expire(&k.s, deadline, &k.r);
        assert_int_equal(error, at == SESSION_LB_TERMINATING ? 0 : QHCP_E_TIMEOUT);
        assert_int_equal(lb_letters[k.s.state], expected);
        assert_true(session_lb_deadline(&k.s) == NSEC_NEVER);
    }
}

static bool server_call(struct kit_server *k, enum session_event call)
{
    struct wire_message hello = kit_message(WIRE_HELLO);
    struct wire_message update = kit_message(WIRE_CONFIG_UPDATE);
    struct session_server before = k->s;

    switch (call) {
    case SESSION_DO_ACCEPT:
        return session_server_accept(&k->s, T0, &hello.hello, ALL_SCOPES, NSEC_NEVER) == 0;
    case SESSION_DO_REFUSE:
        session_server_refuse(&k->s, T0, QHCP_E_TOKEN_KEY, "no such key");
        return memcmp(&before, &k->s, sizeof before) != 0;
    case SESSION_DO_ANSWER:
        return kit_server_answer(k, 1).n > 0;
    case SESSION_DO_CONFIG:
        session_server_config(&k->s, T0, &update.config_update, 0, NULL, 0, 0);
        return memcmp(&before, &k->s, sizeof before) != 0;
    default:
        return session_server_terminate(&k->s, T0, NSEC_PER_SEC, "stop") == 0;
    }
}

static void server_frames_lead_where_the_matrix_says(void **state)
{
    (void)state;
    for (unsigned at = 0; at < SESSION_SERVER_STATES; at++) {
        for (uint64_t type = 0; type <= WIRE_TERMINATE_ACK; type++) {
            char expected = server_matrix[at][type];
            struct wire_message m = kit_message(type);
            struct kit_server k;
            int error;

            kit_server(&k, at, ALL_SCOPES);
            error = kit_server_give(&k, T0, SESSION_STREAM, &m);
            assert_int_equal(error, expected == 'x' ? QHCP_E_UNEXPECTED : 0);
            assert_int_equal(server_letters[k.s.state], expected == 'x' ? 'C' : expected);
            if (expected == 'x')
                kit_server_expect_error(&k, QHCP_E_UNEXPECTED, NULL, type);
            if (at == SESSION_SERVER_CLOSED)
                assert_int_equal(k.r.what, 0);
        }
    }
}

static void server_calls_lead_where_the_matrix_says(void **state)
{
    struct wire_message update = kit_message(WIRE_CONFIG_UPDATE);

    (void)state;
    for (unsigned at = 0; at < SESSION_SERVER_STATES; at++) {
        for (size_t i = 0; i < 5; i++) {
            char expected = server_matrix[at][11 + i];
            struct kit_server k;

            kit_server(&k, at, ALL_SCOPES);
            if (server_calls[i] == SESSION_DO_CONFIG && expected != 'x')
                assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &update), 0);
            assert_int_equal(server_call(&k, server_calls[i]), expected != 'x');
            assert_int_equal(server_letters[k.s.state],
                             expected == 'x' ? server_letters[at] : expected);
        }
    }
}

static void server_deadlines_lead_where_the_matrix_says(void **state)
{
    (void)state;
    for (unsigned at = 0; at < SESSION_SERVER_STATES; at++) {
        for (unsigned i = 0; i < 2; i++) { /* 0: the machine's deadline, 1: the token's expiry */
            char expected = server_matrix[at][17 + i];
            struct kit_server k;
            qhcp_nsec when;

            kit_server(&k, at, ALL_SCOPES);
            if (i == 1)
                k.s.deadline = NSEC_NEVER;
            when = i == 0 ? k.s.deadline : k.s.token_expires;
            assert_int_equal(when == NSEC_NEVER, expected == '.');
            if (expected == '.')
                continue;
            assert_true(session_server_deadline(&k.s) == when);
            assert_int_equal(session_server_expire(&k.s, when - 1, &k.r), 0);
            assert_int_equal(k.s.state, at);
            session_server_expire(&k.s, when, &k.r);
            assert_int_equal(server_letters[k.s.state], expected);
            assert_true(session_server_deadline(&k.s) == NSEC_NEVER);
        }
    }
}

static void expect_row(const struct session_row *table, size_t n, const char *letters,
                       unsigned state, unsigned event, char expected)
{
    const struct session_row *row = session_find(table, n, state, event);

    if (expected == 'x' || expected == '.')
        assert_null(row);
    else
        assert_int_equal(letters[row->next], expected);
}

static void tables_have_the_rows_of_the_matrices_and_no_others(void **state)
{
    size_t rows = 0;

    (void)state;
    for (unsigned at = 0; at < SESSION_LB_STATES; at++) {
        const char *expected = lb_matrix[at];

        for (unsigned i = 0; i <= WIRE_TERMINATE_ACK; i++)
            expect_row(session_lb_table, session_lb_rows, lb_letters, at, i, expected[i]);
        for (unsigned i = 0; i < 5; i++)
            expect_row(session_lb_table, session_lb_rows, lb_letters, at, lb_calls[i],
                       expected[11 + i]);
        expect_row(session_lb_table, session_lb_rows, lb_letters, at, SESSION_AT_DEADLINE,
                   expected[17]);
        expect_row(session_lb_table, session_lb_rows, lb_letters, at, SESSION_ON_CLOSED,
                   expected[19]);
        for (const char *p = expected; *p; p++)
            rows += *p != 'x' && *p != '.' && *p != ' ';
    }
    assert_int_equal(rows, session_lb_rows);
    rows = 0;
    for (unsigned at = 0; at < SESSION_SERVER_STATES; at++) {
        const char *expected = server_matrix[at];

        for (unsigned i = 0; i <= WIRE_TERMINATE_ACK; i++)
            expect_row(session_server_table, session_server_rows, server_letters, at, i,
                       expected[i]);
        for (unsigned i = 0; i < 5; i++)
            expect_row(session_server_table, session_server_rows, server_letters, at,
                       server_calls[i], expected[11 + i]);
        expect_row(session_server_table, session_server_rows, server_letters, at, SESSION_ON_CLOSED,
                   expected[20]);
        for (const char *p = expected; *p; p++)
            rows += *p != 'x' && *p != '.' && *p != ' ';
    }
    assert_int_equal(rows, session_server_rows);
}

static void everything_in_the_tables_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SESSION_EVENTS; i++)
        assert_string_not_equal(session_event_name(i), "?");
    for (unsigned i = 0; i < SESSION_LB_STATES; i++)
        assert_non_null(session_lb_state_name(i));
    for (unsigned i = 0; i < SESSION_LB_ACTIONS; i++)
        assert_non_null(session_lb_action_name(i));
    for (unsigned i = 0; i < SESSION_SERVER_STATES; i++)
        assert_non_null(session_server_state_name(i));
    for (unsigned i = 0; i < SESSION_SERVER_ACTIONS; i++)
        assert_non_null(session_server_action_name(i));
    for (unsigned type = WIRE_HELLO; type <= WIRE_TERMINATE_ACK; type++)
        assert_string_equal(session_event_name(type), wire_type_name(type));
    assert_string_equal(session_event_name(SESSION_EVENTS), "?");
    assert_string_equal(session_lb_state_name(SESSION_LB_STATES), "?");
    assert_string_equal(session_lb_action_name(SESSION_LB_ACTIONS), "?");
    assert_string_equal(session_server_state_name(SESSION_SERVER_STATES), "?");
    assert_string_equal(session_server_action_name(SESSION_SERVER_ACTIONS), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lb_frames_lead_where_the_matrix_says),
        cmocka_unit_test(lb_calls_lead_where_the_matrix_says),
        cmocka_unit_test(lb_deadlines_lead_where_the_matrix_says),
        cmocka_unit_test(server_frames_lead_where_the_matrix_says),
        cmocka_unit_test(server_calls_lead_where_the_matrix_says),
        cmocka_unit_test(server_deadlines_lead_where_the_matrix_says),
        cmocka_unit_test(tables_have_the_rows_of_the_matrices_and_no_others),
        cmocka_unit_test(everything_in_the_tables_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
