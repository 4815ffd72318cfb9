/* An owner that believes SESSION_LB_REPEATED and SESSION_LB_SAME knows what one that decodes every
 * answer itself would know: in any order of answers, late ones, pushes and duplicates. */
#include "kit.h"

#include "base/prng.h"

#define ROUNDS 3000
#define FRAMES 60

/* What an owner keeps of a server's answers. */
struct known {
    uint64_t cpu, checks;
    char reason[16];
};

static struct prng random_state = {.state = 3};

static uint64_t below(uint64_t n)
{
    return prng_next(&random_state) % n;
}

static struct wire_message said(uint64_t seq, uint64_t epoch, uint64_t cpu)
{
    struct wire_message m = kit_message(WIRE_HEALTH_RESPONSE);
    struct wire_health_response *r = &m.response;

    r->has = (seq > 0 ? WIRE_HAS_SEQ : 0) | WIRE_HAS_REASON;
    r->seq = seq;
    r->epoch = epoch;
    r->status = epoch % 2;
    r->reason = slice_str(epoch % 3 == 0 ? "one" : "two");
    r->values = (struct wire_values){1, {{WIRE_METRIC_CPU, cpu}}};
    r->checks = (struct wire_checks){.count = below(6) == 0};
    r->checks.at[0] = (struct wire_check){0, slice_str("db"), 7, slice_str("")};
    return m;
}

static void take(struct known *k, unsigned what, const struct wire_health_response *r)
{
    bool stale = (what & SESSION_LB_STALE) != 0;

    if (what & SESSION_LB_STATUS)
        slice_to_cstr(r->reason, k->reason, sizeof k->reason);
    if (!stale && what & (SESSION_LB_ANSWER | SESSION_LB_STATUS) && !(what & SESSION_LB_REPEATED))
        k->checks = r->checks.count;
    if (what & SESSION_LB_ANSWER && !stale && !(what & SESSION_LB_SAME))
        k->cpu = r->values.at[0].value;
}

/* Frames are given to the session; what it says of them, to both owners.  The number of those that
 * were repeated. */
static unsigned run(void)
{
    struct known lazy = {0}, whole = {0};
    uint64_t epoch = 1, cpu = 5, seq;
    unsigned repeated = 0;
    struct kit_lb k;

    kit_lb(&k, SESSION_LB_ACTIVE, false);
    for (unsigned i = 0; i < FRAMES; i++) {
        struct wire_message m;

        assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
        (void)kit_lb_pull(&k);
        epoch += below(10) == 0;
        cpu = below(3) == 0 ? below(10000) : cpu;
        m = said(below(8) == 0 ? 0 : seq - below(8) / 6, epoch - (below(10) == 0 && epoch > 1),
                 cpu);
        assert_int_equal(kit_lb_give(&k, T0, SESSION_DATAGRAM, &m), 0);
        take(&whole, k.r.what & ~(unsigned)(SESSION_LB_REPEATED | SESSION_LB_SAME), &m.response);
        take(&lazy, k.r.what, &k.r.m.response);
        repeated += (k.r.what & SESSION_LB_REPEATED) != 0;
        assert_true(k.r.epoch == k.s.epoch || !(k.r.what & SESSION_LB_ANSWER));
        assert_int_equal(lazy.cpu, whole.cpu);
        assert_int_equal(lazy.checks, whole.checks);
        assert_string_equal(lazy.reason, whole.reason);
    }
    return repeated;
}

static void who_believes_it_knows_what_decoding_everything_shows(void **state)
{
    unsigned long repeated = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++)
        repeated += run();
    assert_true(repeated > ROUNDS * FRAMES / 5);
}

static void a_steady_server_is_decoded_once(void **state)
{
    struct kit_lb k;
    uint64_t seq;

    (void)state;
    kit_lb(&k, SESSION_LB_ACTIVE, false);
    for (unsigned i = 0; i < 5; i++) {
        struct wire_message m = kit_message(WIRE_HEALTH_RESPONSE);

        assert_int_equal(session_lb_request(&k.s, T0, &seq), 0);
        (void)kit_lb_pull(&k);
        m.response.seq = seq;
        assert_int_equal(kit_lb_give(&k, T0, SESSION_DATAGRAM, &m), 0);
        assert_true(k.r.what & SESSION_LB_ANSWER);
        assert_int_equal((k.r.what & SESSION_LB_SAME) != 0, i > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_believes_it_knows_what_decoding_everything_shows),
        cmocka_unit_test(a_steady_server_is_decoded_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
