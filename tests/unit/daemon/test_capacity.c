/* How many connections descriptors are enough for; and a connection's line of the log. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/time.h"
#include "daemon/capacity.h"
#include "daemon/conn_log.h"

/* Whatever they do: two descriptors each, and two a pipe. */
static void what_is_said_can_be_had_all_at_once(void **state)
{
    (void)state;
    for (size_t descriptors = 8; descriptors < 100000; descriptors += 1 + descriptors / 7) {
        for (size_t wanted = 1; wanted < 30000; wanted = wanted * 3 + 1) {
            struct capacity c = capacity_of(descriptors, 0, wanted);
            size_t rest = descriptors / 4 < 256 ? descriptors / 4 : 256;

            assert_true(2 * c.connections + 2 * c.pipes + rest <= descriptors);
            assert_in_range(c.connections, 1, wanted);
            assert_true(c.pipes <= 2 * c.connections);
        }
    }
}

static void all_that_is_wanted_is_given_where_there_is_enough(void **state)
{
    struct capacity few = capacity_of(800, 56, 20000), many = capacity_of(1000000, 56, 20000);

    (void)state;
    assert_int_equal(few.connections, 263);
    assert_int_equal(few.pipes, 37);
    assert_int_equal(many.connections, 20000);
    assert_int_equal(many.pipes, 40000);
}

static union qhcp_addr at(const char *ip, uint16_t port)
{
    union qhcp_addr a = {.in = {.sin_family = AF_INET, .sin_port = htons(port)}};

    assert_int_equal(inet_pton(AF_INET, ip, &a.in.sin_addr), 1);
    return a;
}

static void a_line_says_who_where_how_much_how_long_and_why(void **state)
{
    struct proxy_ended e = {.from = at("192.0.2.7", 40112),
                            .to = at("10.0.0.1", 8080),
                            .how = PROXY_BY_CLIENT,
                            .tries = 1,
                            .bytes_in = 312,
                            .bytes_out = 10240,
                            .connected_after = 412 * NSEC_PER_USEC,
                            .lasted = 1204551 * NSEC_PER_USEC};
    char line[CONN_LOG_LINE];

    (void)state;
    conn_log_line(&e, line);
    assert_string_equal(line,
                        "192.0.2.7:40112 -> 10.0.0.1:8080: 312 bytes in, 10240 bytes out, "
                        "connected after 0.412 ms, ended after 1204.551 ms: closed by the client");
    e.tries = 2;
    e.how = PROXY_HALF_CLOSED;
    conn_log_line(&e, line);
    assert_non_null(strstr(line, "10.0.0.1:8080 (the second server that was tried): "));
    assert_non_null(strstr(line, ": cut: half-closed and idle for --half-close-timeout"));
    e = (struct proxy_ended){.from = at("192.0.2.7", 40112), .how = PROXY_NOBODY};
    conn_log_line(&e, line);
    assert_string_equal(line, "192.0.2.7:40112 -> no server: 0 bytes in, 0 bytes out, never "
                              "connected, ended after 0.000 ms: no server could take it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_can_be_had_all_at_once),
        cmocka_unit_test(all_that_is_wanted_is_given_where_there_is_enough),
        cmocka_unit_test(a_line_says_who_where_how_much_how_long_and_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
