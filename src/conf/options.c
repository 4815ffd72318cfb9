#include "conf/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/value.h"
#include "check/spec.h"
#include "cli/check_rules.h"
#include "daemon/forward_config.h"
#include "daemon/route.h"
#include "metrics/report.h"
#include "metrics/threshold.h"
#include "sources/servers.h"

static const struct options_row rows[] = {
#define OPTIONS_ROW(id_, name_, kind_, commands_, arg_, def_, min_, max_, live_, doc_)             \
    [OPTION_##id_] = {.id = OPTION_##id_,                                                          \
                      .name = (name_),                                                             \
                      .kind = OPTIONS_##kind_,                                                     \
                      .commands = (commands_),                                                     \
                      .arg = (arg_),                                                               \
                      .def = (def_),                                                               \
                      .min = (min_),                                                               \
                      .max = (max_),                                                               \
                      .live = (live_),                                                             \
                      .doc = (doc_)},
    OPTIONS(OPTIONS_ROW)
#undef OPTIONS_ROW
};

char options_letter(enum options_id id)
{
    static const char letters[OPTIONS_COUNT] = {
        [OPTION_HOSTNAME] = 'H', [OPTION_HOST_PORT] = 'p', [OPTION_TIMEOUT] = 't',
        [OPTION_WARNING] = 'w',  [OPTION_CRITICAL] = 'c',
    };

    return letters[id];
}

const struct options_row *options_rows(void)
{
    return rows;
}

bool options_repeatable(const struct options_row *row)
{
    return row->kind == OPTIONS_LIST || row->kind == OPTIONS_ITEM;
}

const struct options_row *options_find(enum options_command command, const char *name)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++)
        if ((rows[i].commands & command) && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static int set_file(const char *text, bool no_files, struct options_value *v, char *words,
                    size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    struct stat st;

    if (text[0] == '\0') {
        snprintf(words, words_cap, "the file name is empty; leave the option out for the default");
        return QHCP_E_ARG;
    }
    if (!no_files) {
        if (stat(text, &st) < 0 || access(text, R_OK) < 0) {
            snprintf(words, words_cap, "%s: %s", value_quote(text, quote), strerror(errno));
            return QHCP_E_IO;
        }
        if (!S_ISREG(st.st_mode)) {
            snprintf(words, words_cap, "%s is not a regular file", value_quote(text, quote));
            return QHCP_E_IO;
        }
    }
    v->text = strdup(text);
    return v->text ? 0 : QHCP_E_NOMEM;
}

static int set_text(const struct options_row *row, const char *text, struct options_value *v,
                    char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    size_t n = strlen(text);

    if (n < row->min || n > row->max) {
        snprintf(words, words_cap, "%s is %zu bytes long: %llu to %llu are allowed",
                 value_quote(text, quote), n, (unsigned long long)row->min,
                 (unsigned long long)row->max);
        return QHCP_E_ARG;
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
            snprintf(words, words_cap, "%s has a control character in it",
                     value_quote(text, quote));
            return QHCP_E_ARG;
        }
    }
    v->text = strdup(text);
    return v->text ? 0 : QHCP_E_NOMEM;
}

void options_choices(const char *choices, char ret[OPTIONS_CHOICES])
{
    const char *last = strrchr(choices, '|');
    size_t n = 0;

    for (const char *p = choices; *p != '\0' && n + sizeof " or " < OPTIONS_CHOICES; p++) {
        ret[n++] = *p;
        if (*p == '|')
            n = (size_t)(stpcpy(&ret[n - 1], p == last ? " or " : ", ") - ret);
    }
    ret[n] = '\0';
}

static int choose(const char *choices, const char *text, uint64_t *ret, char *words,
                  size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], names[OPTIONS_CHOICES];
    uint64_t index = 0;
    size_t n = strlen(text);

    for (const char *p = choices;; index++) {
        size_t len = strcspn(p, "|");
        if (len == n && memcmp(p, text, n) == 0) {
            *ret = index;
            return 0;
        }
        if (p[len] == '\0')
            break;
        p += len + 1;
    }
    options_choices(choices, names);
    snprintf(words, words_cap, "%s is not a valid value: use %s", value_quote(text, quote), names);
    return QHCP_E_ARG;
}

