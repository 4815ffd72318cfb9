/* Beats (extension 1) at both machines: agreed, sent, taken, changed, refused. */
#include "kit.h"

#include <stdio.h>

#define SECOND_US 1000000

/* The load balancer's machine, ACTIVE, with beats every second. */
static void listening(struct kit_lb *k)
{
    struct wire_message ack = kit_message(WIRE_ACK);

    kit_lb(k, SESSION_LB_IDLE, false);
    k->config.beat_us = SECOND_US;
    assert_int_equal(session_lb_open(&k->s, T0, slice_str("a.b.c")), 0);
    assert_true(kit_lb_pull(k).n > 0);
    ack.ack.extensions = (struct wire_numbers){1, {WIRE_EXTENSION_BEATS}};
    ack.ack.beat_us = SECOND_US;
    assert_int_equal(kit_lb_give(k, T0, SESSION_STREAM, &ack), 0);
    assert_int_equal(k->s.beat_us, SECOND_US);
}

static unsigned beat(struct kit_lb *k, uint64_t number, uint64_t epoch)
{
    struct wire_message m = kit_message(WIRE_HEALTH_RESPONSE);

    m.response.has = WIRE_HAS_BEAT;
    m.response.beat = number;
    m.response.epoch = epoch;
    assert_int_equal(kit_lb_give(k, T0, SESSION_DATAGRAM, &m), 0);
    return k->r.what & ~(unsigned)(SESSION_LB_REPEATED | SESSION_LB_SAME);
}

static void hello_asks_for_beats_where_they_are_wanted(void **state)
{
    struct kit_lb k;
    struct wire_message m;
    struct frame f;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        kit_lb(&k, SESSION_LB_IDLE, false);
        k.config.beat_us = i * SECOND_US;
        assert_int_equal(session_lb_open(&k.s, T0, slice_str("a.b.c")), 0);
        f = kit_lb_pull(&k);
        assert_int_equal(wire_decode(f.p, f.n, &m, NULL), 0);
        assert_int_equal(m.hello.extensions.count, 1); /* so that CONFIG_UPDATE can */
        assert_int_equal(m.hello.extensions.at[0], WIRE_EXTENSION_BEATS);
        assert_int_equal(m.hello.beat_us, i * SECOND_US);
    }
}

/* A server of a version before the extension: it is asked, now and after a change of mind. */
static void one_that_does_not_know_the_extension_is_asked(void **state)
{
    struct wire_config_update update = {.has = WIRE_HAS_INTERVAL, .interval_us = SECOND_US};
    struct wire_message ack = kit_message(WIRE_ACK);
    struct kit_lb k;
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_IDLE, false);
    k.config.beat_us = SECOND_US;
    assert_int_equal(session_lb_open(&k.s, T0, slice_str("a.b.c")), 0);
    assert_true(kit_lb_pull(&k).n > 0);
    assert_int_equal(kit_lb_give(&k, T0, SESSION_STREAM, &ack), 0);
    assert_true(k.r.what & SESSION_LB_ESTABLISHED);
    assert_false(k.s.beats);
    assert_int_equal(k.s.beat_us, 0);
    assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
    assert_true(kit_lb_pull(&k).n > 0);
    assert_int_equal(session_lb_config(&k.s, T0, &update), 0);
    assert_true(kit_lb_pull(&k).n > 0);
    assert_int_equal(k.s.beat_us, 0);
}

static void beats_are_numbered_and_only_the_newest_counts(void **state)
{
    struct kit_lb k;

    (void)state;
    listening(&k);
    assert_int_equal(beat(&k, 7, 1), SESSION_LB_BEAT | SESSION_LB_STATUS);
    assert_int_equal(k.r.slots, 1); /* the first one: nothing is missing that we know of */
    assert_int_equal(beat(&k, 10, 1), SESSION_LB_BEAT);
    assert_int_equal(k.r.slots, 3);
    assert_int_equal(beat(&k, 10, 1), SESSION_LB_STALE);
    assert_int_equal(beat(&k, 9, 1), SESSION_LB_STALE);
    assert_int_equal(beat(&k, 11, 2), SESSION_LB_BEAT | SESSION_LB_STATUS);
    assert_int_equal(k.r.epoch, 2);
    assert_int_equal(beat(&k, UINT64_C(0x3fffffffffffffff), 2), SESSION_LB_BEAT);
    assert_int_equal(beat(&k, 12, 2), SESSION_LB_STALE);
}

