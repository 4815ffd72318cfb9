/* Queries of strangers to the sink dns: whatever comes, an answer is a whole message of DNS, no
 * longer than it may be, to the same question.
 *
 * Input: a byte (its lowest bit: by TCP), then the bytes of a query.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_dns.c src/sinks/dns_answer.c src/sinks/dns_wire.c src/sinks/dns_zone.c \
 *   src/base/address.c src/base/text.c src/base/utf8.c src/base/value.c -lresolv -o fuzz_dns
 * ./fuzz_dns /tmp/found fuzz/corpus/dns */
#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sinks/dns_answer.h"

#define SERVERS 120

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dns_answerer answerer;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void begin(void)
{
    answerer = (struct dns_answerer){
        .ttl = 1, .known = true, .zone = {.fail_open = true, .most = DNS_ZONE_MOST}};
    must(dns_name_parse("lb.example", &answerer.origin));
    for (uint32_t i = 0; i < SERVERS; i++) {
        struct dns_host host = {.use = (enum dns_use)(i % 3), .weight = (uint16_t)i, .percent = 50};
        char label[20];

        if (i % 2 == 0)
            host.at.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = i};
        else
            host.at.in6 =
                (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr.s6_addr = {(uint8_t)i}};
        snprintf(label, sizeof label, "w%u", i);
        must(dns_zone_set(&answerer.zone, i, &host, label, "a|b", "h", 2));
    }
}

static void whole(const uint8_t *out, size_t n)
{
    ns_msg msg;
    ns_rr rr;

    must(ns_initparse(out, (int)n, &msg) == 0 && ns_msg_getflag(msg, ns_f_qr) == 1);
    for (int section = ns_s_qd; section < ns_s_max; section++)
        for (int i = 0; i < ns_msg_count(msg, (ns_sect)section); i++)
            must(ns_parserr(&msg, (ns_sect)section, i, &rr) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[DNS_TCP_MOST];
    bool tcp;
    size_t n;

    if (answerer.zone.most == 0)
        begin();
    if (size == 0)
        return 0;
    tcp = data[0] & 1;
    n = dns_answer(&answerer, data + 1, size - 1, tcp, out, tcp ? sizeof out : DNS_UDP_MOST);
    must(n <= (tcp ? sizeof out : DNS_UDP_MOST));
    if (n > 0) {
        must(size > DNS_HEADER && memcmp(out, data + 1, 2) == 0);
        whole(out, n);
    }
    n = dns_answer_truncated(data + 1, size - 1, out, sizeof out);
    must(n < size);
    if (n > 0)
        whole(out, n);
    return 0;
}
