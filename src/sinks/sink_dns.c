/* dns: answers queries about one zone from what is known of the servers (dns_answer.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/os/entropy.h"
#include "base/value.h"
#include "sinks/dns_answer.h"
#include "sinks/dns_hosts.h"
#include "sinks/dns_limit.h"
#include "sinks/dns_port.h"
#include "sinks/sink_kinds.h"

#define TTL_MOST (3600 * NSEC_PER_SEC)
#define MOST 64  /* records of an answer, where nobody says how many */
#define RATE 200 /* answers a second to one network, where others than this machine may ask */
#define RATE_MOST 1000000
#define EACH 16 /* connections of one network; on loopback as many as there are */

struct dns {
    struct sink sink;
    union qhcp_addr addr;
    struct dns_answerer answerer;
    struct dns_limit limit;
    struct dns_port port;
    unsigned limited; /* queries without an answer */
};

static int parse_zone(struct dns *d, char *words, size_t words_cap)
{
    const char *zone = sink_args_get(&d->sink.args, "zone");
    char quote[VALUE_QUOTE + 8];

    if (!zone) {
        snprintf(words, words_cap,
                 "zone= is missing: the name that is answered for, as "
                 "zone=lb.example");
        return QHCP_E_ARG;
    }
    /* below it there are names of two labels */
    if (dns_name_parse(zone, &d->answerer.origin) &&
        d->answerer.origin.n + 2 * (DNS_LABEL + 1) <= DNS_NAME)
        return 0;
    snprintf(words, words_cap, "zone=%s is not the name of a zone, as lb.example",
             value_quote(zone, quote));
    return QHCP_E_PARSE;
}

/* "ns1.example.org,ns2.example.org" */
static int parse_servers(struct dns *d, char *words, size_t words_cap)
{
    const char *list = sink_args_get(&d->sink.args, "ns");
    char one[DNS_NAME + 1], quote[VALUE_QUOTE + 8];

    for (size_t n; list && *list != '\0'; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        snprintf(one, sizeof one, "%.*s", (int)n, list);
        if (d->answerer.n_servers == DNS_SERVERS || n >= sizeof one ||
            !dns_name_parse(one, &d->answerer.servers[d->answerer.n_servers++])) {
            snprintf(words, words_cap,
                     "ns=%s: expected names of name servers with commas between, %d at most",
                     value_quote(list, quote), DNS_SERVERS);
            return QHCP_E_PARSE;
        }
    }
    return 0;
}

static int parse_figures(struct dns *d, char *words, size_t words_cap)
{
    const struct sink_args *args = &d->sink.args;
    qhcp_nsec ttl = NSEC_PER_SEC;
    uint64_t most = MOST, rate = address_is_loopback(&d->addr) ? 0 : RATE;
    int r = sink_args_duration(args, "ttl", NSEC_PER_SEC, TTL_MOST, &ttl, words, words_cap);

    if (r == 0)
        r = sink_args_count(args, "most", 1, DNS_ZONE_MOST, &most, words, words_cap);
    if (r == 0)
        r = sink_args_count(args, "rate", 0, RATE_MOST, &rate, words, words_cap);
    d->answerer.ttl = (uint32_t)(ttl / NSEC_PER_SEC);
    d->answerer.zone.most = (unsigned)most;
    d->limit.rate = (uint32_t)rate;
    return r;
}

static int parse_empty(struct dns *d, char *words, size_t words_cap)
{
    const char *empty = sink_args_get(&d->sink.args, "empty");
    char quote[VALUE_QUOTE + 8];

    d->answerer.zone.fail_open = !empty || strcmp(empty, "all") == 0;
    if (d->answerer.zone.fail_open || strcmp(empty, "none") == 0)
        return 0;
    snprintf(words, words_cap, "empty=%s: use all or none", value_quote(empty, quote));
    return QHCP_E_PARSE;
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct dns *d = (struct dns *)s;
    int r = address_parse_listen(s->args.argv[0], &d->addr, words, words_cap);

    if (r == 0)
        r = parse_zone(d, words, words_cap);
    if (r == 0)
        r = parse_servers(d, words, words_cap);
    if (r == 0)
        r = parse_empty(d, words, words_cap);
    if (r == 0)
        r = parse_figures(d, words, words_cap);
    return r;
}

/* ---- answering ---- */

static size_t answer(void *ctx, qhcp_nsec now, const union qhcp_addr *from, bool tcp,
                     const uint8_t *query, size_t n, uint8_t *ret, size_t cap)
{
    struct dns *d = ctx;

    /* Who answers by TCP has the address that it says.  Of the others each second one is told to
     * come by TCP, in as many bytes as it sent, so that an honest one beside a forger is served. */
    if (!tcp && !dns_limit_take(&d->limit, now, from))
        return d->limited++ % 2 == 0 ? dns_answer_truncated(query, n, ret, cap) : 0;
    return dns_answer(&d->answerer, query, n, tcp, ret, cap);
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct dns *d = (struct dns *)s;
    struct dns_port_config config = {.loop = s->loop, .addr = d->addr, .answer = answer, .ctx = d};
    bool loopback = address_is_loopback(&d->addr);
    int r;

    (void)now;
    d->answerer.self = d->addr;
    if (entropy_fill(&d->limit.seed, sizeof d->limit.seed) != 0 ||
        entropy_fill(&d->answerer.zone.turn, sizeof d->answerer.zone.turn) != 0) {
        snprintf(words, words_cap, "the kernel gives no random numbers");
        return QHCP_E_INTERNAL;
    }
    config.each = loopback ? DNS_CONNECTIONS : EACH;
    r = dns_port_begin(&d->port, &config, words, words_cap);
    if (r == 0 && !loopback)
        sink_say(s, QHCP_LOG_WARNING,
                 "other machines may reach that address, and learn the addresses of all servers; "
                 "one network gets %u answers a second by UDP",
                 (unsigned)d->limit.rate);
    return r;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    struct dns *d = (struct dns *)s;

    if (!dns_hosts_see(&d->answerer.zone, view))
        sink_failed(s, now, "out of memory: some servers are not in the zone");
    else
        sink_did(s, now);
    dns_answer_changed(&d->answerer, view->snapshot->at_ms);
}

static void stop(struct sink *s)
{
    dns_port_end(&((struct dns *)s)->port);
}

static void deinit(struct sink *s)
{
    dns_zone_deinit(&((struct dns *)s)->answerer.zone);
}

const struct sink_kind sink_dns = {
    .name = "dns",
    .usage = "dns [ADDRESS:]PORT zone=NAME [ttl=1s] [ns=NAME,...] [empty=all|none] [most=64] "
             "[rate=200]",
    .size = sizeof(struct dns),
    .least = 1,
    .most = 1,
    .settings = "zone ttl ns empty most rate",
    .figures = true,
    .parse = parse,
    .start = start,
    .settle = settle,
    .stop = stop,
    .deinit = deinit,
};