static void beats_that_nobody_asked_for_are_no_news(void **state)
{
    struct kit_lb k;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    assert_int_equal(beat(&k, 1, 1), SESSION_LB_STATUS);
    assert_int_equal(beat(&k, 2, 1), SESSION_LB_STALE);
}

static int config_ack(struct kit_lb *k, uint64_t beat_us, bool refused)
{
    struct wire_message m = kit_message(WIRE_CONFIG_ACK);

    m.config_ack.id = k->s.config_id;
    m.config_ack.beat_us = beat_us;
    m.config_ack.refused.count = refused;
    m.config_ack.refused.at[0] = (struct wire_refusal){8, slice_str("no"), 0x108};
    return kit_lb_give(k, T0, SESSION_STREAM, &m);
}

static void update(struct kit_lb *k, uint64_t beat_us)
{
    k->update = (struct wire_config_update){.has = WIRE_HAS_BEAT, .beat_us = beat_us};
    assert_int_equal(session_lb_config(&k->s, T0, &k->update), 0);
    assert_true(kit_lb_pull(k).n > 0);
}

static void config_ack_says_what_is_in_force(void **state)
{
    struct kit_lb k;

    (void)state;
    listening(&k);
    update(&k, SECOND_US / 2);
    assert_int_equal(config_ack(&k, SECOND_US, true), 0); /* refused: as before */
    assert_int_equal(k.s.beat_us, SECOND_US);
    update(&k, SECOND_US / 2);
    assert_int_equal(config_ack(&k, SECOND_US / 2, false), 0);
    assert_int_equal(k.s.beat_us, SECOND_US / 2);
    update(&k, 0);
    assert_int_equal(config_ack(&k, 0, false), 0);
    assert_int_equal(beat(&k, 1, 1), SESSION_LB_STATUS); /* one that was on its way */
    update(&k, SECOND_US);
    assert_int_equal(config_ack(&k, 0, false), 0); /* it does not want to */
    assert_int_equal(k.s.beat_us, 0);
    update(&k, SECOND_US);
    assert_int_equal(config_ack(&k, 2 * SECOND_US, false), QHCP_E_VALUE);
}

/* ACK to a HELLO with these extensions and this wish. */
static struct wire_ack agreed(struct kit_server *k, struct wire_numbers extensions,
                              uint64_t beat_us)
{
    static struct frame f;
    struct wire_message m = kit_message(WIRE_HELLO);

    kit_server(k, SESSION_SERVER_WAITING, 0);
    m.hello.extensions = extensions;
    m.hello.beat_us = beat_us;
    assert_int_equal(kit_server_give(k, T0, SESSION_STREAM, &m), 0);
    assert_int_equal(session_server_accept(&k->s, T0, &k->r.m.hello, ALL_SCOPES, NSEC_NEVER), 0);
    f = kit_server_pull(k, T0);
    assert_int_equal(wire_decode(f.p, f.n, &m, NULL), 0);
    return m.ack;
}

static void a_server_agrees_only_where_hello_names_the_extension(void **state)
{
    struct wire_numbers none = {0}, known = {3, {0x21, WIRE_EXTENSION_BEATS, 0x4000}};
    struct kit_server k;
    struct wire_ack ack;

    (void)state;
    ack = agreed(&k, none, SECOND_US);
    assert_int_equal(ack.extensions.count, 0);
    assert_int_equal(ack.beat_us, 0);
    assert_true(session_server_beats(&k.s) == 0);
    ack = agreed(&k, known, 0);
    assert_int_equal(ack.extensions.count, 1);
    assert_int_equal(ack.extensions.at[0], WIRE_EXTENSION_BEATS);
    assert_int_equal(ack.beat_us, 0);
    assert_true(session_server_beats(&k.s) == 0);
    ack = agreed(&k, known, SECOND_US);
    assert_int_equal(ack.beat_us, SECOND_US);
    assert_true(session_server_beats(&k.s) == NSEC_PER_SEC);
}

static struct wire_config_ack configured(struct kit_server *k, uint64_t beat_us, unsigned scopes)
{
    static struct frame f;
    struct wire_message m = kit_message(WIRE_CONFIG_UPDATE);

