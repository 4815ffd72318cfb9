/* Answers of DNS about a zone: names, records, "no", what does not fit, what is hostile; and the
 * limit of answers.  Real clients ask in tests/e2e/test_dns.py. */
#include "../words.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>

#include "base/address.h"
#include "base/text.h"
#include "sinks/dns_answer.h"
#include "sinks/dns_limit.h"

#define QUERY_MOST 600

static struct dns_answerer answerer;
static uint8_t query[QUERY_MOST], out[DNS_TCP_MOST];
static size_t n_query, n_out;
static ns_msg msg;
static bool tcp;

static void put(uint32_t slot, const char *addr, const char *label, const char *tags,
                struct dns_host more)
{
    struct address a;
    char words[100];

    assert_int_equal(address_parse(addr, &a, words, sizeof words), 0);
    more.at = a.addr;
    assert_true(dns_zone_set(&answerer.zone, slot, &more, label, tags, "http\0", 5));
}

#define UP .use = DNS_NOW, .weight = 1, .percent = 100

static int setup(void **state)
{
    (void)state;
    answerer = (struct dns_answerer){
        .ttl = 1, .serial = 7, .known = true, .zone = {.fail_open = true, .most = 100}};
    tcp = false;
    assert_true(dns_name_parse("LB.example.", &answerer.origin));
    put(0, "10.0.0.1:80", "web1", "eu|blue", (struct dns_host){UP});
    put(1, "10.0.0.2:81", "Web 2", "eu",
        (struct dns_host){.use = DNS_NOW, .weight = 2, .percent = 50});
    put(2, "[fd00::7]:80", "web3", "us", (struct dns_host){UP});
    put(3, "10.0.0.4:80", "web4", "eu|old", (struct dns_host){.use = DNS_LAST, .weight = 1});
    put(4, "10.0.0.5:80", "web5", "out", (struct dns_host){.use = DNS_NEVER, .weight = 1});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dns_zone_deinit(&answerer.zone);
    return 0;
}

/* ---- asking ---- */

static void add_u16(uint16_t v)
{
    query[n_query++] = (uint8_t)(v >> 8);
    query[n_query++] = (uint8_t)v;
}

static void build(const char *name, uint16_t type, uint16_t class)
{
    static const uint8_t header[DNS_HEADER] = {0x12, 0x34, 0x01, 0, 0, 1};

    memcpy(query, header, sizeof header);
    n_query = sizeof header;
    for (const char *p = name; *p != '\0'; p += p[0] == '.') {
        size_t n = strcspn(p, ".");

        query[n_query++] = (uint8_t)n;
        memcpy(query + n_query, p, n);
        n_query += n;
        p += n;
    }
    query[n_query++] = 0;
    add_u16(type);
    add_u16(class);
}

static void add_edns(uint16_t payload, uint8_t version)
{
    const uint8_t opt[] = {0, 0, 41, (uint8_t)(payload >> 8), (uint8_t)payload, 0, version, 0x80,
                           0, 0, 0};

    memcpy(query + n_query, opt, sizeof opt);
    n_query += sizeof opt;
    query[11]++;
}

/* The header's code. */
static int reply(void)
{
    n_out = dns_answer(&answerer, query, n_query, tcp, out, tcp ? sizeof out : DNS_UDP_MOST);
    if (n_out == 0)
        return -1;
    assert_int_equal(ns_initparse(out, (int)n_out, &msg), 0);
    assert_int_equal(ns_msg_id(msg), 0x1234);
    assert_int_equal(ns_msg_getflag(msg, ns_f_qr), 1);
    assert_int_equal(ns_msg_getflag(msg, ns_f_ra), 0);
    return ns_msg_getflag(msg, ns_f_rcode);
}

static int ask(const char *name, uint16_t type)
{
    build(name, type, DNS_IN);
    return reply();
}

static void add_record(struct text *t, const ns_rr *rr)
{
    char target[NS_MAXDNAME], ip[INET6_ADDRSTRLEN];
    const uint8_t *p = ns_rr_rdata(*rr);

    if (ns_rr_type(*rr) == ns_t_a || ns_rr_type(*rr) == ns_t_aaaa) {
        text_add(t, inet_ntop(ns_rr_type(*rr) == ns_t_a ? AF_INET : AF_INET6, p, ip, sizeof ip));
    } else if (ns_rr_type(*rr) == ns_t_srv) {
        assert_true(ns_name_uncompress(out, out + n_out, p + 6, target, sizeof target) > 0);
        text_printf(t, "%u %u %u %s", ns_get16(p), ns_get16(p + 2), ns_get16(p + 4), target);
    } else {
        text_printf(t, "%d", ns_rr_type(*rr));
    }
    text_add(t, " ");
}

