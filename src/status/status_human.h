/* The status for people: a table that stays readable with 3 and with 300 servers, and one line for
 * each event. */
#ifndef QHCP_STATUS_STATUS_HUMAN_H
#define QHCP_STATUS_STATUS_HUMAN_H

#include "status/status.h"

struct status_human_page {
    const char *time; /* before the summary */
    qhcp_nsec now;
    bool colour;     /* the terminal shows colours (ECMA-48, SGR) */
    size_t rows;     /* servers shown at most, unless: */
    size_t rows_bad; /* so many that are not up are shown in any case */
    size_t width;    /* characters of a line; 0: as long as they get */
};

/* "2026-11-23 16:43:17 CET  2 of 3 servers are healthy (1 down)\n" */
void status_human_summary(struct text *t, const struct status_fleet *fleet, const char *time);

/* The summary, then a row for each server: all where they fit, else those that are not up first,
 * then as many as fit, then how many there are beyond. */
void status_human_table(struct text *t, const struct status_fleet *fleet,
                        const struct status_human_page *page);

/* "TIME  localhost:4243: up -> down: port unreachable (ICMP)\n", the evidence in parentheses
 * behind. TIME and the two blanks are `before`'s. */
void status_human_event(struct text *t, const struct qhcp_event *event, const char *name,
                        const char *before, bool colour);
/* "TIME  web1 (10.0.0.1:4243): added to the list\n" */
void status_human_listed(struct text *t, const struct status_listed *listed, const char *before);
void status_human_panic(struct text *t, const struct qhcp_panic *panic, const char *before);

/* How long ago, in five characters at most: "12s", "90m", "47h", "365d". */
void status_human_age(qhcp_nsec since, qhcp_nsec now, char *ret, size_t cap);

/* A percentage for people ("3.1 %") of the metric with this name; "-" if there is none. */
void status_human_percent(const struct qhcp_view *v, const char *metric, char *ret, size_t cap);

#endif