static int set_list(const struct options_row *row, const char *text, enum list_source files,
                    struct list *l, char *words, size_t words_cap)
{
    int r = list_parse(l, text, files, words, words_cap);

    if (r == 0 && l->n > row->max) {
        snprintf(words, words_cap, "more than %llu entries", (unsigned long long)row->max);
        r = QHCP_E_FULL;
    }
    return r;
}

/* Whether there is a metric of this name is looked at when all options are known (check_rules):
 * --metrics may come after --degraded. */
static bool any_metric(const void *ctx, const char *name, unsigned *ret_unit)
{
    (void)ctx;
    *ret_unit = report_unit(name);
    return true;
}

/* One entry, judged by who will use it. */
static int set_item(const struct options_row *row, const char *text, bool no_files, struct list *l,
                    char *words, size_t words_cap)
{
    struct report_value value;
    struct threshold rule;
    struct spec spec;
    int r = QHCP_E_INTERNAL;

    if (l->n == row->max) {
        snprintf(words, words_cap, "more than %llu entries", (unsigned long long)row->max);
        return QHCP_E_FULL;
    }
    if (row->id == OPTION_APP_CHECK)
        r = spec_parse(text, no_files, &spec, words, words_cap);
    else if (row->id == OPTION_PROBE)
        r = spec_probe(text, &spec, words, words_cap);
    else if (row->id == OPTION_WATCH_PID)
        r = spec_pid(text, &spec, words, words_cap);
    else if (row->id == OPTION_WATCH_UNIT)
        r = spec_unit(text, &spec, words, words_cap);
    else if (row->id == OPTION_DEGRADED)
        r = threshold_parse(text, any_metric, NULL, &rule, words, words_cap);
    else if (row->id == OPTION_METRIC)
        r = report_parse(text, &value, words, words_cap);
    else if (row->id == OPTION_WARNING || row->id == OPTION_CRITICAL)
        r = check_rules_parse(text, &rule, words, words_cap);
    if (r == 0)
        r = list_add(l, text, strlen(text));
    return r;
}

static int set_value(const struct options_row *row, const char *text, enum list_source files,
                     bool no_files, struct options_value *v, char *words, size_t words_cap)
{
    bool on = true;
    int r;

    switch (row->kind) {
    case OPTIONS_DURATION:
        return value_duration(text, row->min, row->max, &v->number, words, words_cap);
    case OPTIONS_NUMBER:
        return value_count(text, strcmp(row->arg, "PORT") == 0 ? "port" : "number", row->min,
                           row->max, &v->number, words, words_cap);
    case OPTIONS_FILE:
        return set_file(text, no_files, v, words, words_cap);
    case OPTIONS_TEXT:
        return set_text(row, text, v, words, words_cap);
    case OPTIONS_LIST:
        return set_list(row, text, no_files ? LIST_TEXT_ONLY : files, &v->list, words, words_cap);
    case OPTIONS_ITEM:
        return set_item(row, text, no_files, &v->list, words, words_cap);
    case OPTIONS_CHOICE:
        return choose(row->arg, text, &v->number, words, words_cap);
    case OPTIONS_SWITCH:
        r = value_switch(text, &on, words, words_cap);
        v->number = on;
        return r;
    }
    return QHCP_E_INTERNAL;
}

void options_init(struct options *o, enum options_command command)
{
    char ignored[8];

    *o = (struct options){.command = command};
    for (size_t i = 0; i < OPTIONS_COUNT; i++)
        if ((rows[i].commands & command) && rows[i].def && rows[i].kind != OPTIONS_TEXT)
            set_value(&rows[i], rows[i].def, LIST_TEXT_ONLY, true, &o->at[i], ignored,
                      sizeof ignored);
}

void options_deinit(struct options *o)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        free(o->at[i].text);
        list_deinit(&o->at[i].list);
        o->at[i] = (struct options_value){0};
    }
}

int options_set(struct options *o, const struct options_row *row, const char *text,
                enum list_source files, char *words, size_t words_cap)
{
    struct options_value *v = &o->at[row->id];

    if (v->set && !options_repeatable(row)) {
        snprintf(words, words_cap, "is given twice");
        return QHCP_E_EXISTS;
    }
    snprintf(words, words_cap, "out of memory");
    int r = set_value(row, text, files, o->no_files, v, words, words_cap);
    if (r == 0)
        v->set = true;
    return r;
}

