#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <net/if.h>

#include "base/address.h"
#include <qhcp/error.h>

static void names_and_literals_are_told_apart(void **state)
{
    static const struct {
        const char *text, *host, *formatted;
    } cases[] = {
        {"localhost:4243", "localhost", "-"},
        {"a-b.example:1", "a-b.example", "-"},
        {"127.0.0.1:65535", "127.0.0.1", "127.0.0.1:65535"},
        {"[::1]:4243", "::1", "[::1]:4243"},
        {"[2001:db8::7]:80", "2001:db8::7", "[2001:db8::7]:80"},
    };
    char words[256], text[ADDRESS_TEXT];
    struct address a;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(address_parse(cases[i].text, &a, words, sizeof words), 0);
        assert_string_equal(a.host, cases[i].host);
        address_format(&a.addr, text, sizeof text);
        assert_string_equal(text, cases[i].formatted);
        assert_int_equal(a.literal, cases[i].formatted[0] != '-');
    }
}

static void bad_addresses_are_refused_and_quoted(void **state)
{
    static const char *const bad[] = {
        "",
        "localhost",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        ":4243",
        "::1:4243",
        "[::1]",
        "[::1]4243",
        "[localhost]:1",
        "a b:1",
        "1.2.3.4.5:1",
        "256.1.1.1:1",
        "a..b:1",
        "-a:1",
        "a:+1",
        "a:4243x",
        "[fe80::1%nosuchif0]:1",
        "[fe80::1]:1",
        "[::ffff:192.0.2.1]:1",
        "b\303\274cher.example:1", /* octal: a hexadecimal one would go on */
        "[ff02::1]:1",
        "224.0.0.1:1",
        "255.255.255.255:1",
    };
    char words[512];
    struct address a;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (address_parse(bad[i], &a, words, sizeof words) != QHCP_E_PARSE)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(strstr(words, bad[i]));
    }
}

static void a_zone_is_found_by_name_and_printed_so(void **state)
{
    char words[256], text[ADDRESS_TEXT];
    struct address a;

    (void)state;
    assert_int_equal(address_parse("[fe80::1%lo]:4243", &a, words, sizeof words), 0);
    assert_int_equal(a.addr.in6.sin6_scope_id, if_nametoindex("lo"));
    address_format(&a.addr, text, sizeof text);
    assert_string_equal(text, "[fe80::1%lo]:4243");
    a.addr.in6.sin6_scope_id = 12345; /* as it was before the interface was made anew */
    assert_int_equal(address_find_zone(&a), 0);
    assert_int_equal(a.addr.in6.sin6_scope_id, if_nametoindex("lo"));
    assert_int_not_equal(address_parse("[fe80::1]:4243", &a, words, sizeof words), 0);
    assert_non_null(strstr(words, "needs its interface"));
}

static void equality_looks_at_family_address_and_port(void **state)
{
    struct address a, b, c;
    char words[256];

    (void)state;
    address_parse("127.0.0.1:1", &a, words, sizeof words);
    address_parse("127.0.0.1:2", &b, words, sizeof words);
    address_parse("[::1]:1", &c, words, sizeof words);
    assert_true(address_equal(&a.addr, &a.addr));
    assert_true(address_equal(&c.addr, &c.addr));
    assert_false(address_equal(&a.addr, &b.addr));
    assert_false(address_equal(&a.addr, &c.addr));
}

static void addresses_to_listen_on_are_literals(void **state)
{
    union qhcp_addr a = {0};
    char words[300];

    (void)state;
    assert_int_equal(address_parse_ip("0.0.0.0", 7, &a, words, sizeof words), 0);
    assert_int_equal(a.sa.sa_family, AF_INET);
    assert_int_equal(address_parse_ip("::", 7, &a, words, sizeof words), 0);
    assert_int_equal(a.sa.sa_family, AF_INET6);
    assert_int_equal(address_parse_ip("[::1]", 7, &a, words, sizeof words), 0);
    static const char *const bad[] = {
        "localhost",   "",      "[]",
        "[127.0.0.1]", "1.2.3", "1.2.3.4:5",
        "1.2.3.4 ",    "[::1",  "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(address_parse_ip(bad[i], 7, &a, words, sizeof words), QHCP_E_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_literals_are_told_apart),
        cmocka_unit_test(bad_addresses_are_refused_and_quoted),
        cmocka_unit_test(a_zone_is_found_by_name_and_printed_so),
        cmocka_unit_test(addresses_to_listen_on_are_literals),
        cmocka_unit_test(equality_looks_at_family_address_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
