/* The server's machine: CONFIG_UPDATE, all or nothing, within the token's scopes. */
#include "kit.h"

#define HEALTH_CONFIG (SESSION_SCOPE_HEALTH | SESSION_SCOPE_CONFIG)
#define LATER (T0 + 900 * NSEC_PER_SEC)

struct update {
    int token_error;
    unsigned scopes;
    struct wire_config_update u;
};

/* Gives the update and the caller's judgement of its token; the CONFIG_ACK, decoded. */
static struct wire_config_ack configure(struct kit_server *k, struct update update)
{
    static struct frame f; /* the answer's slices point into it */
    struct wire_message m = {.type = WIRE_CONFIG_UPDATE, .config_update = update.u};

    m.config_update.id = k->s.config_id + 1;
    assert_int_equal(kit_server_give(k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(k->r.what, SESSION_SERVER_CONFIG);
    session_server_config(&k->s, T0, &k->r.m.config_update, update.token_error, "bad token",
                          update.scopes, LATER);
    f = kit_server_pull(k, T0);
    assert_int_equal(wire_decode(f.p, f.n, &m, NULL), 0);
    assert_int_equal(m.type, WIRE_CONFIG_ACK);
    assert_true(m.config_ack.id == k->s.config_id);
    return m.config_ack;
}

static struct wire_config_update interval(uint64_t us)
{
    return (struct wire_config_update){.has = WIRE_HAS_INTERVAL, .interval_us = us};
}

static struct wire_config_update token(void)
{
    return (struct wire_config_update){.has = WIRE_HAS_TOKEN, .token = slice_str("d.e.f")};
}

static struct wire_config_update metrics(uint64_t number, const char *name)
{
    struct wire_config_update u = {.has = WIRE_HAS_METRICS};

    u.metrics.count = number > 0;
    u.metrics.at[0] = number;
    u.metric_names.count = name != NULL;
    u.metric_names.at[0] = slice_str(name);
    return u;
}

static void expect_refusal(const struct wire_config_ack *ack, size_t i, uint64_t key, int code,
                           const char *words)
{
    assert_true(ack->refused.count > i);
    assert_int_equal(ack->refused.at[i].key, key);
    assert_int_equal(ack->refused.at[i].code, -code);
    kit_expect_text(ack->refused.at[i].words, words);
}

static void everything_can_change_in_a_live_session(void **state)
{
    struct kit_server k;
    struct wire_config_update u = metrics(WIRE_METRIC_CPU, "queue_length");
    struct wire_config_ack ack;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
    u.has |= WIRE_HAS_INTERVAL | WIRE_HAS_PUSH | WIRE_HAS_TOKEN;
    u.interval_us = 250000;
    u.push = 0;
    u.token = slice_str("d.e.f");
    ack = configure(&k, (struct update){0, HEALTH_CONFIG, u});
    assert_int_equal(ack.refused.count, 0);
    assert_int_equal(ack.interval_us, 250000);
    assert_int_equal(ack.push, 0);
    assert_int_equal(ack.metrics.count, 3);
    assert_int_equal(ack.metrics.at[2].number, 64);
    assert_int_equal(ack.has, WIRE_HAS_EXPIRES);
    assert_int_equal(ack.expires_s, 900);
    assert_true(session_server_deadline(&k.s) == LATER);
    assert_false(k.s.push);
}

/* Who renews when a quarter of expires_s is left must not come after exp. */
static void expires_s_does_not_count_the_leeway(void **state)
{
    struct kit_server k;
    struct wire_config_ack ack;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH);
    k.self.leeway = 30 * NSEC_PER_SEC;
    ack = configure(&k, (struct update){0, SESSION_SCOPE_HEALTH, token()});
    assert_int_equal(ack.expires_s, 870);
    assert_true(session_server_deadline(&k.s) == LATER);
    k.self.leeway = 1000 * NSEC_PER_SEC;
    ack = configure(&k, (struct update){0, SESSION_SCOPE_HEALTH, token()});
    assert_int_equal(ack.expires_s, 0);
}

static void a_new_token_alone_needs_no_scope_config(void **state)
{
    struct kit_server k;
    struct wire_config_ack ack;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH);
    ack = configure(&k, (struct update){0, SESSION_SCOPE_HEALTH, token()});
    assert_int_equal(ack.refused.count, 0);
    assert_int_equal(ack.expires_s, 900);
    ack = configure(&k, (struct update){0, 0, interval(250000)});
    assert_int_equal(ack.refused.count, 1);
    expect_refusal(&ack, 0, 0x02, QHCP_E_TOKEN_SCOPE, "the token lacks the scope config");
    assert_int_equal(ack.interval_us, 1000000);
    kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
    ack = configure(&k, (struct update){0, 0, interval(250000)});
    assert_int_equal(ack.refused.count, 0);
    assert_int_equal(ack.interval_us, 250000);
}

