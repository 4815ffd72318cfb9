/* What is watched follows the list of servers that the sources make (src/sources).
 *
 * The sources run on the thread that serves and find the difference there; here, on the thread that
 * watches, it is applied in slices of FOLLOW_SLICE, between which sockets and probes have their
 * turn, so that ten thousand new servers delay no check of another one.  A server that is in both
 * lists is not touched. */
#ifndef QHCP_DAEMON_FOLLOW_H
#define QHCP_DAEMON_FOLLOW_H

#include "conf/list.h"
#include "daemon/forward.h"
#include "daemon/probes.h"
#include "daemon/publisher.h"
#include "daemon/serve.h"
#include "daemon/wishes.h"
#include "sources/sources.h"

#define LB_MEMORY (16 << 20) /* bytes that `qhcp lb` takes without servers */
#define FOLLOW_SLICE NSEC_PER_MSEC
#define FOLLOW_PAUSE NSEC_PER_MSEC /* between two slices */

struct qhcp_lb;

/* The parts that learn of servers. */
struct follow_host {
    struct loop *loop;
    struct serve *serve;
    struct qhcp_lb *core;
    struct publisher *publisher;
    struct forward *forward;
    struct probes *probes;
    struct wishes *wishes;
};

/* New lists on their way to the sources. */
struct follow_lists {
    struct serve_job job; /* first: a job is its lists */
    struct follow *follow;
    struct list servers, specs;
    bool given;
};

struct follow {
    struct follow_host host;
    struct sources *sources;
    const struct list *servers, *specs; /* options in force */
    bool news;                          /* they have changed, and nobody has been told */
    struct follow_lists lists;
    struct serve_job next;         /* asks for the next difference */
    bool asking;                   /* it is with the other thread */
    struct sources_change *change; /* what came: written there, read here once it is done */
    bool applying;
    size_t at;             /* how much of it is applied */
    uint64_t set, settled; /* lists given, and those that are in force: numbers */
    qhcp_nsec slice_at;
    size_t count;                /* servers in force */
    struct source_state *states; /* as of the newest change: how each source fares */
    size_t n_states;
    void *ctx;
    void (*done)(void *ctx, qhcp_nsec now); /* new lists are in force.  May be NULL. */
    struct loop_part part;
};

/* The sources that the options name; what they have at once (lists, files) is watched when this
 * returns.  Before serve_start.  servers and specs stay where they are.  0, or QHCP_E_* with words.
 * End it with follow_end, also after a failure, after serve_stop. */
int follow_begin(struct follow *ret, const struct follow_host *host, const struct list *servers,
                 const struct list *specs, char *words, size_t words_cap);
void follow_end(struct follow *f);

/* servers or specs have other content. */
void follow_lists_changed(struct follow *f);
/* They are in force as they are now. */
bool follow_settled(const struct follow *f);

#endif
