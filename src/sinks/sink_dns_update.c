/* dns-update: writes the addresses of the servers in use into a zone of somebody's name server, by
 * DNS UPDATE (RFC 2136), signed with a key (TSIG).
 *
 * Each message replaces all A and AAAA records of one name, whole or not at all, and is sent when
 * they are to be others than the name server has confirmed last.  By TCP, one at a time; a failure
 * is tried again, at first after a second. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/os/clock.h"
#include "base/os/entropy.h"
#include "base/os/file.h"
#include "base/value.h"
#include "sinks/dns_hosts.h"
#include "sinks/dns_tsig.h"
#include "sinks/sink_file.h"
#include "sinks/sink_kinds.h"
#include "state/state.h"

#define PORT 53
#define KEY_MOST 4096
#define TTL_MOST (86400 * NSEC_PER_SEC)
#define MOST 64
#define PATIENCE (5 * NSEC_PER_SEC) /* with one update */
#define APART NSEC_PER_SEC          /* between two */
#define RETRY_MOST (60 * NSEC_PER_SEC)
#define MESSAGE 16384 /* bytes of an update: 500 records of 28, and some */

/* The records of the name. */
struct records {
    union qhcp_addr at[2 * DNS_ZONE_MOST];
    size_t n;
};

struct update {
    struct sink sink;
    union qhcp_addr server;
    struct dns_name zone, name;
    const char *key_file;
    char of[DNS_ZONE_LABEL]; /* a name, a tag or a service; "": all servers */
    uint32_t ttl;
    struct dns_zone hosts;
    struct loop_part part;
    struct loop_watch watch;
    int fd;                            /* -1: nothing is on the way */
    qhcp_nsec until, next, wait;       /* of what is on the way; the next try; after a failure */
    struct records wanted, sent, done; /* done: what the name server has confirmed */
    struct sink_first first;
    bool known, confirmed;
    struct dns_tsig_key key;
    struct dns_tsig_mac mac;
    uint16_t id;
    uint8_t message[2 + MESSAGE];
    size_t n, at; /* of message: to be written; then what has been read of the answer */
    bool reading;
};

/* ---- words ---- */

static int parse_name(struct update *u, const char *key, struct dns_name *ret, char *words,
                      size_t words_cap)
{
    const char *text = sink_args_get(&u->sink.args, key);
    char quote[VALUE_QUOTE + 8];

    if (text && dns_name_parse(text, ret))
        return 0;
    if (text)
        snprintf(words, words_cap, "%s=%s is not a name of DNS", key, value_quote(text, quote));
    else
        snprintf(words, words_cap, "%s= is missing: see SINKS in qhcp-lb(1)", key);
    return QHCP_E_ARG;
}

/* "192.0.2.53", "192.0.2.53:53": no name, which would have to be resolved first. */
static int parse_server(struct update *u, char *words, size_t words_cap)
{
    const char *text = u->sink.args.argv[0];
    struct address a;
    char ignored[200], quote[VALUE_QUOTE + 8];

    if (address_parse_ip(text, PORT, &u->server, ignored, sizeof ignored) == 0)
        return 0;
    if (address_parse(text, &a, ignored, sizeof ignored) == 0 && a.literal) {
        u->server = a.addr;
        return 0;
    }
    snprintf(words, words_cap,
             "%s is not the address of a name server, as 192.0.2.53 or 192.0.2.53:53",
             value_quote(text, quote));
    return QHCP_E_PARSE;
}

