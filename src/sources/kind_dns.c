/* dns: every address (A and AAAA) of a name.  srv: every target of a name's SRV records (RFC 2782),
 * with its port, and its priority and weight as ours.
 *
 * A name is asked for again when its answer's time to live has passed.  A broken answer, or half of
 * one (A without AAAA), is no answer: a server must not go because a packet was lost. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "loop/ask.h"
#include "sources/source_kind.h"
#include "sources/sources.h"
#include "sources/weigh.h"

#define TTL_MIN NSEC_PER_SEC /* a TTL of 0 means "now", not "all the time" */
#define TTL_MAX (300 * NSEC_PER_SEC)
#define TIMEOUT (15 * NSEC_PER_SEC) /* c-ares asks each server twice, within 6 s */
#define RETRY_MIN NSEC_PER_SEC
#define RETRY_MAX (30 * NSEC_PER_SEC)

struct dns {
    struct ask *ask;
    struct source *source;
    struct address address; /* dns: name and port; srv: the name */
    unsigned waiting;       /* answers that are still to come */
    bool failed;            /* one of them did; words say why */
    struct list found;
    uint32_t ttl;    /* seconds, the least */
    qhcp_nsec retry; /* after a failure: how long until the next look */
    char words[200];
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* DNS servers turn the order of their records; a list in another order is no news. */
static void sort(struct list *l)
{
    size_t kept = 0;

    if (l->n > 1)
        qsort(l->at, l->n, sizeof *l->at, by_text);
    for (size_t i = 0; i < l->n; i++) {
        if (kept > 0 && strcmp(l->at[kept - 1], l->at[i]) == 0)
            free(l->at[i]);
        else
            l->at[kept++] = l->at[i];
    }
    l->n = kept;
}

static void answered(struct dns *d, qhcp_nsec now)
{
    struct source *s = d->source;
    qhcp_nsec ttl = nsec_min(nsec_max(d->ttl * NSEC_PER_SEC, TTL_MIN), TTL_MAX);

    if (!d->failed && d->found.n == 0) {
        d->failed = true;
        snprintf(d->words, sizeof d->words, "the name has no %s",
                 s->spec.kind == &kind_srv ? "SRV record" : "address");
    }
    s->look_at = nsec_add(now, d->failed ? d->retry : ttl);
    if (d->failed) {
        d->retry = nsec_min(2 * d->retry, RETRY_MAX);
        source_fail(s, now, "cannot resolve %s: %s", d->address.host, d->words);
    } else {
        d->retry = RETRY_MIN;
        sort(&d->found);
        source_yield(s, now, &d->found);
    }
    list_deinit(&d->found);
}

static void add(struct dns *d, const char *entry)
{
    if (list_add(&d->found, entry, strlen(entry), NULL) == 0)
        return;
    d->failed = true;
    snprintf(d->words, sizeof d->words, "out of memory, or more than %u servers", LIST_MAX);
}

static void add_addresses(struct dns *d, const struct records *records)
{
    char entry[ADDRESS_TEXT];

    for (size_t i = 0; i < records->n; i++) {
        union qhcp_addr addr = records->at[i].addr;

        if (addr.sa.sa_family == AF_INET6)
            addr.in6.sin6_port = htons(d->address.port);
        else
            addr.in.sin_port = htons(d->address.port);
        address_format(&addr, entry, sizeof entry);
        add(d, entry);
    }
}

static void add_targets(struct dns *d, const struct records *records)
{
    char entry[RECORDS_NAME + 60];

    weigh(records->at, records->n);
    for (size_t i = 0; i < records->n; i++) {
        const struct record *one = &records->at[i];

        if (one->name[0] == '\0') /* "decidedly not available", RFC 2782 */
            continue;
        snprintf(entry, sizeof entry, "%s:%u weight=%u priority=%u", one->name, one->port,
                 one->weight, one->priority);
        add(d, entry);
    }
}

static void on_answer(void *ctx, enum records_type type, const struct records *records,
                      const char *words)
{
    struct dns *d = ctx;

    d->waiting--;
    if (!records && !d->failed) {
        d->failed = true;
        snprintf(d->words, sizeof d->words, "%s", words);
    } else if (records && records->n > 0) {
        d->ttl = records->ttl < d->ttl ? records->ttl : d->ttl;
        if (type == RECORDS_SRV)
            add_targets(d, records);
        else
            add_addresses(d, records);
    }
    if (d->waiting == 0)
        answered(d, loop_now());
}

static void ask(struct dns *d, bool srv)
{
    d->waiting = srv ? 1 : 2;
    d->failed = false;
    d->ttl = UINT32_MAX;
    if (srv) {
        ask_start(d->ask, d->address.host, RECORDS_SRV);
        return;
    }
    ask_start(d->ask, d->address.host, RECORDS_A);
    ask_start(d->ask, d->address.host, RECORDS_AAAA);
}

/* It is asked for, or nobody has answered in time. */
static void look(struct source *s, qhcp_nsec now)
{
    struct dns *d = s->self;

    if (d->waiting == 0) {
        s->look_at = nsec_add(now, s->spec.timeout);
        ask(d, s->spec.kind == &kind_srv);
        return;
    }
    d->failed = true;
    snprintf(d->words, sizeof d->words, "no DNS server answers");
    ask_cancel(d->ask);
}

static int check_resolver(const struct source_spec *spec, char *words, size_t words_cap)
{
    struct address a;
    union qhcp_addr alone;

    if (!spec->resolver || address_parse_ip(spec->resolver, 53, &alone, words, words_cap) == 0)
        return 0;
    if (address_parse(spec->resolver, &a, words, words_cap) == 0 && a.literal)
        return 0;
    snprintf(words, words_cap, "resolver=%.80s: expected an IP address, or ADDRESS:PORT",
             spec->resolver);
    return QHCP_E_PARSE;
}

static int read_name(const struct source_spec *spec, struct address *ret, char *words,
                     size_t words_cap)
{
    char text[ADDRESS_HOST + 16];
    int r = check_resolver(spec, words, words_cap);

    if (r < 0)
        return r;
    if (spec->kind != &kind_srv)
        r = address_parse(spec->argv[0], ret, words, words_cap);
    else if (strlen(spec->argv[0]) >= ADDRESS_HOST || strchr(spec->argv[0], ':'))
        r = QHCP_E_PARSE;
    else if (snprintf(text, sizeof text, "%s:1", spec->argv[0]) > 0)
        r = address_parse(text, ret, words, words_cap);
    if (r < 0 && spec->kind != &kind_srv)
        return r;
    if (r == 0 && !ret->literal)
        return 0;
    snprintf(words, words_cap, "\"%.80s\" is not a name: use %s", spec->argv[0], spec->kind->usage);
    return QHCP_E_PARSE;
}

static int check(const struct source_spec *spec, char *words, size_t words_cap)
{
    struct address ignored;

    return read_name(spec, &ignored, words, words_cap);
}

static int begin(struct source *s, qhcp_nsec now)
{
    struct dns *d = calloc(1, sizeof *d);
    char ignored[200];
    int r = d ? read_name(&s->spec, &d->address, ignored, sizeof ignored) : QHCP_E_NOMEM;

    (void)now;
    if (r == 0)
        r = ask_new(sources_loop(s->all), s->spec.resolver, on_answer, d, &d->ask);
    if (r < 0) {
        free(d);
        return r;
    }
    d->source = s;
    d->retry = RETRY_MIN;
    s->self = d;
    return 0;
}

static void end(struct source *s)
{
    struct dns *d = s->self;

    ask_free(d->ask);
    list_deinit(&d->found);
    free(d);
}

const struct source_kind kind_dns = {.name = "dns",
                                     .usage = "dns NAME:PORT [resolver=ADDRESS[:PORT]]",
                                     .arguments = 1,
                                     .settings = SOURCE_SET_RESOLVER | SOURCE_SET_TIMEOUT,
                                     .timeout = TIMEOUT,
                                     .check = check,
                                     .begin = begin,
                                     .look = look,
                                     .end = end};

const struct source_kind kind_srv = {.name = "srv",
                                     .usage = "srv _qhcp._udp.NAME [resolver=ADDRESS[:PORT]]",
                                     .arguments = 1,
                                     .settings = SOURCE_SET_RESOLVER | SOURCE_SET_TIMEOUT,
                                     .timeout = TIMEOUT,
                                     .check = check,
                                     .begin = begin,
                                     .look = look,
                                     .end = end};