/* What a section has, in the order of the answer, with a blank behind each. */
static void expect_records(ns_sect section, const char *wanted)
{
    struct text t = {0};
    ns_rr rr;

    text_add(&t, "");
    for (int i = 0; i < ns_msg_count(msg, section); i++) {
        assert_int_equal(ns_parserr(&msg, section, i, &rr), 0);
        if (ns_rr_type(rr) != ns_t_opt)
            assert_int_equal(ns_rr_ttl(rr), 1);
        add_record(&t, &rr);
    }
    assert_string_equal(t.at ? t.at : "", wanted);
    text_deinit(&t);
}

static void expect(const char *name, uint16_t type, const char *wanted)
{
    answerer.zone.turn = 0;
    assert_int_equal(ask(name, type), DNS_NOERROR);
    assert_int_equal(ns_msg_getflag(msg, ns_f_aa), 1);
    expect_records(ns_s_an, wanted);
    expect_records(ns_s_ns, wanted[0] == '\0' ? "6 " : ""); /* "no" has the SOA */
}

/* ---- what there is ---- */

static void test_addresses(void **state)
{
    (void)state;
    expect("lb.example", DNS_A, "10.0.0.1 10.0.0.2 ");
    expect("LB.eXample", DNS_AAAA, "fd00::7 ");
    expect("eu.lb.example", DNS_A, "10.0.0.1 10.0.0.2 ");
    expect("eu.lb.example", DNS_AAAA, "");
    expect("web1.lb.example", DNS_A, "10.0.0.1 ");
    expect("web-2.lb.example", DNS_A, "10.0.0.2 ");
    expect("http.lb.example", DNS_A, "10.0.0.1 10.0.0.2 ");
    expect("old.lb.example", DNS_A, "10.0.0.4 "); /* all are down: better those than none */
    expect("out.lb.example", DNS_A, "");
    expect("ip4-10-0-0-5.lb.example", DNS_A, "10.0.0.5 "); /* a target has its address always */
    expect("ip6-fd00--7.lb.example", DNS_AAAA, "fd00::7 ");
    answerer.zone.fail_open = false;
    answerer.zone.version++; /* it is set before the first answer */
    expect("old.lb.example", DNS_A, "");
}

static void test_services(void **state)
{
    (void)state;
    expect("_eu._tcp.lb.example", DNS_SRV,
           "0 32767 80 ip4-10-0-0-1.lb.example 0 32767 81 ip4-10-0-0-2.lb.example ");
    expect_records(ns_s_ar, "10.0.0.1 10.0.0.2 ");
    put(1, "10.0.0.2:81", "Web 2", "eu|more", /* it keeps its place under the other names */
        (struct dns_host){.use = DNS_NOW, .weight = 4, .percent = 100, .priority = 3});
    expect("_http._tcp.lb.example", DNS_SRV,
           "0 16383 80 ip4-10-0-0-1.lb.example 3 65535 81 ip4-10-0-0-2.lb.example "
           "0 16383 80 ip6-fd00--7.lb.example ");
    expect("_all._tcp.lb.example", DNS_SRV,
           "0 16383 80 ip4-10-0-0-1.lb.example 3 65535 81 ip4-10-0-0-2.lb.example "
           "0 16383 80 ip6-fd00--7.lb.example ");
    expect("lb.example", DNS_A, "10.0.0.1 "); /* the first tier only */
    put(0, "10.0.0.1:80", "web1", "eu", (struct dns_host){.use = DNS_NEVER});
    put(2, "[fd00::7]:80", "web3", "us", (struct dns_host){.use = DNS_LAST});
    expect("lb.example", DNS_A, "10.0.0.2 ");
}

static void test_the_zone_itself(void **state)
{
    (void)state;
    expect("lb.example", DNS_SOA, "6 ");
    expect("lb.example", DNS_NS, "2 ");
    expect("ns.lb.example", DNS_A, "");
    answerer.self.in =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    expect("ns.lb.example", DNS_A, "127.0.0.1 ");
    expect("lb.example", DNS_ANY, "13 ");
    expect("lb.example", DNS_SRV, "");
    expect("_tcp.lb.example", DNS_A, "");
    assert_true(dns_name_parse("ns1.example.org", &answerer.servers[0]));
    answerer.n_servers = 1;
    expect("lb.example", DNS_NS, "2 ");
    assert_int_equal(ask("ns.lb.example", DNS_A), DNS_NXDOMAIN);
}