static void the_new_tokens_scopes_judge_the_other_items(void **state)
{
    struct wire_config_update both = token();
    struct kit_server k;
    struct wire_config_ack ack;

    (void)state;
    both.has |= WIRE_HAS_INTERVAL;
    both.interval_us = 250000;
    kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH);
    ack = configure(&k, (struct update){0, HEALTH_CONFIG, both});
    assert_int_equal(ack.refused.count, 0);
    kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
    ack = configure(&k, (struct update){0, SESSION_SCOPE_HEALTH, both});
    assert_int_equal(ack.refused.count, 1);
    assert_int_equal(ack.expires_s, 300); /* nor is the token taken */
}

static void a_bad_token_leaves_the_old_one_and_everything_else_in_force(void **state)
{
    struct wire_config_update u = token();
    struct kit_server k;
    struct wire_config_ack ack;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
    u.has |= WIRE_HAS_INTERVAL | WIRE_HAS_PUSH;
    u.interval_us = 250000;
    ack = configure(&k, (struct update){QHCP_E_TOKEN_SIGNATURE, ALL_SCOPES, u});
    assert_int_equal(ack.refused.count, 1);
    expect_refusal(&ack, 0, 0x03, QHCP_E_TOKEN_SIGNATURE, "bad token");
    assert_int_equal(ack.interval_us, 1000000);
    assert_int_equal(ack.push, 1);
    assert_int_equal(ack.expires_s, 300);
    assert_int_equal(k.s.scopes, HEALTH_CONFIG);
    assert_int_equal(k.s.state, SESSION_SERVER_ACTIVE);
    ack = configure(&k, (struct update){0, SESSION_SCOPE_CONFIG, u});
    expect_refusal(&ack, 0, 0x03, QHCP_E_TOKEN_SCOPE, "the new token lacks the scope health");
    ack = configure(&k, (struct update){0, HEALTH_CONFIG, u});
    assert_int_equal(ack.refused.count, 0);
}

static void every_refused_item_is_named_and_none_is_applied(void **state)
{
    struct wire_config_update u = metrics(77, "nonesuch");
    struct kit_server k;
    struct wire_config_ack ack;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
    u.has |= WIRE_HAS_INTERVAL | WIRE_HAS_PUSH | WIRE_HAS_TOKEN;
    u.token = slice_str("d.e.f");
    u.interval_us = 5;
    u.push = 0;
    ack = configure(&k, (struct update){QHCP_E_TOKEN_EARLY, 0, u});
    assert_int_equal(ack.refused.count, 4);
    expect_refusal(&ack, 0, 0x03, QHCP_E_TOKEN_EARLY, "bad token");
    expect_refusal(&ack, 1, 0x02, QHCP_E_VALUE,
                   "an interval of 5 us is outside 1000 to 3600000000 us");
    expect_refusal(&ack, 2, 0x04, QHCP_E_CONFIG, "there is no metric 77");
    expect_refusal(&ack, 3, 0x05, QHCP_E_CONFIG, "there is no metric nonesuch");
    assert_int_equal(ack.push, 1);
    assert_int_equal(ack.metrics.count, 2);
}

static void the_missing_scope_names_the_item(void **state)
{
    static const struct {
        uint32_t has;
        uint64_t number, key;
        const char *name;
    } cases[] = {{WIRE_HAS_INTERVAL, 0, 0x02, NULL},
                 {WIRE_HAS_METRICS, 1, 0x04, NULL},
                 {WIRE_HAS_METRICS, 0, 0x05, "queue_length"},
                 {WIRE_HAS_PUSH, 0, 0x06, NULL}};
    struct kit_server k;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wire_config_update u = metrics(cases[i].number, cases[i].name);
        struct wire_config_ack ack;

        u.has = cases[i].has;
        u.interval_us = 250000;
        kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH);
        ack = configure(&k, (struct update){0, 0, u});
        assert_int_equal(ack.refused.count, 1);
        expect_refusal(&ack, 0, cases[i].key, QHCP_E_TOKEN_SCOPE,
                       "the token lacks the scope config");
    }
}

