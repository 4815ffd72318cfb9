/* The servers that `qhcp top` shows, from what the admin interface says (docs/api.md): lists of
 * them, and events between.  Nothing here draws or asks.
 *
 * An answer that was made before an event is taken up after it when both are on the way: `seq`, the
 * number of the newest event that an answer knows, keeps an old answer from undoing an event. */
#ifndef QHCP_CLI_TOP_FLEET_H
#define QHCP_CLI_TOP_FLEET_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/top_spark.h"

#include <qhcp/types.h>

enum top_sort {
    TOP_WORST, /* as qhcp status has them */
    TOP_NAME,
    TOP_SINCE, /* what changed last comes first; the greatest first in those below */
    TOP_SHARE,
    TOP_CONNECTIONS,
    TOP_RTT,
    TOP_CPU,
};
#define TOP_SORTS (TOP_CPU + 1)

struct top_server;

struct top_fleet {
    struct top_server *all; /* by identity */
    uint64_t pass;          /* which reading of the whole list is on */
    uint64_t seq;           /* the newest event */
    struct top_server **rows;
    size_t n_rows, cap;
};

struct top_row {
    const char *id, *name;
    const json_t *object; /* as the API has it; a newer state is in it too */
    enum qhcp_state state;
    int64_t since_ms;    /* -1: not known */
    int64_t rtt_us;      /* -1: not known, as in those below */
    int64_t cpu;         /* hundredths of a percent */
    int64_t connections; /* open */
    int64_t share;       /* permille */
    struct top_spark rtts, cpus;
};

void top_fleet_deinit(struct top_fleet *f);

/* A server's object, whose answer knew event number seq; second: of a clock that only goes on, for
 * the sparklines.  False: out of memory. */
bool top_fleet_take(struct top_fleet *f, json_t *object, uint64_t seq, int64_t second);

/* An event.  True: the event does not have all that has changed, and the server should be asked
 * for. */
bool top_fleet_event(struct top_fleet *f, const json_t *event);

/* What comes next is of another process, or some events are lost: the list is read anew. */
void top_fleet_again(struct top_fleet *f);

/* The whole list has been read: what is not in it is gone, unless it came meanwhile. */
void top_fleet_passed(struct top_fleet *f);

/* Chooses and sorts the rows: those that have each word of `filter` in name, address, state, tags
 * or reason (in any case).  False: out of memory; the rows are as before. */
bool top_fleet_sort(struct top_fleet *f, const char *filter, enum top_sort sort, bool reversed);
size_t top_fleet_count(const struct top_fleet *f); /* all servers */
size_t top_fleet_rows(const struct top_fleet *f);
/* i < top_fleet_rows; valid until anything changes. */
const struct top_row *top_fleet_row(const struct top_fleet *f, size_t i);
/* Its place among the rows; top_fleet_rows where it has none. */
size_t top_fleet_find(const struct top_fleet *f, const char *id);

#endif
