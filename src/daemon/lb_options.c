#include "daemon/lb_options.h"

#include <stdio.h>
#include <string.h>

#include "balance/balance.h"
#include "base/value.h"
#include "check/spec.h"
#include "daemon/capacity.h"
#include "daemon/destination.h"
#include "daemon/look.h"
#include "sources/listed.h"
#include "sources/servers.h"

#define WHY 600
#define NO_PANIC 101 /* per cent: there are always fewer */

static int check_probe(const char *text, char *words, size_t words_cap)
{
    struct spec ignored;

    return spec_probe(text, &ignored, words, words_cap);
}

static int read_brake(const char *text, unsigned *ret_percent, qhcp_nsec *ret_span, char *words,
                      size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], number[8];
    size_t n = strspn(text, "0123456789");
    const char *end = text[n] == '%' ? text + n + 1 : text + n;
    uint64_t percent = 0;
    qhcp_nsec span = 60 * NSEC_PER_SEC;
    int r = 0;

    if (n == 0 || n >= sizeof number || (*end != '\0' && *end != '/')) {
        snprintf(words, words_cap,
                 "%s is not a brake: use PERCENT%% or PERCENT%%/DURATION, as 20%%/1m",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    snprintf(number, sizeof number, "%.*s", (int)n, text);
    r = value_count(number, "percentage", 1, 100, &percent, words, words_cap);
    if (r == 0 && *end == '/')
        r = value_duration(end + 1, NSEC_PER_SEC, OPTIONS_DAY, &span, words, words_cap);
    *ret_percent = (unsigned)percent;
    *ret_span = span;
    return r;
}

int lb_options_check_brake(const char *text, char *words, size_t words_cap)
{
    unsigned percent;
    qhcp_nsec span;

    return read_brake(text, &percent, &span, words, words_cap);
}

static int check_network(const char *text, char *words, size_t words_cap)
{
    struct destination_net ignored;

    return destination_net_parse(text, &ignored, words, words_cap);
}

static int check_ip(const char *text, char *words, size_t words_cap)
{
    union qhcp_addr ignored;

    return address_parse_ip(text, 0, &ignored, words, words_cap);
}

static int check_metric(const char *text, char *words, size_t words_cap)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    char quote[VALUE_QUOTE + 8];
    size_t n = strlen(text);

    if (n > 0 && n <= LIMIT_NAME && strspn(text, allowed) == n)
        return 0;
    snprintf(words, words_cap, "%s is not a metric's name: use 1 to %d of a-z, 0-9 and _",
             value_quote(text, quote), LIMIT_NAME);
    return QHCP_E_ARG;
}

int lb_options_check_admin(const char *text, char *words, size_t words_cap)
{
    struct admin_address ignored;

    return strcmp(text, "off") == 0 ? 0 : admin_address_parse(text, &ignored, words, words_cap);
}

int lb_options_bind(const struct lb_options *o, union qhcp_addr ret[2], char *words,
                    size_t words_cap)
{
    int r = 0;

    ret[0] = ret[1] = (union qhcp_addr){0};
    for (size_t i = 0; i < o->bind.n && r == 0; i++)
        r = address_parse_ip(o->bind.at[i], 0, &ret[i], words, words_cap);
    if (r == 0 && o->bind.n == 2 && ret[0].sa.sa_family == ret[1].sa.sa_family) {
        snprintf(words, words_cap, "expected at most one IPv4 and one IPv6 address");
        r = QHCP_E_EXISTS;
    }
    return r;
}

static void check_servers(const struct lb_options *o, struct faults *f)
{
    struct place at = options_place(&o->head, &o->servers);

    at.option = NULL;
    if (o->servers.n > 0)
        (void)servers_check(&o->servers, "servers", f);
    else if (!options_given(&o->head, &o->servers) && o->sources.n == 0 &&
             !options_given(&o->head, &o->from_haproxy))
        faults_add(
            f, &at, QHCP_E_ARG,
            "%s is missing: name the servers to watch, as in %s, or where they come from (%s)",
            at.file ? "servers" : "--servers",
            at.file ? "servers: [localhost:4243]" : "--servers localhost:4243",
            at.file ? "sources" : "--source");
}

/* Where sink i stands. */
static struct place sink_place(const struct lb_options *o, size_t i)
{
    return list_place(&o->sinks, i, options_place(&o->head, &o->sinks).option);
}

static void check_sinks(const struct lb_options *o, struct faults *f)
{
    char why[WHY];

    for (size_t i = 0; i < o->sinks.n; i++) {
        int r = sink_check_beside(o->sinks.at, i, why, sizeof why);
        const struct place at = sink_place(o, i);

        if (r < 0)
            faults_add(f, &at, r, "%s", why);
    }
}