static int parse_rest(struct update *u, char *words, size_t words_cap)
{
    const struct sink_args *args = &u->sink.args;
    const char *empty = sink_args_get(args, "empty"), *of = sink_args_get(args, "servers");
    char quote[VALUE_QUOTE + 8];
    qhcp_nsec ttl = 5 * NSEC_PER_SEC;
    uint64_t most = MOST;
    int r = sink_args_duration(args, "ttl", NSEC_PER_SEC, TTL_MOST, &ttl, words, words_cap);

    if (r == 0)
        r = sink_args_count(args, "most", 1, DNS_ZONE_MOST, &most, words, words_cap);
    u->ttl = (uint32_t)(ttl / NSEC_PER_SEC);
    u->hosts.most = (unsigned)most;
    u->key_file = sink_args_get(args, "key-file");
    u->hosts.fail_open = !empty || strcmp(empty, "all") == 0;
    if (r == 0 && empty && !u->hosts.fail_open && strcmp(empty, "none") != 0) {
        snprintf(words, words_cap, "empty=%s: use all or none", value_quote(empty, quote));
        r = QHCP_E_PARSE;
    }
    if (r == 0 && of && !dns_zone_label(of, strlen(of), u->of)) {
        snprintf(words, words_cap, "servers=%s: use 1 to 63 bytes", value_quote(of, quote));
        r = QHCP_E_PARSE;
    }
    if (r == 0 && !u->key_file) {
        snprintf(words, words_cap,
                 "key-file= is missing: a name server takes changes from who has its TSIG key");
        r = QHCP_E_ARG;
    }
    return r;
}

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct update *u = (struct update *)s;
    size_t below;
    int r = parse_server(u, words, words_cap);

    u->fd = -1;
    if (r == 0)
        r = parse_name(u, "zone", &u->zone, words, words_cap);
    if (r == 0)
        r = parse_name(u, "name", &u->name, words, words_cap);
    if (r == 0)
        r = parse_rest(u, words, words_cap);
    if (r == 0 && !dns_name_is_below(&u->name, &u->zone, &below)) {
        snprintf(words, words_cap, "name=%s is not in zone=%s", sink_args_get(&s->args, "name"),
                 sink_args_get(&s->args, "zone"));
        r = QHCP_E_ARG;
    }
    return r;
}

/* ---- what is wanted ---- */

static int compare(const void *a, const void *b)
{
    const union qhcp_addr *x = a, *y = b;

    if (x->sa.sa_family != y->sa.sa_family)
        return x->sa.sa_family < y->sa.sa_family ? -1 : 1;
    if (x->sa.sa_family == AF_INET)
        return memcmp(&x->in.sin_addr, &y->in.sin_addr, sizeof x->in.sin_addr);
    return memcmp(&x->in6.sin6_addr, &y->in6.sin6_addr, sizeof x->in6.sin6_addr);
}

static void want(struct update *u)
{
    const struct dns_host *hosts[DNS_ZONE_MOST];
    static const int families[] = {AF_INET, AF_INET6};

    u->wanted.n = 0;
    for (size_t f = 0; f < 2; f++) {
        size_t n;

        u->hosts.turn = 0;
        n = dns_zone_pick(&u->hosts, u->of, families[f], hosts);
        for (size_t i = 0; i < n; i++)
            u->wanted.at[u->wanted.n++] = hosts[i]->at;
    }
    qsort(u->wanted.at, u->wanted.n, sizeof u->wanted.at[0], compare);
}

static bool same(const struct records *a, const struct records *b)
{
    for (size_t i = 0; a->n == b->n && i < a->n; i++)
        if (compare(&a->at[i], &b->at[i]) != 0)
            return false;
    return a->n == b->n;
}

/* Nobody knows an address to write, after a start say: what is there is better than nothing. */
static bool stays(const struct update *u)
{
    return u->known && u->wanted.n == 0 && u->hosts.fail_open;
}

static bool is_due(const struct update *u)
{
    return u->known && !stays(u) && (!u->confirmed || !same(&u->wanted, &u->done));
}

/* ---- one update ---- */

static void put_record(struct dns_out *o, const struct update *u, const union qhcp_addr *addr)
{
    bool four = addr->sa.sa_family == AF_INET;
    size_t record;

    dns_out_bytes(o, u->name.at, u->name.n);
    record = dns_out_record(o, four ? DNS_A : DNS_AAAA, DNS_IN, u->ttl);
    if (four)
        dns_out_bytes(o, &addr->in.sin_addr, sizeof addr->in.sin_addr);
    else
        dns_out_bytes(o, &addr->in6.sin6_addr, sizeof addr->in6.sin6_addr);
    dns_out_end(o, record);
}

/* All records of these two types go, and others come (RFC 2136, 2.5.2 and 2.5.1). */
static void put_update(struct dns_out *o, const struct update *u)
{
    static const uint16_t types[] = {DNS_A, DNS_AAAA};

    dns_out_bytes(o, u->zone.at, u->zone.n);
    dns_out_u16(o, DNS_SOA);
    dns_out_u16(o, DNS_IN);
    dns_out_count(o, 0, 1);
    for (size_t i = 0; i < 2; i++) {
        dns_out_bytes(o, u->name.at, u->name.n);
        dns_out_record(o, types[i], DNS_CLASS_ANY, 0);
    }
    for (size_t i = 0; i < u->wanted.n; i++)
        put_record(o, u, &u->wanted.at[i]);
    dns_out_count(o, 2, (uint16_t)(2 + u->wanted.n));
}

