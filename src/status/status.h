/* What `qhcp lb` shows: JSON lines for programs, a table or a line for each change for people.
 *
 * A status at every interval, an event the moment a state changes, into an output that never waits.
 * On a terminal the table is repainted in place and events scroll by above it; elsewhere tables and
 * events follow each other. */
#ifndef QHCP_STATUS_STATUS_H
#define QHCP_STATUS_STATUS_H

#include "base/os/output.h"
#include "base/text.h"
#include "base/time.h"

#include <qhcp/lb.h>

/* In the order of --status-format's words. */
enum status_format {
    STATUS_HUMAN = 0,
    STATUS_JSON,
    STATUS_EVENTS, /* changes alone, in words: for a service's journal */
    STATUS_JSON_EVENTS,
    STATUS_NONE,
    STATUS_AUTO, /* for people; none where the output is the journal, which gets the changes as
                  * messages of the log */
};

/* The servers, wherever they are. view is qhcp_lb_view's kind; what it does not find is left out.
 */
struct fleet_entry;
struct proxy_counts;

/* Where servers come from. */
struct status_source {
    const char *name, *words; /* words: why its last look failed; "": it did not */
    size_t servers;           /* that it names */
    qhcp_nsec age;            /* of that list; NSEC_NEVER: there was none yet */
};

/* Who is told of the servers. */
struct status_sink {
    const char *name, *words; /* words: why it fails; "": it does not */
    uint64_t successes, failures, held;
    qhcp_nsec age; /* of its last success; NSEC_NEVER: there was none */
};

struct status_fleet {
    const void *ctx;
    size_t (*count)(const void *ctx);
    int (*view)(const void *ctx, size_t index, struct qhcp_view *ret);
    /* qhcp_lb_checks' and qhcp_lb_services' kind; NULL: none */
    size_t (*checks)(const void *ctx, size_t index, struct qhcp_check_view *ret, size_t cap);
    size_t (*services)(const void *ctx, size_t index, char ret[][QHCP_SERVICE], size_t cap);
    /* What the forwarder counted of a server, by its address; false: nothing.  NULL: none */
    bool (*forward)(const void *ctx, const char *address, struct proxy_counts *ret);
    void (*self)(const void *ctx, struct qhcp_self *ret); /* of the load balancer; NULL: well */
    /* What the fleet has of a server besides; NULL: nothing */
    const struct fleet_entry *(*entry)(const void *ctx, size_t index);
    /* The source at this index, valid until the next call of anything; false: there are no more.
     * NULL: none */
    bool (*source)(const void *ctx, size_t index, struct status_source *ret);
    /* The sink at this index, in the same way. */
    bool (*sink)(const void *ctx, size_t index, struct status_sink *ret);
    bool insecure; /* --insecure: said with every status */
};

struct status {
    enum status_format format;
    struct status_fleet fleet;
    struct output out;
    bool terminal; /* a table is painted */
    bool colour;
    bool tells; /* events in words reach the reader of the log: they need not be logged too */
    qhcp_nsec interval, next; /* next status */
    qhcp_nsec soon;           /* after events: a summary (or the table again); NSEC_NEVER: none */
    struct text line;         /* being put together */
    struct text frame;        /* on the terminal now */
    size_t frame_lines;
    unsigned short rows, columns; /* of the terminal when frame was painted */
    bool told_error;
};

/* The first status comes after a second, or after interval if that is shorter. */
void status_init(struct status *s, enum status_format format, int fd, qhcp_nsec interval,
                 const struct status_fleet *fleet, qhcp_nsec now);
void status_deinit(struct status *s);

void status_set_interval(struct status *s, qhcp_nsec interval, qhcp_nsec now);
/* When: monotonic, and in unix milliseconds. */
struct status_moment {
    qhcp_nsec now;
    int64_t ms;
};

/* Also on the log, unless the log's reader sees it already.  name: that the operator gave the
 * server;
 * "": none. */
void status_event(struct status *s, const struct qhcp_event *event, const char *name,
                  struct status_moment at);
void status_panic(struct status *s, const struct qhcp_panic *panic, struct status_moment at);

/* A change of the list of servers. */
struct status_listed {
    enum { STATUS_ADDED, STATUS_REMOVED, STATUS_CHANGED } kind;
    const char *address, *name; /* as above */
    const char *words;          /* what has changed: "weight 2, was 1" */
};
/* Not on the log, which gets one line for all (daemon/list_news.h). */
void status_listed(struct status *s, const struct status_listed *listed, struct status_moment at);
qhcp_nsec status_deadline(const struct status *s);
void status_expire(struct status *s, qhcp_nsec now);

/* A line of the log, above the table: log_divert's sink; ctx is the status. */
void status_log_line(void *ctx, const char *line, size_t n);

#endif
