/* The sinks of `qhcp lb` (src/sinks), on the thread that serves; and what the thread that watches
 * does for them: figures of servers are kept fresh while a sink goes by them. */
#ifndef QHCP_DAEMON_TELLING_H
#define QHCP_DAEMON_TELLING_H

#include "daemon/lb_options.h"
#include "daemon/publisher.h"
#include "daemon/serve.h"
#include "sinks/sinks.h"

/* The sinks that are wanted from now on, on their way to the other thread. */
struct telling_job {
    struct serve_job job; /* first: a job is its list */
    struct telling *telling;
    struct list specs;
    bool given, again; /* again: there are newer ones */
};

struct telling {
    struct sinks sinks;
    const struct lb_options *options;
    struct publisher *publisher;
    struct serve *serve;
    struct telling_job job;
    bool ending; /* another process tells from now on */
    qhcp_nsec beat;
    struct sink_state shown[SINKS_MAX]; /* telling_state's */
    size_t n_shown;
    struct loop_part part;
};

/* The options' sinks begin.  The publisher is there; serve does not run yet.  take_over: another
 * process may hold their addresses for a moment, so that one that does not start is no error.
 * QHCP_E_* with words.  *ret stays where it is until telling_end, which is for one that is zeroed
 * too: after serve_stop, before the feed and the loops are freed. */
int telling_begin(struct telling *ret, const struct lb_options *o, struct publisher *publisher,
                  struct loop *loop, struct serve *serve, char *words, size_t words_cap);
void telling_end(struct telling *t);

/* For the thread that watches: how the sink at this index fares, as of when index 0 was asked for,
 * until it is asked for again; NULL: there are no more. */
const struct sink_state *telling_state(struct telling *t, size_t index);

/* The options have other sinks. */
void telling_changed(struct telling *t);
/* Another process has taken over: nobody is told anything from here any more. */
void telling_release(struct telling *t);

#endif