static void test_what_is_not_there(void **state)
{
    static const char *const names[] = {
        "nobody.lb.example",  "_nobody._tcp.lb.example", "_._tcp.lb.example",
        "eu._tcp.lb.example", "_eu._udp.lb.example",     "a.web1.lb.example",
        "a.b.c.d.lb.example", "ip4-1-2-3-4.lb.example",  "_eu._tcp.eu.lb.example"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(ask(names[i], DNS_A), DNS_NXDOMAIN);
        assert_int_equal(ns_msg_getflag(msg, ns_f_aa), 1);
        expect_records(ns_s_ns, "6 ");
    }
    assert_int_equal(ask("example", DNS_A), DNS_REFUSED);
    assert_int_equal(ask("xlb.example", DNS_A), DNS_REFUSED);
    assert_int_equal(ask("lb.example.org", DNS_A), DNS_REFUSED);
    assert_int_equal(ask("", DNS_NS), DNS_REFUSED);
    assert_int_equal(ask("lb.example", DNS_AXFR), DNS_REFUSED);
    build("lb.example", DNS_A, 3);
    assert_int_equal(reply(), DNS_REFUSED);
    answerer.known = false;
    assert_int_equal(ask("lb.example", DNS_A), 2);
}

/* ---- how much ---- */

static void fill(unsigned n)
{
    char addr[40], label[20];

    for (unsigned i = 0; i < n; i++) {
        snprintf(addr, sizeof addr, "10.1.%u.%u:80", i / 200, i % 200 + 1);
        snprintf(label, sizeof label, "many%u", i);
        put(10 + i, addr, label, "many", (struct dns_host){UP});
    }
}

static void test_what_does_not_fit_is_asked_for_by_tcp(void **state)
{
    (void)state;
    fill(150);
    assert_int_equal(ask("many.lb.example", DNS_A), DNS_NOERROR);
    assert_int_equal(ns_msg_getflag(msg, ns_f_tc), 1);
    expect_records(ns_s_an, "");
    expect_records(ns_s_ns, "");
    assert_true(n_out <= DNS_UDP_PLAIN);
    tcp = true;
    assert_int_equal(ask("many.lb.example", DNS_A), DNS_NOERROR);
    assert_int_equal(ns_msg_getflag(msg, ns_f_tc), 0);
    assert_int_equal(ns_msg_count(msg, ns_s_an), 100); /* zone.most */
    assert_int_equal(ask("_many._tcp.lb.example", DNS_SRV), DNS_NOERROR);
    assert_int_equal(ns_msg_count(msg, ns_s_an), 100);
    assert_int_equal(ns_msg_count(msg, ns_s_ar), 100);
    tcp = false;
    answerer.zone.most = 40;
    build("many.lb.example", DNS_A, DNS_IN);
    add_edns(4096, 0);
    assert_int_equal(reply(), DNS_NOERROR);
    assert_int_equal(ns_msg_getflag(msg, ns_f_tc), 0);
    assert_int_equal(ns_msg_count(msg, ns_s_an), 40);
    assert_true(n_out > DNS_UDP_PLAIN && n_out <= DNS_UDP_MOST);
    /* additional records never make an answer too large */
    build("_many._tcp.lb.example", DNS_SRV, DNS_IN);
    answerer.zone.most = 20;
    add_edns(1232, 0);
    assert_int_equal(reply(), DNS_NOERROR);
    assert_int_equal(ns_msg_count(msg, ns_s_an), 20);
    assert_in_range(ns_msg_count(msg, ns_s_ar), 2, 20);
}

