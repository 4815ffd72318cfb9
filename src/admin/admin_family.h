/* The families of /metrics that are not of a server: of the load balancer itself, and of its sinks.
 * admin_metrics.c has the table of all. */
#ifndef QHCP_ADMIN_ADMIN_FAMILY_H
#define QHCP_ADMIN_ADMIN_FAMILY_H

#include "base/text.h"
#include "base/time.h"

struct admin;
struct fleet_entry;
struct fleet_snapshot;
struct scrape;

/* One family: of the load balancer itself (put), or with a line for each server (value). */
struct family {
    const char *name; /* without _total */
    const char *type; /* gauge, counter, histogram, info */
    const char *unit; /* OpenMetrics' # UNIT, which ends the name; "" */
    const char *help;
    bool basic; /* of a server: there by default */
    double (*value)(const struct scrape *s, const struct fleet_entry *e);
    void (*put)(struct text *t, const struct family *f, const struct scrape *s);
};

struct scrape {
    const struct admin *admin;
    const struct fleet_snapshot *snapshot; /* the newest, during a call */
    qhcp_nsec now;
    uint64_t wanted; /* a set of families */
    bool open_metrics;
    size_t family; /* the one that is written */
    uint32_t at;   /* its next slot */
    bool begun, ended;
};

/* A label's value with its quotes (text format, 0.0.4 and OpenMetrics: \\, \" and \n). */
void admin_family_label(struct text *t, const char *s);
/* The one line of a family. */
void admin_family_gauge(struct text *t, const struct family *f, double v);

void admin_family_info(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_start(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_servers(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_panic(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_score(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_suspects(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_held(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_braked(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_watching(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_newest(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_lateness(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_sink_failing(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_sink_success(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_sink_successes(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_sink_failures(struct text *t, const struct family *f, const struct scrape *s);
void admin_family_sink_held(struct text *t, const struct family *f, const struct scrape *s);

#endif