static void the_interval_may_be_anything_in_its_range(void **state)
{
    static const struct {
        uint64_t us;
        bool good;
    } cases[] = {{LIMIT_INTERVAL_MIN_US - 1, false},
                 {LIMIT_INTERVAL_MIN_US, true},
                 {LIMIT_INTERVAL_MAX_US, true},
                 {LIMIT_INTERVAL_MAX_US + 1, false}};
    struct kit_server k;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct wire_config_ack ack;

        kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
        ack = configure(&k, (struct update){0, 0, interval(cases[i].us)});
        assert_int_equal(ack.refused.count, !cases[i].good);
        assert_true(ack.interval_us == (cases[i].good ? cases[i].us : 1000000));
    }
}

static void a_second_update_before_the_answer_to_the_first_is_excessive(void **state)
{
    struct wire_message m = kit_message(WIRE_CONFIG_UPDATE);
    struct kit_server k;

    (void)state;
    for (int answered = 0; answered < 3; answered++) {
        kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
        m.config_update.id = 1;
        assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), 0);
        if (answered > 0)
            session_server_config(&k.s, T0, &k.r.m.config_update, 0, NULL, 0, 0);
        if (answered > 1)
            assert_true(kit_server_pull(&k, T0).n > 0);
        m.config_update.id = 2;
        assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m),
                         answered > 1 ? 0 : QHCP_E_EXCESSIVE);
    }
}

static void ids_ascend(void **state)
{
    struct wire_message m = kit_message(WIRE_CONFIG_UPDATE);
    struct kit_server k;

    (void)state;
    for (uint64_t second = 5; second <= 6; second++) {
        kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
        m.config_update.id = 5;
        assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m), 0);
        session_server_config(&k.s, T0, &k.r.m.config_update, 0, NULL, 0, 0);
        assert_true(kit_server_pull(&k, T0).n > 0);
        m.config_update.id = second;
        assert_int_equal(kit_server_give(&k, T0, SESSION_STREAM, &m),
                         second > 5 ? 0 : QHCP_E_VALUE);
    }
}

static void an_update_is_answered_while_the_server_leaves(void **state)
{
    struct kit_server k;
    struct wire_config_ack ack;

    (void)state;
    kit_server(&k, SESSION_SERVER_TERMINATING, HEALTH_CONFIG);
    ack = configure(&k, (struct update){0, HEALTH_CONFIG, token()});
    assert_int_equal(ack.expires_s, 900);
    assert_true(session_server_deadline(&k.s) == T0 + 30 * NSEC_PER_SEC);
}

static void a_list_of_revocations_is_taken_or_refused_with_its_words(void **state)
{
    const struct wire_config_update list = {.has = WIRE_HAS_REVOCATIONS,
                                            .revocations = slice_str("l.i.st")};
    struct wire_config_ack ack;
    struct kit_server k;

    (void)state;
    kit_server(&k, SESSION_SERVER_ACTIVE, HEALTH_CONFIG);
    ack = configure(&k, (struct update){0, HEALTH_CONFIG, list});
    assert_int_equal(ack.refused.count, 0);
    assert_int_equal(ack.revoked, 0);
    k.self.revoked = 7;
    ack = configure(&k, (struct update){0, HEALTH_CONFIG, list});
    assert_int_equal(ack.revoked, 7);
    ack = configure(&k, (struct update){QHCP_E_TOKEN_SIGNATURE, HEALTH_CONFIG, list});
    assert_int_equal(ack.refused.count, 1);
    expect_refusal(&ack, 0, 0x07, QHCP_E_TOKEN_SIGNATURE, "bad token");
    kit_server(&k, SESSION_SERVER_ACTIVE, SESSION_SCOPE_HEALTH);
    ack = configure(&k, (struct update){0, SESSION_SCOPE_HEALTH, list});
    expect_refusal(&ack, 0, 0x07, QHCP_E_TOKEN_SCOPE, "the token lacks the scope config");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_revocations_is_taken_or_refused_with_its_words),
        cmocka_unit_test(everything_can_change_in_a_live_session),
        cmocka_unit_test(expires_s_does_not_count_the_leeway),
        cmocka_unit_test(a_new_token_alone_needs_no_scope_config),
        cmocka_unit_test(the_new_tokens_scopes_judge_the_other_items),
        cmocka_unit_test(a_bad_token_leaves_the_old_one_and_everything_else_in_force),
        cmocka_unit_test(every_refused_item_is_named_and_none_is_applied),
        cmocka_unit_test(the_missing_scope_names_the_item),
        cmocka_unit_test(the_interval_may_be_anything_in_its_range),
        cmocka_unit_test(a_second_update_before_the_answer_to_the_first_is_excessive),
        cmocka_unit_test(ids_ascend),
        cmocka_unit_test(an_update_is_answered_while_the_server_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