    k->s.scopes = scopes;
    m.config_update = (struct wire_config_update){
        .has = WIRE_HAS_BEAT, .id = k->s.config_id + 1, .beat_us = beat_us};
    assert_int_equal(kit_server_give(k, T0, SESSION_STREAM, &m), 0);
    session_server_config(&k->s, T0, &k->r.m.config_update, 0, NULL, 0, 0);
    f = kit_server_pull(k, T0);
    assert_int_equal(wire_decode(f.p, f.n, &m, NULL), 0);
    return m.config_ack;
}

static void a_live_session_begins_changes_and_ends_beats(void **state)
{
    struct wire_numbers known = {1, {WIRE_EXTENSION_BEATS}};
    struct wire_config_ack ack;
    struct kit_server k;

    (void)state;
    (void)agreed(&k, known, 0);
    assert_int_equal(configured(&k, SECOND_US, ALL_SCOPES).beat_us, SECOND_US);
    ack = configured(&k, LIMIT_INTERVAL_MIN_US - 1, ALL_SCOPES);
    assert_int_equal(ack.beat_us, SECOND_US);
    assert_int_equal(ack.refused.count, 1);
    assert_int_equal(ack.refused.at[0].key, 8);
    assert_int_equal(ack.refused.at[0].code, -QHCP_E_VALUE);
    ack = configured(&k, 2 * SECOND_US, SESSION_SCOPE_HEALTH);
    assert_int_equal(ack.refused.at[0].key, 8);
    assert_int_equal(ack.refused.at[0].code, -QHCP_E_TOKEN_SCOPE);
    assert_int_equal(configured(&k, LIMIT_INTERVAL_MIN_US, ALL_SCOPES).beat_us,
                     LIMIT_INTERVAL_MIN_US);
    assert_int_equal(configured(&k, 0, ALL_SCOPES).beat_us, 0);
    assert_true(session_server_beats(&k.s) == 0);
}

static void one_who_did_not_name_the_extension_gets_no_beats_later(void **state)
{
    struct wire_numbers none = {0};
    struct kit_server k;

    (void)state;
    (void)agreed(&k, none, 0);
    assert_int_equal(configured(&k, SECOND_US, ALL_SCOPES).beat_us, 0);
    assert_true(session_server_beats(&k.s) == 0);
}

static void a_beat_has_the_status_and_no_metrics(void **state)
{
    struct wire_numbers known = {1, {WIRE_EXTENSION_BEATS}};
    struct kit_server k;
    struct wire_message m;
    uint8_t buf[LIMIT_DATAGRAM];
    size_t n;

    (void)state;
    (void)agreed(&k, known, SECOND_US);
    k.self.status = QHCP_STATUS_DEGRADED;
    snprintf(k.self.reason, sizeof k.self.reason, "slow");
    n = session_server_beat(&k.s, 5, buf, sizeof buf);
    assert_int_equal(wire_decode(buf, n, &m, NULL), 0);
    assert_int_equal(m.response.has, WIRE_HAS_BEAT | WIRE_HAS_REASON);
    assert_int_equal(m.response.beat, 5);
    assert_int_equal(m.response.status, QHCP_STATUS_DEGRADED);
    assert_int_equal(m.response.values.count, 0);
    assert_int_equal(m.response.checks.count, 0);
    kit_expect_text(m.response.reason, "slow");
    assert_int_equal(session_server_terminate(&k.s, T0, NSEC_PER_SEC, "stop"), 0);
    assert_true(session_server_beats(&k.s) == NSEC_PER_SEC); /* it goes on answering, and beating */
    session_server_refuse(&k.s, T0, QHCP_E_STOPPING, "gone");
    assert_true(session_server_beats(&k.s) == 0);
    assert_int_equal(session_server_beat(&k.s, 6, buf, sizeof buf), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_asks_for_beats_where_they_are_wanted),
        cmocka_unit_test(one_that_does_not_know_the_extension_is_asked),
        cmocka_unit_test(beats_are_numbered_and_only_the_newest_counts),
        cmocka_unit_test(beats_that_nobody_asked_for_are_no_news),
        cmocka_unit_test(config_ack_says_what_is_in_force),
        cmocka_unit_test(a_server_agrees_only_where_hello_names_the_extension),
        cmocka_unit_test(a_live_session_begins_changes_and_ends_beats),
        cmocka_unit_test(one_who_did_not_name_the_extension_gets_no_beats_later),
        cmocka_unit_test(a_beat_has_the_status_and_no_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