int options_copy_list(struct options *o, const struct options *old, enum options_id id)
{
    const struct list *l = &old->at[id].list;
    int r = 0;

    for (size_t i = 0; i < l->n && r == 0; i++)
        r = list_add(&o->at[id].list, l->at[i], strlen(l->at[i]));
    o->at[id].set = true;
    return r;
}

void options_merge(struct options *o, struct options *from)
{
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
        if (o->at[i].set || !from->at[i].set)
            continue;
        free(o->at[i].text);
        list_deinit(&o->at[i].list);
        o->at[i] = from->at[i];
        from->at[i] = (struct options_value){0};
    }
    options_deinit(from);
}

/* "tcp:PORT" or "tcp:HOST:PORT". */
static int check_service(const char *text, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], why[400];
    struct address a;
    uint64_t port;

    if (strlen(text) > LIMIT_SERVICE) {
        snprintf(words, words_cap, "--service: %s is longer than %d bytes",
                 value_quote(text, quote), LIMIT_SERVICE);
        return QHCP_E_ARG;
    }
    if (strncmp(text, "tcp:", 4) != 0) {
        snprintf(words, words_cap, "--service: %s is neither tcp:PORT nor tcp:HOST:PORT",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    int r = strchr(text + 4, ':') ? address_parse(text + 4, &a, why, sizeof why)
                                  : value_count(text + 4, "port", 1, 65535, &port, why, sizeof why);
    if (r < 0)
        snprintf(words, words_cap, "--service: %s", why);
    return r;
}

static int check_metrics(const struct list *metrics, char *words, size_t words_cap)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    char quote[VALUE_QUOTE + 8];

    for (size_t i = 0; i < metrics->n; i++) {
        size_t n = strlen(metrics->at[i]);

        if (n > 0 && n <= LIMIT_NAME && strspn(metrics->at[i], allowed) == n)
            continue;
        snprintf(words, words_cap, "--metrics: %s is no metric's name: 1 to %d of a-z, 0-9 and _",
                 value_quote(metrics->at[i], quote), LIMIT_NAME);
        return QHCP_E_ARG;
    }
    return 0;
}

static int check_networks(const struct list *networks, char *words, size_t words_cap)
{
    char why[300];
    struct route_net net;

    for (size_t i = 0; i < networks->n; i++) {
        int r = route_net_parse(networks->at[i], &net, why, sizeof why);

        if (r < 0) {
            snprintf(words, words_cap, "--allow-service: %s", why);
            return r;
        }
    }
    return 0;
}

static int check_lb(const struct options *o, char *words, size_t words_cap)
{
    const struct list *servers = &o->at[OPTION_SERVERS].list;
    union qhcp_addr bind[2];
    char why[600];

    if (servers->n == 0) {
        snprintf(words, words_cap,
                 "--servers is missing: name the servers to watch, as in --servers localhost:4243");
        return QHCP_E_ARG;
    }
    if (options_number(o, OPTION_TAKE_OVER) && options_number(o, OPTION_NO_FORWARD)) {
        snprintf(words, words_cap, "--take-over takes a port that --no-forward leaves closed");
        return QHCP_E_ARG;
    }
    int r = servers_check(servers->at, servers->n, why, sizeof why);
    if (r < 0)
        snprintf(words, words_cap, "--servers: %s", why);
    if (r == 0)
        r = check_networks(&o->at[OPTION_ALLOW_SERVICE].list, words, words_cap);
    if (r == 0)
        r = forward_config_bind(o, bind, words, words_cap);
    return r == 0 ? check_metrics(&o->at[OPTION_METRICS].list, words, words_cap) : r;
}

