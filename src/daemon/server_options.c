#include "daemon/server_options.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "check/spec.h"
#include "daemon/look.h"
#include "metrics/application.h"
#include "metrics/threshold.h"

static int check_ip(const char *text, char *words, size_t words_cap)
{
    union qhcp_addr ignored;

    return address_parse_ip(text, 1, &ignored, words, words_cap);
}

/* "tcp:PORT" or "tcp:HOST:PORT". */
static int check_service(const char *text, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    struct address a;
    uint64_t port;

    if (strlen(text) > LIMIT_SERVICE) {
        snprintf(words, words_cap, "%s is longer than %d bytes", value_quote(text, quote),
                 LIMIT_SERVICE);
        return QHCP_E_ARG;
    }
    if (strncmp(text, "tcp:", 4) != 0) {
        snprintf(words, words_cap, "%s is not a service: use tcp:PORT or tcp:HOST:PORT",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    return strchr(text + 4, ':') ? address_parse(text + 4, &a, words, words_cap)
                                 : value_count(text + 4, "port", 1, 65535, &port, words, words_cap);
}

static int check_listen(const char *text, char *words, size_t words_cap)
{
    union qhcp_addr ignored;

    return address_parse_listen(text, &ignored, words, words_cap);
}

static int check_application(const char *text, char *words, size_t words_cap)
{
    struct spec ignored;

    return spec_parse(text, false, &ignored, words, words_cap);
}

static int check_pid(const char *text, char *words, size_t words_cap)
{
    struct spec ignored;

    return spec_pid(text, &ignored, words, words_cap);
}

static int check_unit(const char *text, char *words, size_t words_cap)
{
    struct spec ignored;

    return spec_unit(text, &ignored, words, words_cap);
}

/* Whether there is a metric of this name is looked at when all options are known: --metrics may
 * come after --degraded. */
static bool any_metric(const void *ctx, const char *name, unsigned *ret_unit)
{
    (void)ctx;
    *ret_unit = application_unit(name);
    return true;
}

static int check_threshold(const char *text, char *words, size_t words_cap)
{
    struct threshold ignored;

    return threshold_parse(text, any_metric, NULL, &ignored, words, words_cap);
}

/* The server's metrics: the registered ones, and those of --metrics. */
static bool own_metric(const void *ctx, const char *name, unsigned *ret_unit)
{
    const struct list *own = ctx;

    for (size_t i = 0; i < own->n; i++)
        if (strcmp(own->at[i], name) == 0)
            return any_metric(NULL, name, ret_unit);
    return threshold_registered(NULL, name, ret_unit);
}

static void check_rules(const struct server_options *o, struct faults *f)
{
    struct threshold rule;
    char why[300];

    for (size_t i = 0; i < o->degraded.n; i++) {
        const struct place at = list_place(&o->degraded, i, "degraded");
        int r = threshold_parse(o->degraded.at[i], own_metric, &o->metrics, &rule, why, sizeof why);

        if (r < 0)
            faults_add(f, &at, r, "%s", why);
    }
}

static int parse_application(const char *text, struct spec *ret, char *words, size_t words_cap)
{
    return spec_parse(text, false, ret, words, words_cap);
}

void server_options_checks(const struct server_options *o,
                           struct server_checks ret[SERVER_CHECK_OPTIONS])
{
    ret[0] = (struct server_checks){"check", &o->check, parse_application};
    ret[1] = (struct server_checks){"watch-pid", &o->watch_pid, spec_pid};
    ret[2] = (struct server_checks){"watch-unit", &o->watch_unit, spec_unit};
}

/* No two checks have one name; `n` have these already.  How many have one then. */
static size_t add_names(const struct server_checks *c, char names[][LIMIT_NAME + 1], size_t n,
                        struct faults *f)
{
    struct spec spec;
    char ignored[300];

    for (size_t i = 0; i < c->list->n; i++, n++) {
        const struct place at = list_place(c->list, i, c->option);

        (void)c->parse(c->list->at[i], &spec, ignored, sizeof ignored); /* it was checked before */
        for (size_t k = 0; k < n; k++)
            if (strcmp(names[k], spec.name) == 0)
                faults_add(
                    f, &at, QHCP_E_EXISTS,
                    "two checks have the name \"%s\": tell them apart with name=", spec.name);
        memcpy(names[n], spec.name, sizeof names[n]);
    }
    return n;
}

static void check_names(const struct server_options *o, struct faults *f)
{
    char names[LIMIT_CHECKS][LIMIT_NAME + 1];
    struct server_checks checks[SERVER_CHECK_OPTIONS];
    const struct place at = options_place(&o->head, &o->check);
    size_t n = 0;

    if (o->check.n + o->watch_pid.n + o->watch_unit.n > LIMIT_CHECKS) {
        faults_add(f, &at, QHCP_E_FULL, "with watch-pid and watch-unit more than %d in all",
                   LIMIT_CHECKS);
        return;
    }
    server_options_checks(o, checks);
    for (size_t i = 0; i < SERVER_CHECK_OPTIONS; i++)
        n = add_names(&checks[i], names, n, f);
}

static void check(const struct options *options, struct faults *f)
{
    const struct server_options *o = (const struct server_options *)options;

    options_check_pair(&o->head, &o->key_file, &o->cert_file, f);
    check_rules(o, f);
    check_names(o, f);
}

#define ROW(...) OPTIONS_ROW(struct server_options, __VA_ARGS__)
static const struct options_row rows[] = {SERVER_OPTIONS(ROW)};

const struct options_table server_options_table = OPTIONS_TABLE(struct server_options, check);

void server_options_look(const struct options *options, struct faults *f)
{
    const struct server_options *o = (const struct server_options *)options;

    look_certificate(options, &o->cert_file, f);
    look_certificate(options, &o->client_ca, f);
    look_key(options, &o->key_file, f);
}
