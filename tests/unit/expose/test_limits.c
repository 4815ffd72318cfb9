/* What bounds those who come: the share of a CPU, and the head of a request. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "expose/allowance.h"
#include "expose/http_head.h"

#define MSEC NSEC_PER_MSEC

/* Who takes all that he gets has a fifth of the time. */
static void a_fifth_of_the_time_and_no_more(void **state)
{
    qhcp_nsec now = NSEC_PER_SEC, begin = now, taken = 0, pause;
    struct allowance a;

    (void)state;
    allowance_init(&a, now);
    while (now < begin + 10 * NSEC_PER_SEC) {
        now += MSEC;
        taken += MSEC;
        pause = allowance_take(&a, now, MSEC);
        now += pause;
    }
    assert_in_range(taken, 1900 * MSEC, 2100 * MSEC);
    assert_int_equal(ALLOWANCE_PART, 5);
}

static void who_takes_little_never_pauses(void **state)
{
    qhcp_nsec now = NSEC_PER_SEC;
    struct allowance a;

    (void)state;
    allowance_init(&a, now);
    for (int i = 0; i < 1000; i++) {
        now += 10 * MSEC;
        assert_int_equal(allowance_take(&a, now, 2 * MSEC - 1), 0);
    }
    /* What was saved up is bounded. */
    now += 3600 * NSEC_PER_SEC;
    assert_int_equal(allowance_take(&a, now, ALLOWANCE_SAVED - 1), 0);
    assert_true(allowance_take(&a, now, 1) > 0);
}

static void a_turn_has_its_slice(void **state)
{
    qhcp_nsec now = NSEC_PER_SEC;
    struct allowance a;

    (void)state;
    allowance_init(&a, now);
    (void)allowance_take(&a, now, ALLOWANCE_SLICE - 1);
    assert_true(allowance_any(&a));
    (void)allowance_take(&a, now, 1);
    assert_false(allowance_any(&a));
    allowance_turn(&a);
    assert_true(allowance_any(&a));
}

static int parse(const char *text, struct http_head *ret)
{
    return http_head_parse(slice_str(text), ret);
}

static void a_head_is_read(void **state)
{
    static const char one[] = "GET /metrics?a HTTP/1.1\r\nHost: x\r\nAccept: a, "
                              "Application/OpenMetrics-Text;q=1\r\n\r\n";
    struct http_head h;
    char two[300];

    (void)state;
    assert_int_equal(parse(one, &h), strlen(one));
    assert_true(slice_equal(h.method, slice_str("GET")));
    assert_true(slice_equal(h.target, slice_str("/metrics?a")));
    assert_true(h.keep && h.open_metrics);
    snprintf(two, sizeof two, "%s%s", one, "GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(parse(two, &h), strlen(one));
    assert_int_equal(parse(two + strlen(one), &h), strlen(two) - strlen(one));
    assert_false(h.keep || h.open_metrics);
    assert_int_equal(parse("GET / HTTP/1.1\r\nconnection: keep, Close\r\n\r\n", &h), 43);
    assert_false(h.keep);
}

static void a_head_that_is_not_whole_is_waited_for(void **state)
{
    static const char whole[] = "GET / HTTP/1.1\r\nA: b\r\n\r\n";
    struct http_head h;

    (void)state;
    for (size_t n = 0; n < sizeof whole - 1; n++)
        assert_int_equal(http_head_parse(slice_of(whole, n), &h), 0);
    assert_int_equal(http_head_parse(slice_of(whole, sizeof whole - 1), &h), sizeof whole - 1);
}

static void a_wrong_head_is_refused(void **state)
{
    static const struct {
        const char *text;
        int status;
    } rows[] = {
        {"\r\n", -400},
        {"GET\r\n", -400},
        {"GET \r\n", -400},
        {"GET / HTTP/1.1\n", -400},
        {"GET / HTTP/1.1 \r\n", -400},
        {"GET  / HTTP/1.1\r\n", -400},
        {"GET http://a/ HTTP/1.1\r\n", -400},
        {"G(T / HTTP/1.1\r\n", -400},
        {"GET / HTTQ/1.1\r\n", -400},
        {"GET / HTTP/2.0\r\n", -505},
        {"GET / HTTP/1.9\r\n", -505},
        {"GET / HTTP/1.1\r\n A: b\r\n", -400}, /* folded */
        {"GET / HTTP/1.1\r\nA : b\r\n", -400},
        {"GET / HTTP/1.1\r\nA\r\n", -400},
        {"GET / HTTP/1.1\r\nA: \x01\r\n", -400},
        {"GET / HTTP/1.1\r\nA: b\rc\r\n", -400},
        {"GET / HTTP/1.1\r\nContent-Length: 1\r\n", -413},
        {"GET / HTTP/1.1\r\nContent-Length: 00\r\n", -413},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", -413},
    };
    struct http_head h;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (parse(rows[i].text, &h) != rows[i].status)
            fail_msg("%s", rows[i].text);
    assert_int_equal(parse("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", &h), 37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fifth_of_the_time_and_no_more),
        cmocka_unit_test(who_takes_little_never_pauses),
        cmocka_unit_test(a_turn_has_its_slice),
        cmocka_unit_test(a_head_is_read),
        cmocka_unit_test(a_head_that_is_not_whole_is_waited_for),
        cmocka_unit_test(a_wrong_head_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