static void check(const struct options *options, struct faults *f)
{
    const struct lb_options *o = (const struct lb_options *)options;
    struct place at = options_place(&o->head, &o->take_over);
    union qhcp_addr bind[2];
    char why[WHY];
    int r;

    options_check_pair(&o->head, &o->client_cert, &o->client_key, f);
    options_check_pair(&o->head, &o->admin_cert, &o->admin_key, f);
    check_servers(o, f);
    at.option = NULL;
    if (o->take_over && o->no_forward)
        faults_add(f, &at, QHCP_E_ARG, "--take-over and --no-forward exclude each other");
    check_sinks(o, f);
    r = lb_options_bind(o, bind, why, sizeof why);
    at = options_place(&o->head, &o->bind);
    if (r < 0)
        faults_add(f, &at, r, "%s", why);
}

#define ROW(...) OPTIONS_ROW(struct lb_options, __VA_ARGS__)
static const struct options_row rows[] = {LB_OPTIONS(ROW)};

const struct options_table lb_options_table = OPTIONS_TABLE(struct lb_options, check);

void lb_options_look(const struct options *options, struct faults *f)
{
    const struct lb_options *o = (const struct lb_options *)options;
    char why[WHY];

    look_certificate(options, &o->cert_file, f);
    look_certificate(options, &o->client_cert, f);
    look_key(options, &o->client_key, f);
    for (size_t i = 0; i < o->sinks.n; i++) {
        const struct place at = sink_place(o, i);

        if (sink_look_files(o->sinks.at[i], why, sizeof why) < 0)
            faults_add(f, &at, QHCP_E_IO, "%s", why);
    }
}

qhcp_nsec lb_options_liveness(const struct lb_options *o)
{
    return o->liveness_interval > 0 ? o->liveness_interval
                                    : nsec_min(o->check_interval, NSEC_PER_SEC);
}

qhcp_nsec lb_options_status_interval(const struct lb_options *o)
{
    return o->status_interval > 0 ? o->status_interval : nsec_max(o->check_interval, NSEC_PER_SEC);
}

/* An option whose 0 means "none". */
static qhcp_nsec or_off(qhcp_nsec duration)
{
    return duration > 0 ? duration : QHCP_OFF;
}

struct qhcp_lb_config lb_options_config(const struct lb_options *o)
{
    unsigned percent = 0;
    qhcp_nsec span = 0;
    char ignored[WHY];

    if (o->brake)
        (void)read_brake(o->brake, &percent, &span, ignored, sizeof ignored);
    return (struct qhcp_lb_config){
        .id = o->id,
        .max_fail_attempts = (unsigned)o->max_fail_attempts,
        .rise = (unsigned)o->rise,
        .brake_percent = percent,
        .brake_span = span,
        .panic_threshold = NO_PANIC, /* the fleet judges it: feed.c, judge_panic */
        .flap_hold = or_off(o->flap_hold),
        .slow_start = or_off(o->slow_start),
        .liveness_interval = lb_options_liveness(o),
        .liveness = o->liveness == 0 ? QHCP_LIVENESS_ASK : QHCP_LIVENESS_LISTEN,
        .min_silence = o->min_silence,
        .check_interval = o->check_interval,
        .max_drain = o->max_drain,
        .reconnect_interval = o->reconnect_interval,
        .metrics = (const char *const *)o->metrics.at,
        .n_metrics = o->metrics.n,
        .cert_file = o->cert_file,
        .client_cert_file = o->client_cert,
        .client_key_file = o->client_key,
        .token_file = o->token_file,
        .insecure = o->insecure,
    };
}

struct proxy_config lb_options_proxy(const struct lb_options *o)
{
    struct capacity capacity = capacity_find(o);
    struct proxy_config c = {.port = o->port,
                             .threads = capacity_threads(o),
                             .max_connections = capacity.connections,
                             .max_pipes = capacity.pipes,
                             .max_per_source = o->max_per_source,
                             .connect_timeout = o->connect_timeout,
                             .idle_timeout = o->idle_timeout,
                             .half_close_timeout = o->half_close_timeout,
                             .hold = o->hold,
                             .client_keep_alive = o->client_keep_alive,
                             .server_keep_alive = o->server_keep_alive,
                             .send_proxy_v2 = o->send_proxy_v2,
                             .algorithm = balance_at(o->balance)};
    char ignored[WHY];

    (void)lb_options_bind(o, c.bind, ignored, sizeof ignored);
    if (c.max_per_source == 0)
        c.max_per_source = c.max_connections / 2 + 1;
    return c;
}