/* The key is read each time: it may have been changed. */
static int read_key(struct sink *s, char *words, size_t words_cap)
{
    struct update *u = (struct update *)s;
    char *text, why[SINK_WORDS];
    size_t n;
    int r = state_read_file(u->key_file, true, KEY_MOST, &text, &n, words, words_cap);

    if (r != 0)
        return r;
    r = dns_tsig_parse(text, &u->key, why, sizeof why);
    if (r != 0)
        snprintf(words, words_cap, "%s %s", u->key_file, why);
    file_wipe(text, n);
    return r;
}

static int make_message(struct update *u, char *words, size_t words_cap)
{
    struct dns_out o;
    int r = read_key(&u->sink, words, words_cap);

    if (r != 0)
        return r;
    r = entropy_fill(&u->id, sizeof u->id);
    dns_out_begin(&o, u->message + 2, MESSAGE, u->id, DNS_UPDATE << 11);
    put_update(&o, u);
    if (r == 0)
        r = dns_tsig_sign(&o, &u->key, clock_unix(NULL), &u->mac);
    if (r != 0 || o.full) {
        snprintf(words, words_cap, "the update cannot be signed");
        return QHCP_E_INTERNAL;
    }
    u->message[0] = (uint8_t)(o.n >> 8);
    u->message[1] = (uint8_t)o.n;
    u->n = 2 + o.n;
    u->at = 0;
    u->sent = u->wanted;
    return 0;
}

static void hang_up(struct update *u)
{
    if (u->fd < 0)
        return;
    loop_unwatch(&u->watch);
    close(u->fd);
    u->fd = -1;
}

static void failed(struct update *u, qhcp_nsec now, const char *words)
{
    char to[ADDRESS_TEXT];

    hang_up(u);
    u->wait = u->wait == 0 ? APART : nsec_min(2 * u->wait, RETRY_MOST);
    u->next = nsec_add(now, u->wait);
    address_format(&u->server, to, sizeof to);
    sink_failed(&u->sink, now, "%s: %s", to, words);
}

static void well(struct update *u, qhcp_nsec now)
{
    hang_up(u);
    u->wait = 0;
    u->next = nsec_add(now, APART);
    u->done = u->sent;
    u->confirmed = true;
    sink_holds(&u->sink, is_due(u));
    sink_did(&u->sink, now);
}

/* ---- the answer ---- */

static void answered(struct update *u, qhcp_nsec now, const uint8_t *answer, size_t n)
{
    char words[SINK_WORDS], why[SINK_WORDS - 60];
    unsigned code;
    int r;

    if (n < DNS_HEADER || memcmp(answer, u->message + 2, 2) != 0 || !(answer[2] & 0x80)) {
        failed(u, now, "what answers there is no name server");
        return;
    }
    code = answer[3] & 0xf;
    r = dns_tsig_verify(answer, n, &u->key, &u->mac, clock_unix(NULL), why, sizeof why);
    if (r == 0 && code == DNS_NOERROR) {
        well(u, now);
        return;
    }
    if (r == 0)
        snprintf(words, sizeof words, "the name server answers %s: may the key change that name?",
                 dns_code_name(code));
    else if (code != DNS_NOERROR)
        snprintf(words, sizeof words, "the name server answers %s: %s", dns_code_name(code), why);
    else
        snprintf(words, sizeof words, "%s", why);
    failed(u, now, words);
}

/* (the id of the request is still at the start of message; the answer comes behind it) */
#define ANSWER_AT 4

