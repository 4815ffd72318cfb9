/* What a server means to those who are told. */
#include "../words.h"

#include "sinks/say.h"

static struct fleet_bytes name = {.n = 0};

static struct fleet_entry entry(enum qhcp_state state)
{
    return (struct fleet_entry){
        .text = {[FLEET_NAME] = &name},
        .state = state,
        .intent = {.weight = 1},
        .verdict = {.state = state, .own_share = 1000, .trusted = true},
        .report = {.utilization = FLEET_UNKNOWN},
    };
}

static struct say said(const struct fleet_entry *e, enum qhcp_use use)
{
    struct say say;

    say_server(e, use, NULL, &say);
    return say;
}

static void a_state_is_a_use(void **state)
{
    const struct {
        enum qhcp_state state;
        enum say_use use;
        unsigned percent;
    } rows[] = {{QHCP_CONNECTING, SAY_UNKNOWN, 0}, {QHCP_UP, SAY_SERVE, 100},
                {QHCP_DEGRADED, SAY_SERVE, 30},    {QHCP_DRAINING, SAY_DRAIN, 0},
                {QHCP_DOWN, SAY_DOWN, 0},          {QHCP_MAINTENANCE, SAY_MAINTENANCE, 0}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fleet_entry e = entry(rows[i].state);
        struct say say = said(&e, QHCP_USE_HEALTHY);

        assert_int_equal(say.use, rows[i].use);
        assert_int_equal(say.percent, rows[i].percent);
        assert_false(say.panic);
    }
    assert_int_equal(said(NULL, QHCP_USE_HEALTHY).use, SAY_UNKNOWN);
}

static void panic_uses_the_dead_or_nobody(void **state)
{
    struct fleet_entry up = entry(QHCP_UP), down = entry(QHCP_DOWN), stranger = entry(QHCP_DOWN);

    (void)state;
    stranger.verdict.trusted = false;
    assert_int_equal(said(&down, QHCP_USE_ALL).use, SAY_SERVE);
    assert_int_equal(said(&down, QHCP_USE_ALL).percent, 100);
    assert_true(said(&down, QHCP_USE_ALL).panic);
    assert_int_equal(said(&stranger, QHCP_USE_ALL).use, SAY_DOWN);
    assert_int_equal(said(&up, QHCP_USE_NONE).use, SAY_DOWN);
    assert_true(said(&up, QHCP_USE_NONE).panic);
}

static void load_and_slow_start_take_from_its_weight(void **state)
{
    struct fleet_entry e = entry(QHCP_UP);

    (void)state;
    e.report.utilization = 500;
    assert_int_equal(said(&e, QHCP_USE_HEALTHY).percent, 100);
    e.report.utilization = 750;
    assert_int_equal(said(&e, QHCP_USE_HEALTHY).percent, 60);
    e.report.utilization = 4000; /* more than it can */
    assert_int_equal(said(&e, QHCP_USE_HEALTHY).percent, 20);
    e.verdict.own_share = 100;
    assert_int_equal(said(&e, QHCP_USE_HEALTHY).percent, 10); /* the least: 0 would be a drain */
    e.report.utilization = 0;
    e.verdict.own_share = 500;
    assert_int_equal(said(&e, QHCP_USE_HEALTHY).percent, 50);
}

/* A load that wavers about the edge of a step. */
static void jitter_says_nothing_new(void **state)
{
    struct fleet_entry e = entry(QHCP_UP);
    struct say say = {.use = SAY_UNKNOWN};
    unsigned changes = 0, last = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        e.report.utilization = 700 + (uint32_t)(i * 37 % 50);
        say_server(&e, QHCP_USE_HEALTHY, &say, &say);
        changes += say.percent != last;
        last = say.percent;
    }
    assert_int_equal(changes, 1);
    e.report.utilization = 0; /* and when it is over, the whole weight comes back */
    say_server(&e, QHCP_USE_HEALTHY, &say, &say);
    assert_int_equal(say.percent, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_is_a_use),
        cmocka_unit_test(panic_uses_the_dead_or_nobody),
        cmocka_unit_test(load_and_slow_start_take_from_its_weight),
        cmocka_unit_test(jitter_says_nothing_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
