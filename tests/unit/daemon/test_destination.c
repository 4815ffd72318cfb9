/* Networks, and where a server's connections go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "daemon/destination.h"

static char words[600];

static bool has(const char *network, const char *host)
{
    struct destination_net net;
    struct address a;
    char text[80];

    assert_int_equal(destination_net_parse(network, &net, words, sizeof words), 0);
    snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:1" : "%s:1", host);
    assert_int_equal(address_parse(text, &a, words, sizeof words), 0);
    return destination_net_has(&net, &a.addr);
}

static void a_network_has_what_shares_its_prefix(void **state)
{
    (void)state;
    assert_true(has("192.0.2.0/24", "192.0.2.255"));
    assert_false(has("192.0.2.0/24", "192.0.3.0"));
    assert_true(has("192.0.2.128/25", "192.0.2.128"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "::1"));
    assert_true(has("192.0.2.1", "192.0.2.1"));
    assert_false(has("192.0.2.1", "192.0.2.2"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const bad[] = {
        "",  "192.0.2.0/33", "192.0.2.0/", "192.0.2.1/24", "2001:db8::1/64",
        "a", "192.0.2/24",   "::/129",     "192.0.2.0/-1", "/8"};
    struct destination_net net;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (destination_net_parse(bad[i], &net, words, sizeof words) == 0)
            fail_msg("%s was taken", bad[i]);
}

/* Where connections go, as text; the server was verified at 192.0.2.1:4243. */
static const char *route(const char *entry, const char *offer, const char *network)
{
    static char ret[ADDRESS_TEXT];
    char services[1][QHCP_SERVICE] = {""}, *nets[1] = {(char *)(uintptr_t)network};
    struct list allowed = {.at = nets, .n = network ? 1 : 0};
    struct address remote;
    union qhcp_addr to;
    struct listed l;

    assert_int_equal(address_parse("192.0.2.1:4243", &remote, words, sizeof words), 0);
    assert_int_equal(listed_parse(entry, &l, words, sizeof words), 0);
    if (offer)
        strcpy(services[0], offer);
    destination_find(&l, &remote.addr, services, offer ? 1 : 0, &allowed, &to, words, sizeof words);
    address_format(&to, ret, sizeof ret);
    return ret;
}

static void connections_go_where_the_list_says_or_the_server_may_offer(void **state)
{
    (void)state;
    assert_string_equal(route("a:1", NULL, NULL), "-");
    assert_string_equal(route("a:1", "tcp:80", NULL), "192.0.2.1:80");
    assert_string_equal(route("a:1", "tcp:192.0.2.1:80", NULL), "192.0.2.1:80");
    assert_string_equal(words, "");
    assert_string_equal(route("a:1", "tcp:192.0.2.2:80", NULL), "-");
    assert_non_null(strstr(words, "tcp:192.0.2.2:80 is not at the address"));
    assert_string_equal(route("a:1", "tcp:192.0.2.2:80", "192.0.2.0/30"), "192.0.2.2:80");
    assert_string_equal(route("a:1", "tcp:192.0.2.2:80", "192.0.2.0/31"), "-");
    assert_string_equal(route("a:1 service=tcp:81", "tcp:80", NULL), "192.0.2.1:81");
    assert_string_equal(route("a:1 service=tcp:198.51.100.1:81", "tcp:80", NULL),
                        "198.51.100.1:81");
    assert_string_equal(route("a:1 service=tcp:81", NULL, NULL), "192.0.2.1:81");
    assert_string_equal(route("a:1", "udp:80", NULL), "-");
    assert_non_null(strstr(words, "is not a service"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_has_what_shares_its_prefix),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(connections_go_where_the_list_says_or_the_server_may_offer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
