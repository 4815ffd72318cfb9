/* The application checks of `qhcp server`: src/check on the loop, its results told to the core. */
#ifndef QHCP_DAEMON_CHECKS_H
#define QHCP_DAEMON_CHECKS_H

#include "daemon/server_options.h"
#include "loop/loop.h"

/* How long a starting server is silent, instead of not serving, while it waits for first results.
 */
#define CHECKS_PATIENCE (250 * NSEC_PER_MSEC)

struct check_set;
struct qhcp_server;
struct resolve;

struct checks {
    struct loop_part part;
    struct loop_watch watch;
    struct check_set *set; /* NULL: no checks */
    struct resolve *resolve;
    struct qhcp_server *core;
    qhcp_nsec longest;  /* timeout of a check */
    qhcp_nsec patience; /* until when first results are awaited; 0: no longer */
};

/* Starts what the options ask for, the first runs at once; rules of --degraded go to the core.  On
 * failure words name the option.  *ret must stay where it is; end it with checks_deinit, before the
 * core and the loop, also after a failure. */
int checks_init(struct checks *ret, const struct server_options *o, struct qhcp_server *core,
                struct loop *loop, char *words, size_t words_cap);
void checks_deinit(struct checks *c);

/* True while first results are awaited: at most CHECKS_PATIENCE from the start. */
bool checks_awaited(struct checks *c, qhcp_nsec now);

#endif
