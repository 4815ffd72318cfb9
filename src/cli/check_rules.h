/* `qhcp check --warning RULE --critical RULE`: limits on what a healthy server reports.
 *
 * A rule is METRIC>VALUE or METRIC<VALUE, as --degraded of qhcp server has it, without a duration:
 * one check sees one value.  Besides the server's metrics there are rtt_us, the smoothed round
 * trip, and certificate_days, the days until the server's certificate ends. */
#ifndef QHCP_CLI_CHECK_RULES_H
#define QHCP_CLI_CHECK_RULES_H

#include "cli/check_line.h"
#include "conf/list.h"
#include "metrics/threshold.h"

struct check_rules {
    const struct list *warning, *critical; /* texts that check_rules_parse took */
    int64_t wall;                          /* unix seconds */
};

/* QHCP_E_PARSE, QHCP_E_ARG with words. */
int check_rules_parse(const char *text, struct threshold *ret, char *words, size_t words_cap);

/* OK, or the worst that a rule says, with words of each rule that holds ("; "-separated).  UNKNOWN
 * where a metric has no value and no rule says worse. */
enum check_line_status check_rules_judge(const struct check_rules *rules,
                                         const struct qhcp_view *view, char *words,
                                         size_t words_cap);

/* "WARN;CRIT" of a metric, as the Monitoring Plugins guidelines write ranges: "90", or "20:" for an
 * alert below 20; empty where there is no rule. */
void check_rules_ranges(const struct check_rules *rules, const char *metric, char *ret, size_t cap);

/* Names of metrics that the server must be asked for: fills up to cap; how many there are. */
size_t check_rules_metrics(const struct check_rules *rules, char ret[][LIMIT_NAME + 1], size_t cap);

#endif