static void test_answers_begin_with_another_each_time(void **state)
{
    unsigned first[3] = {0};
    ns_rr rr;

    (void)state;
    fill(3);
    answerer.zone.most = 1;
    for (int i = 0; i < 30; i++) {
        ask("many.lb.example", DNS_A);
        assert_int_equal(ns_msg_count(msg, ns_s_an), 1);
        assert_int_equal(ns_parserr(&msg, ns_s_an, 0, &rr), 0);
        first[ns_rr_rdata(rr)[3] - 1]++;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(first[i], 10);
}

static void test_edns(void **state)
{
    (void)state;
    build("lb.example", DNS_A, DNS_IN);
    add_edns(1232, 0);
    assert_int_equal(reply(), DNS_NOERROR);
    expect_records(ns_s_ar, "41 ");
    assert_int_equal(out[n_out - 1], 0);    /* no option, no NSID */
    assert_int_equal(out[n_out - 4], 0x80); /* DO */
    build("lb.example", DNS_A, DNS_IN);
    add_edns(1232, 1);
    assert_int_equal(reply(), DNS_BADVERS & 0xf);
    assert_int_equal(out[n_out - 6], DNS_BADVERS >> 4);
    build("lb.example", DNS_A, DNS_IN);
    add_edns(1232, 0);
    add_edns(1232, 0);
    assert_int_equal(reply(), DNS_FORMERR);
}

static void test_broken_queries(void **state)
{
    (void)state;
    build("lb.example", DNS_A, DNS_IN);
    for (size_t n = 0; n < n_query; n++)
        assert_int_equal(dns_answer(&answerer, query, n, false, out, sizeof out),
                         n < DNS_HEADER ? 0 : DNS_HEADER);
    query[n_query++] = 0; /* something behind it */
    assert_int_equal(reply(), DNS_FORMERR);
    build("lb.example", DNS_A, DNS_IN);
    query[2] |= 0x80; /* an answer */
    assert_int_equal(reply(), -1);
    build("lb.example", DNS_A, DNS_IN);
    query[2] |= DNS_UPDATE << 3;
    assert_int_equal(reply(), DNS_NOTIMP);
    build("lb.example", DNS_A, DNS_IN);
    query[5] = 2;
    assert_int_equal(reply(), DNS_FORMERR);
    build("lb.example", DNS_A, DNS_IN);
    query[DNS_HEADER] = 0xc0; /* a name that points to itself */
    query[DNS_HEADER + 1] = DNS_HEADER;
    assert_int_equal(reply(), DNS_FORMERR);
    build("lb.example", DNS_A, DNS_IN);
    assert_true(dns_answer_truncated(query, n_query, out, sizeof out) == n_query);
}

/* ---- names of servers ---- */

static void test_servers_come_and_go(void **state)
{
    (void)state;
    put(0, "10.0.0.9:80", "web1", "us", (struct dns_host){UP});
    expect("eu.lb.example", DNS_A, "10.0.0.2 ");
    expect("web1.lb.example", DNS_A, "10.0.0.9 ");
    assert_int_equal(ask("ip4-10-0-0-1.lb.example", DNS_A), DNS_NXDOMAIN);
    assert_int_equal(ask("blue.lb.example", DNS_A), DNS_NXDOMAIN);
    dns_zone_unset(&answerer.zone, 0);
    dns_zone_unset(&answerer.zone, 1000);
    assert_int_equal(ask("web1.lb.example", DNS_A), DNS_NXDOMAIN);
    put(1, "10.0.0.5:82", "web2", "out", (struct dns_host){UP});
    expect("out.lb.example", DNS_A, "10.0.0.5 "); /* once, of two servers there */
    put(7, "10.0.0.7:1", "..\x1b\xff",
        "|a.b||"
        "x012345678901234567890123456789012345678901234567890123456789012x",
        (struct dns_host){UP});
    expect("----.lb.example", DNS_A, "10.0.0.7 ");
    expect("a-b.lb.example", DNS_A, "10.0.0.7 ");
}

static void test_names_of_zones(void **state)
{
    struct dns_name name;
    char label[DNS_LABEL + 2], zone[DNS_NAME + 20] = "";

    (void)state;
    memset(label, 'a', DNS_LABEL + 1);
    label[DNS_LABEL + 1] = '\0';
    assert_false(dns_name_parse("", &name));
    assert_false(dns_name_parse(".", &name));
    assert_false(dns_name_parse("a..b", &name));
    assert_false(dns_name_parse("a b", &name));
    assert_false(dns_name_parse("caf\xc3\xa9", &name));
    assert_false(dns_name_parse(label, &name));
    assert_true(dns_name_parse(label + 1, &name));
    for (int i = 0; i < 127; i++)
        strcat(zone, i == 0 ? "a" : ".a");
    assert_true(dns_name_parse(zone, &name));
    assert_int_equal(name.n, DNS_NAME);
    assert_false(dns_name_below("b", &name, &name));
    strcat(zone, ".a");
    assert_false(dns_name_parse(zone, &name));
}

/* ---- how large, how often ---- */

/* As many servers as there are may not make a query dear: what an answer is taken from is made once
 * after a change, and has what has changed. */
static void test_a_query_costs_what_is_answered_and_not_what_there_is(void **state)
{
    const struct dns_host *hosts[DNS_ZONE_MOST];
    uint64_t version;

    (void)state;
    fill(20000);
    put(9, "10.1.0.1:81", "again", "many", (struct dns_host){UP}); /* an address twice */
    answerer.zone.most = 2;
    version = answerer.zone.version;
    for (int i = 0; i < 1000000; i++) /* (some 20 ms; 200 s, were all looked at) */
        assert_int_equal(dns_zone_pick(&answerer.zone, "many", AF_INET, hosts), 2);
    assert_int_equal(answerer.zone.version, version);
    dns_zone_unset(&answerer.zone, 9);
    for (unsigned i = 1; i < 20000; i++)
        dns_zone_unset(&answerer.zone, 10 + i);
    expect("many.lb.example", DNS_A, "10.1.0.1 ");
    put(10, "10.1.0.1:80", "many0", "many", (struct dns_host){.use = DNS_NEVER});
    expect("many.lb.example", DNS_A, "");
    put(10, "10.1.0.1:80", "many0", "many", (struct dns_host){UP, .priority = 1});
    put(11, "10.1.0.2:80", "many1", "many", (struct dns_host){UP, .priority = 2});
    expect("many.lb.example", DNS_A, "10.1.0.1 ");
    put(10, "10.1.0.1:80", "many0", "many", (struct dns_host){UP, .priority = 3});
    expect("many.lb.example", DNS_A, "10.1.0.2 ");
}

static uint32_t serial_after(int64_t unix_s)
{
    dns_answer_changed(&answerer, unix_s * 1000);
    return answerer.serial;
}

static void test_the_serial_ascends_with_each_change(void **state)
{
    (void)state;
    answerer.known = false;
    assert_int_equal(serial_after(3000000000), 3000000000);
    assert_int_equal(serial_after(3000000005), 3000000000); /* nothing has changed */
    put(0, "10.0.0.1:80", "web1", "eu|blue", (struct dns_host){UP});
    assert_int_equal(serial_after(3000000005), 3000000000); /* nor by that */
    put(0, "10.0.0.1:80", "web1", "eu|blue",
        (struct dns_host){.use = DNS_NOW, .weight = 1, .percent = 90});
    assert_int_equal(serial_after(3000000005), 3000000005);
    put(0, "10.0.0.1:80", "web1", "eu", (struct dns_host){UP});
    assert_int_equal(serial_after(3000000005), 3000000006); /* twice in a second */
    dns_zone_unset(&answerer.zone, 0);
    assert_int_equal(serial_after(2000000000), 3000000007); /* the clock goes back */
    answerer.serial = UINT32_MAX;
    dns_zone_unset(&answerer.zone, 1);
    assert_int_equal(serial_after(4294967296 + 10), 10); /* 2106: beyond UINT32_MAX (RFC 1982) */
}

/* ---- the limit ---- */

static void test_a_network_has_its_answers_a_second(void **state)
{
    static struct dns_limit l = {.rate = 10, .seed = 5};
    union qhcp_addr a = {.in = {.sin_family = AF_INET}}, b = a,
                    six = {.in6 = {.sin6_family = AF_INET6}};
    qhcp_nsec now = 100 * NSEC_PER_SEC;
    unsigned n = 0;

    (void)state;
    a.in.sin_addr.s_addr = htonl(0xc0000201);
    b.in.sin_addr.s_addr = htonl(0xc0000301);
    for (int i = 0; i < 1000; i++) {
        a.in.sin_addr.s_addr = htonl(0xc0000200 + (unsigned)i % 256);
        n += dns_limit_take(&l, now, &a);
    }
    assert_int_equal(n, 10);
    assert_true(dns_limit_take(&l, now, &b));
    assert_true(dns_limit_take(&l, now, &six));
    assert_false(dns_limit_take(&l, now + 99 * NSEC_PER_MSEC, &a));
    assert_true(dns_limit_take(&l, now + 100 * NSEC_PER_MSEC, &a));
    assert_false(dns_limit_take(&l, now + 100 * NSEC_PER_MSEC, &a));
    l.rate = 0;
    assert_true(dns_limit_take(&l, now, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_services, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_zone_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit_is_asked_for_by_tcp, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_answers_begin_with_another_each_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_query_costs_what_is_answered_and_not_what_there_is,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_serial_ascends_with_each_change, setup, teardown),
        cmocka_unit_test_setup_teardown(test_edns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_broken_queries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_servers_come_and_go, setup, teardown),
        cmocka_unit_test(test_names_of_zones),
        cmocka_unit_test(test_a_network_has_its_answers_a_second),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
