/* What a server reports: its identity, metrics, reason, application checks and services; and how
 * many checks it has answered.
 *
 * Kept for readers (qhcp_lb_view and similar).  No verdict depends on it, except that both required
 * metrics must be there.  Bounded by the wire's limits, and of memory only as far as a server has
 * something to say: its checks allocate once, at most for as many as it ever reported. */
#ifndef QHCP_LB_REPORT_H
#define QHCP_LB_REPORT_H

#include <stdbool.h>

#include "base/kept.h"
#include "session/lb.h"

#include <qhcp/lb.h>

struct backend;

struct report_metric {
    uint64_t number;
    unsigned unit;
    char name[LIMIT_NAME + 1];
};

/* Embedded in struct backend; only report.c changes it.  Outlives sessions. */
struct report {
    struct kept server_id;
    uint8_t boot_id[LIMIT_BOOT_ID];
    bool booted;            /* boot_id is set */
    bool restarted;         /* another boot_id than the session's before: not told of yet */
    union qhcp_addr remote; /* where the last session was; AF_UNSPEC: there was none */
    struct kept words;      /* why it is not simply serving */
    uint64_t checks_sent, checks_ok;
    struct report_metric *metrics; /* as ACK named them; n_metrics */
    size_t n_metrics;
    struct wire_value *values; /* the newest: n_values; room for cap_values */
    size_t n_values, cap_values;
    bool complete;                  /* both required metrics are among them */
    uint64_t reports;               /* answers that had values */
    struct qhcp_check_view *checks; /* the newest outcomes; room for cap_checks */
    size_t n_checks, cap_checks;
    char *services; /* n_services texts, a NUL behind each */
    size_t n_services;
};

/* A session was established. */
void report_established(struct backend *b, const struct wire_ack *ack);
/* The names of its metrics, in ACK or CONFIG_ACK. */
void report_metrics(struct backend *b, const struct wire_metrics *metrics);
/* Its words for a new status, or for its leave. */
void report_words(struct backend *b, struct slice words);
/* The outcomes of its checks, in an answer or a push that is news. */
void report_checks(struct backend *b, const struct wire_checks *checks);
/* An answer ... */
void report_answer(struct backend *b);
/* ... with these values; NULL: those of the answer with values before it. */
void report_values(struct backend *b, const struct wire_values *values);
/* True once after a restart. */
bool report_take_restarted(struct backend *b);

/* A beat is a check that nobody had to ask for; slots: those that did not come count as checks too.
 */
void report_beat(struct backend *b, uint64_t slots);
void report_sent(struct backend *b);
/* The check that was counted last did not leave after all. */
void report_not_sent(struct backend *b);

/* Words for the operator of a server whose answers lack one of them. */
void report_notice(const struct backend *b, char *ret, size_t cap);

void report_deinit(struct report *r);

#endif
