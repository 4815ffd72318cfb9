#include "cli/check_rules.h"

#include <stdio.h>
#include <string.h>

#include "metrics/application.h"
#include "metrics/quantity.h"
#include "wire/registry.h"

#include <qhcp/error.h>

#define DAY 86400

static const char rtt[] = "rtt_us", days[] = "certificate_days";

/* Any name may be one of the server's own metrics. */
static bool any_metric(const void *ctx, const char *name, unsigned *ret_unit)
{
    (void)ctx;
    *ret_unit = strcmp(name, rtt) == 0 ? WIRE_UNIT_USEC : application_unit(name);
    return true;
}

int check_rules_parse(const char *text, struct threshold *ret, char *words, size_t words_cap)
{
    struct threshold t;
    int r = threshold_parse(text, any_metric, NULL, &t, words, words_cap);

    if (r < 0)
        return r;
    if (t.hold > 0 || strstr(text, " clear ")) {
        snprintf(words, words_cap,
                 "\"for\" and \"clear\" have no meaning here: one check has one value");
        return QHCP_E_ARG;
    }
    *ret = t;
    return 0;
}

static bool value_of(const struct check_rules *rules, const struct qhcp_view *v, const char *name,
                     uint64_t *ret)
{
    int64_t left = v->certificate_expires - rules->wall;

    if (strcmp(name, rtt) == 0 && v->rtt_us > 0) {
        *ret = v->rtt_us;
        return true;
    }
    if (strcmp(name, days) == 0 && v->certificate_expires != 0) {
        *ret = left > 0 ? (uint64_t)left / DAY : 0;
        return true;
    }
    for (size_t i = 0; i < v->n_values; i++) {
        if (strcmp(v->values[i].name, name) != 0)
            continue;
        *ret = v->values[i].value;
        return true;
    }
    return false;
}

/* Does it hold?  -1: its metric has no value.  Words of what it says are appended. */
static int judge(const struct check_rules *rules, const struct qhcp_view *v, const char *text,
                 char *words, size_t words_cap)
{
    size_t n = strlen(words);
    char said[THRESHOLD_WORDS];
    struct threshold t;

    if (check_rules_parse(text, &t, said, sizeof said) < 0)
        return 0; /* it was parsed with the options */
    if (!value_of(rules, v, t.metric, &t.seen)) {
        snprintf(said, sizeof said, "the server does not report %s", t.metric);
    } else {
        if (t.below ? t.seen >= t.limit : t.seen <= t.limit)
            return 0;
        threshold_words(&t, said, sizeof said);
    }
    snprintf(words + n, words_cap - n, "%s%s", n > 0 ? "; " : "", said);
    return strncmp(said, "the server", 10) == 0 ? -1 : 1;
}

enum check_line_status check_rules_judge(const struct check_rules *rules,
                                         const struct qhcp_view *view, char *words,
                                         size_t words_cap)
{
    const struct list *lists[] = {rules->critical, rules->warning};
    static const enum check_line_status says[] = {CHECK_LINE_CRITICAL, CHECK_LINE_WARNING};
    enum check_line_status found = CHECK_LINE_OK;
    bool unknown = false;

    words[0] = '\0';
    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->n; i++) {
            int r = judge(rules, view, lists[l]->at[i], words, words_cap);

            if (r > 0 && found == CHECK_LINE_OK)
                found = says[l];
            unknown |= r < 0;
        }
    }
    return unknown && found != CHECK_LINE_CRITICAL ? CHECK_LINE_UNKNOWN : found;
}

static void add_range(const struct list *list, const char *metric, char *ret, size_t cap)
{
    char ignored[THRESHOLD_WORDS], limit[32];
    struct threshold t;

    ret[0] = '\0';
    for (size_t i = 0; i < list->n; i++) {
        if (check_rules_parse(list->at[i], &t, ignored, sizeof ignored) < 0 ||
            strcmp(t.metric, metric) != 0)
            continue;
        quantity_text(t.unit, t.limit, limit, sizeof limit);
        snprintf(ret, cap, "%s%s", limit, t.below ? ":" : "");
        return;
    }
}

void check_rules_ranges(const struct check_rules *rules, const char *metric, char *ret, size_t cap)
{
    char warning[40], critical[40];

    add_range(rules->warning, metric, warning, sizeof warning);
    add_range(rules->critical, metric, critical, sizeof critical);
    snprintf(ret, cap, "%s;%s", warning, critical);
}

size_t check_rules_metrics(const struct check_rules *rules, char ret[][LIMIT_NAME + 1], size_t cap)
{
    const struct list *lists[] = {rules->critical, rules->warning};
    char ignored[THRESHOLD_WORDS];
    struct threshold t;
    size_t n = 0;

    for (size_t l = 0; l < 2; l++) {
        for (size_t i = 0; i < lists[l]->n && n < cap; i++) {
            if (check_rules_parse(lists[l]->at[i], &t, ignored, sizeof ignored) < 0 ||
                strcmp(t.metric, rtt) == 0 || strcmp(t.metric, days) == 0 ||
                strcmp(t.metric, "cpu_usage_percent") == 0 ||
                strcmp(t.metric, "memory_usage_percent") == 0)
                continue;
            bool twice = false;
            for (size_t k = 0; k < n; k++)
                twice |= strcmp(ret[k], t.metric) == 0;
            if (!twice)
                memcpy(ret[n++], t.metric, sizeof t.metric);
        }
    }
    return n;
}
