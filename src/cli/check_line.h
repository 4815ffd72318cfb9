/* The one line of `qhcp check`, apart from how it comes about. */
#ifndef QHCP_CLI_CHECK_LINE_H
#define QHCP_CLI_CHECK_LINE_H

#include <stdbool.h>

#include <qhcp/lb.h>

/* Exit statuses of Nagios plugins. */
enum check_line_status {
    CHECK_LINE_OK = 0,
    CHECK_LINE_WARNING = 1,
    CHECK_LINE_CRITICAL = 2,
    CHECK_LINE_UNKNOWN = 3,
};

struct check_rules;

/* The verdict on a server: down for lack of trust is UNKNOWN, since nothing was learnt about it. */
enum check_line_status check_line_verdict(const struct qhcp_view *view, bool alive);

/* The exit status for keepalived's misc_dynamic (keepalived.conf(5), MISC_CHECK): 1 fails the
 * server, 2 to 255 is its weight and 2.  The weight is what its health and load deserve, in
 * percent, as sinks say it (sinks/say.h): 0 while it drains, and a rule's warning counts as
 * degraded. */
int check_line_weight(const struct qhcp_view *view, enum check_line_status status);
#define CHECK_LINE_FAIL 1

/* "QHCP OK - localhost:4243 is up: cpu 3.1 %, ... | cpu=3.10%;80;90;0;100 ..." and a newline. said:
 * what the rules say ("": nothing), which are rules' ranges behind each figure. */
void check_line_text(const struct qhcp_view *view, enum check_line_status status, const char *said,
                     const struct check_rules *rules, char *ret, size_t cap);

#endif