static bool read_some(struct update *u, qhcp_nsec now)
{
    uint8_t *in = u->message + ANSWER_AT;
    size_t wanted = u->at < 2 ? 2 : 2 + (size_t)(in[0] << 8 | in[1]);
    ssize_t n;

    if (wanted > sizeof u->message - ANSWER_AT) {
        failed(u, now, "what answers there is no name server");
        return false;
    }
    if (u->at >= 2 && u->at == wanted) {
        answered(u, now, in + 2, wanted - 2);
        return false;
    }
    n = recv(u->fd, in + u->at, wanted - u->at, MSG_DONTWAIT);
    if (n <= 0 && !(n < 0 && (errno == EAGAIN || errno == EINTR)))
        failed(u, now, n == 0 ? "the name server hung up" : strerror(errno));
    if (n <= 0)
        return false;
    u->at += (size_t)n;
    return true;
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct update *u = ctx;
    ssize_t n;

    (void)ready;
    while (u->reading && read_some(u, now))
        ;
    if (u->reading || u->fd < 0)
        return;
    n = send(u->fd, u->message + u->at, u->n - u->at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        failed(u, now, strerror(errno)); /* that of the connection, too */
        return;
    }
    u->at += n > 0 ? (size_t)n : 0;
    if (u->at < u->n)
        return;
    u->reading = true;
    u->at = 0;
    loop_watch_change(&u->watch, LOOP_READABLE);
}

static void send_update(struct update *u, qhcp_nsec now)
{
    char words[SINK_WORDS];

    if (make_message(u, words, sizeof words) != 0) {
        failed(u, now, words);
        return;
    }
    u->fd = socket(u->server.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (u->fd < 0 ||
        (connect(u->fd, &u->server.sa, address_len(&u->server)) < 0 && errno != EINPROGRESS)) {
        int error = errno;

        if (u->fd >= 0)
            close(u->fd);
        u->fd = -1;
        failed(u, now, strerror(error));
        return;
    }
    u->reading = false;
    u->until = nsec_add(now, PATIENCE);
    loop_watch(u->sink.loop, &u->watch, u->fd, LOOP_WRITABLE, on_ready, u);
}

/* ---- time ---- */

static qhcp_nsec deadline(void *ctx)
{
    const struct update *u = ctx;

    if (u->fd >= 0)
        return u->until;
    if (!u->known && u->first.until > 0)
        return u->first.until;
    return is_due(u) ? u->next : NSEC_NEVER;
}

/* The whole name is replaced: the first time not before all of it is known. */
static void look(struct update *u, const struct sink_view *view, qhcp_nsec now)
{
    want(u);
    u->known = !sink_first_early(&u->first, &u->sink, view, now);
    if (!u->known)
        return;
    sink_holds(&u->sink, is_due(u));
    if (stays(u))
        sink_failed(&u->sink, now, "no server%s%s has an address that is known: %s stays as it is",
                    u->of[0] ? " of " : "", u->of, sink_args_get(&u->sink.args, "name"));
    else if (u->fd < 0 && !is_due(u) && u->sink.state.failing_since > 0)
        sink_did(&u->sink, now);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct update *u = ctx;
    const struct sink_view *view = u->known ? NULL : sink_look(&u->sink);

    if (view)
        look(u, view, now);
    if (u->fd >= 0 && u->until <= now)
        failed(u, now, "the name server does not answer");
    else if (u->fd < 0 && is_due(u) && u->next <= now)
        send_update(u, now);
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct update *u = (struct update *)s;

    (void)words, (void)words_cap;
    u->next = now;
    u->part =
        (struct loop_part){.name = "dns-update", .ctx = u, .deadline = deadline, .expire = expire};
    loop_add(s->loop, &u->part);
    return 0;
}

static void settle(struct sink *s, const struct sink_view *view, qhcp_nsec now)
{
    struct update *u = (struct update *)s;

    (void)dns_hosts_see(&u->hosts, view); /* (what is left out for lack of memory comes later) */
    look(u, view, now);
}

static void stop(struct sink *s)
{
    struct update *u = (struct update *)s;

    hang_up(u);
    loop_remove(&u->part);
    u->confirmed = false; /* somebody else may write there meanwhile */
}

static void deinit(struct sink *s)
{
    struct update *u = (struct update *)s;

    dns_zone_deinit(&u->hosts);
    explicit_bzero(&u->key, sizeof u->key);
}

const struct sink_kind sink_dns_update = {
    .name = "dns-update",
    .usage = "dns-update ADDRESS[:PORT] zone=NAME name=NAME key-file=PATH [servers=NAME] [ttl=5s] "
             "[empty=all|none] [most=64]",
    .size = sizeof(struct update),
    .least = 1,
    .most = 1,
    .settings = "zone name key-file servers ttl empty most",
    .parse = parse,
    .look = read_key,
    .start = start,
    .settle = settle,
    .stop = stop,
    .deinit = deinit,
};