/* Names of checks are unique, whichever option they come from. */
static int check_names(const struct options *o, char *words, size_t words_cap)
{
    const struct list *checks = &o->at[OPTION_APP_CHECK].list;
    char names[LIMIT_CHECKS][LIMIT_NAME + 1], why[300];
    struct spec spec;

    if (checks->n + o->at[OPTION_WATCH_PID].list.n + o->at[OPTION_WATCH_UNIT].list.n >
        LIMIT_CHECKS) {
        snprintf(words, words_cap, "--check, --watch-pid and --watch-unit: more than %d in all",
                 LIMIT_CHECKS);
        return QHCP_E_FULL;
    }
    for (size_t i = 0; i < checks->n; i++) {
        int r = spec_parse(checks->at[i], true, &spec, why, sizeof why);
        memcpy(names[i], spec.name, sizeof names[i]);
        for (size_t k = 0; k < i && r == 0; k++) {
            if (strcmp(names[k], names[i]) != 0)
                continue;
            snprintf(
                words, words_cap,
                "--check: two checks have the name \"%s\": tell them apart with name=", names[i]);
            return QHCP_E_EXISTS;
        }
    }
    return 0;
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

static int check_rules(const struct options *o, char *words, size_t words_cap)
{
    const struct list *rules = &o->at[OPTION_DEGRADED].list;
    struct threshold rule;
    char why[300];
    int r = 0;

    for (size_t i = 0; i < rules->n && r == 0; i++)
        r = threshold_parse(rules->at[i], own_metric, &o->at[OPTION_OWN_METRICS].list, &rule, why,
                            sizeof why);
    if (r < 0)
        snprintf(words, words_cap, "--degraded: %s", why);
    return r;
}

static int check_server(const struct options *o, char *words, size_t words_cap)
{
    const struct list *services = &o->at[OPTION_SERVICE].list;
    union qhcp_addr ignored;
    char why[300];
    int r = servers_parse_ip(options_text(o, OPTION_IP), 1, &ignored, why, sizeof why);

    if (r < 0)
        snprintf(words, words_cap, "--ip: %s", why);
    for (size_t i = 0; i < services->n && r == 0; i++)
        r = check_service(services->at[i], words, words_cap);
    if (r == 0)
        r = check_rules(o, words, words_cap);
    return r == 0 ? check_names(o, words, words_cap) : r;
}

static int check_pair(const struct options *o, enum options_id a, enum options_id b, char *words,
                      size_t words_cap)
{
    if (o->at[a].set == o->at[b].set)
        return 0;
    snprintf(words, words_cap, "--%s goes with --%s: give both or neither",
             rows[o->at[a].set ? a : b].name, rows[o->at[a].set ? b : a].name);
    return QHCP_E_ARG;
}

int options_check(const struct options *o, char *words, size_t words_cap)
{
    int r = check_pair(o, OPTION_CLIENT_CERT, OPTION_CLIENT_KEY, words, words_cap);

    if (r == 0)
        r = check_pair(o, OPTION_KEY, OPTION_SERVER_CERT, words, words_cap);
    if (r == 0 && o->command == OPTIONS_LB)
        r = check_lb(o, words, words_cap);
    if (r == 0 && o->command == OPTIONS_SERVER)
        r = check_server(o, words, words_cap);
    return r;
}

bool options_differ(const struct options *a, const struct options *b, enum options_id id)
{
    const struct options_value *x = &a->at[id], *y = &b->at[id];

    if (x->number != y->number || x->list.n != y->list.n || !x->text != !y->text)
        return true;
    if (x->text && strcmp(x->text, y->text) != 0)
        return true;
    for (size_t i = 0; i < x->list.n; i++)
        if (strcmp(x->list.at[i], y->list.at[i]) != 0)
            return true;
    return false;
}

uint64_t options_number(const struct options *o, enum options_id id)
{
    return o->at[id].number;
}

const char *options_text(const struct options *o, enum options_id id)
{
    return o->at[id].text ? o->at[id].text : (rows[id].kind == OPTIONS_TEXT ? rows[id].def : NULL);
}

qhcp_nsec options_liveness(const struct options *o)
{
    if (o->at[OPTION_LIVENESS_INTERVAL].set)
        return o->at[OPTION_LIVENESS_INTERVAL].number;
    return nsec_min(o->at[OPTION_CHECK_INTERVAL].number, NSEC_PER_SEC);
}

qhcp_nsec options_status_interval(const struct options *o)
{
    if (o->at[OPTION_STATUS_INTERVAL].set)
        return o->at[OPTION_STATUS_INTERVAL].number;
    return nsec_max(o->at[OPTION_CHECK_INTERVAL].number, NSEC_PER_SEC);
}
