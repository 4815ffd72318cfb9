/* What is read of an answer that repeats the one before it is what decoding it whole would find. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <qhcp/error.h>

#include "base/prng.h"
#include "wire/again.h"

#define ROUNDS 200000

struct frame {
    uint8_t p[512];
    size_t n;
};

static struct prng random_state = {.state = 7};

static uint64_t below(uint64_t n)
{
    return prng_next(&random_state) % n;
}

static struct wire_message make(void)
{
    static const uint8_t boot[LIMIT_BOOT_ID] = "bootboot";
    struct wire_message m = {.type = WIRE_HEALTH_RESPONSE};
    struct wire_health_response *r = &m.response;

    r->boot_id = slice_of(boot, sizeof boot);
    r->has = below(8) > 0 ? WIRE_HAS_SEQ : 0;
    r->seq = 1 + below(1u << (1 + below(20)));
    r->epoch = 1 + below(3);
    r->values.count = below(4);
    for (size_t i = 0; i < r->values.count; i++)
        r->values.at[i] = (struct wire_value){i + 1, below(1u << (1 + below(13)))};
    r->processing_us = below(3) * 40;
    if (below(4) == 0) {
        r->has |= WIRE_HAS_REASON;
        r->reason = slice_str(below(2) ? "why" : "because");
        r->status = below(2);
    }
    r->checks.count = below(3) / 2;
    r->checks.at[0] = (struct wire_check){below(2), slice_str("db"), below(100), slice_str("")};
    return m;
}

static struct frame encoded(const struct wire_message *m)
{
    struct frame f;
    int n = wire_encode(m, f.p, sizeof f.p);

    assert_true(n > 0);
    f.n = (size_t)n;
    return f;
}

/* Another answer, the same in all but what varies, or bytes that somebody has spoilt. */
static struct frame next(const struct wire_message *before, const struct frame *f)
{
    struct wire_message m = *before;
    struct frame g = *f;

    switch (below(4)) {
    case 0:
        m = make();
        return encoded(&m);
    case 1:
        m.response.seq += below(100);
        if (below(2) && m.response.values.count > 0)
            m.response.values.at[0].value = below(10000);
        return encoded(&m);
    case 2:
        g.p[below(g.n)] ^= (uint8_t)(1u << below(8));
        return g;
    default:
        g.n = below(g.n + 1);
        return g;
    }
}

static void expect_values(const struct wire_values *a, const struct wire_values *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(a->at[i].number, b->at[i].number);
        assert_int_equal(a->at[i].value, b->at[i].value);
    }
}

static bool same_checks(const struct wire_checks *a, const struct wire_checks *b)
{
    for (size_t i = 0; a->count == b->count && i < a->count; i++)
        if (a->at[i].status != b->at[i].status || !slice_equal(a->at[i].name, b->at[i].name) ||
            a->at[i].duration_us != b->at[i].duration_us ||
            !slice_equal(a->at[i].reason, b->at[i].reason))
            return false;
    return a->count == b->count;
}

/* All but what varies. */
static bool same_rest(const struct wire_health_response *a, const struct wire_health_response *b)
{
    return a->has == b->has && slice_equal(a->boot_id, b->boot_id) && a->epoch == b->epoch &&
           a->status == b->status && slice_equal(a->reason, b->reason) &&
           same_checks(&a->checks, &b->checks);
}

static bool same_values(const struct wire_values *a, const struct wire_values *b)
{
    return a->count == b->count && memcmp(a->at, b->at, a->count * sizeof a->at[0]) == 0;
}

/* `whole`: what decoding it whole found, if it did; `kept`: the message that was kept. */
static void compare(enum wire_repeats found, const struct wire_message *lazy, int error,
                    const struct wire_message *whole, const struct wire_message *kept)
{
    const struct wire_health_response *l = &lazy->response, *w = &whole->response;

    assert_int_equal(error, 0);
    assert_int_equal(lazy->type, whole->type);
    assert_true(same_rest(w, &kept->response));
    if (w->has & WIRE_HAS_SEQ)
        assert_int_equal(l->seq, w->seq);
    assert_int_equal(l->processing_us, w->processing_us);
    if (found == WIRE_VALUES)
        expect_values(&l->values, &w->values);
    else
        expect_values(&kept->response.values, &w->values);
}

static void what_is_read_lazily_is_what_the_whole_frame_says(void **state)
{
    static struct wire_message lazy, whole, kept;
    unsigned long found_same = 0, found_values = 0, missed = 0;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct wire_message first = make();
        struct frame f = encoded(&first), g = next(&first, &f);
        struct wire_again k = {0};
        enum wire_repeats found;
        int error;

        assert_int_equal(wire_decode(f.p, f.n, &kept, NULL), 0);
        wire_again_keep(&k, f.p, f.n);
        error = wire_decode(g.p, g.n, &whole, NULL);
        found = wire_again(&k, g.p, g.n, &lazy);
        if (found != WIRE_NEW)
            compare(found, &lazy, error, &whole, &kept);
        else if (error == 0 && whole.type == kept.type && f.n < WIRE_AGAIN_MAX)
            missed += same_rest(&whole.response, &kept.response) &&
                      same_values(&whole.response.values, &kept.response.values);
        found_same += found == WIRE_SAME;
        found_values += found == WIRE_VALUES;
    }
    assert_true(found_same > ROUNDS / 20);
    assert_true(found_values > ROUNDS / 50);
    assert_int_equal(missed, 0);
}

/* The values that were read last are those that "the same" means. */
static void values_are_compared_with_those_of_the_frame_before(void **state)
{
    static const uint64_t values[] = {1000, 1000, 1001, 1000, 5, 5, 1000};
    static const enum wire_repeats expected[] = {WIRE_NEW,    WIRE_SAME, WIRE_VALUES, WIRE_VALUES,
                                                 WIRE_VALUES, WIRE_SAME, WIRE_VALUES};
    struct wire_message m = make(), ret;
    struct wire_again k = {0};

    (void)state;
    m.response.values = (struct wire_values){.count = 1, .at = {{1, 0}}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct frame f;

        m.response.values.at[0].value = values[i];
        f = encoded(&m);
        assert_int_equal(wire_again(&k, f.p, f.n, &ret), expected[i]);
        if (i == 0)
            wire_again_keep(&k, f.p, f.n);
        if (expected[i] == WIRE_VALUES)
            assert_int_equal(ret.response.values.at[0].value, values[i]);
    }
}

static void what_is_too_long_or_was_forgotten_is_decoded(void **state)
{
    struct wire_message m = make(), ret;
    struct wire_again k = {0};
    struct frame f = encoded(&m);

    (void)state;
    wire_again_keep(&k, f.p, f.n);
    assert_int_equal(wire_again(&k, f.p, f.n, &ret), WIRE_SAME);
    wire_again_forget(&k);
    assert_int_equal(wire_again(&k, f.p, f.n, &ret), WIRE_NEW);
    m.response.has |= WIRE_HAS_REASON;
    m.response.reason = slice_str("a reason that goes on and on and on and on and on and on and on "
                                  "and on and on and on and on");
    f = encoded(&m);
    wire_again_keep(&k, f.p, f.n);
    assert_int_equal(wire_again(&k, f.p, f.n, &ret), WIRE_NEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_lazily_is_what_the_whole_frame_says),
        cmocka_unit_test(values_are_compared_with_those_of_the_frame_before),
        cmocka_unit_test(what_is_too_long_or_was_forgotten_is_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
