/* SIGHUP of `qhcp lb`: as reload.h, but the files are read on the thread that serves, since ten
 * thousand servers take longer to read than a check may be late; and it is over once the servers
 * of the new list are watched. */
#ifndef QHCP_DAEMON_LB_RELOAD_H
#define QHCP_DAEMON_LB_RELOAD_H

#include "daemon/reload.h"
#include "daemon/serve.h"
#include "fleet/wish.h"

#define LB_RELOAD_WISHES 8

struct lb;

struct lb_reload {
    struct serve_job job; /* first: a job is its reload */
    struct reload reload;
    struct lb *lb;
    struct options *fresh, *old; /* while files are read: what they say; lists in force */
    int result;
    struct faults faults;
    char words[700];
    struct wish wishes[LB_RELOAD_WISHES]; /* by which it was asked for, and are not answered */
    size_t n_wishes;
    bool reading, waiting; /* files are read; the list is being followed */
    bool again;            /* wanted once more meanwhile */
};

/* Reads the configuration again; where that is under way, once more afterwards.  The log says how
 * it ended, and the service manager is told. */
void lb_reload_begin(struct lb_reload *r, qhcp_nsec now);
/* The same by a wish, which is answered when it is over.  QHCP_E_FULL: too many wait. */
int lb_reload_wish(struct lb_reload *r, qhcp_nsec now, const struct wish *wish);
/* The list of servers is in force (follow.h). */
void lb_reload_followed(void *ctx, qhcp_nsec now);
/* After serve_stop. */
void lb_reload_deinit(struct lb_reload *r);

#endif
