/* The admin interface in `qhcp lb`: opened with its options, on the thread that serves; and what
 * the thread that watches does for it: once a second it says that it lives, and how. */
#ifndef QHCP_DAEMON_LB_ADMIN_H
#define QHCP_DAEMON_LB_ADMIN_H

#include "admin/admin.h"
#include "conf/in_force.h"
#include "daemon/lb_options.h"
#include "daemon/publisher.h"
#include "daemon/recording.h"
#include "daemon/serve.h"
#include "loop/loop.h"

/* What it is part of. */
struct lb_admin_host {
    struct publisher *publisher;
    struct sinks *sinks;
    struct recorder *recorder;
    struct in_force *in_force;
    struct loop *loop; /* of the thread that watches */
    struct serve *serve;
};

struct lb_admin {
    struct admin *admin; /* NULL: off */
    struct admin_pulse pulse;
    struct lb_admin_host host;
    struct serve_job release;
    struct loop_part part;
    char id[LIMIT_ID + 1];
    char history[STORE_PATH];
};

/* The core and the publisher are there; the thread that serves does not run yet.  take_over: the
 * addresses are another process's for a moment.  QHCP_E_* with words.  *ret stays where it is until
 * lb_admin_end, which is for one that is zeroed, too. */
int lb_admin_begin(struct lb_admin *ret, const struct lb_options *o, bool take_over,
                   const struct lb_admin_host *host, char *words, size_t words_cap);
/* After serve_stop, before the loops and the feed are freed. */
void lb_admin_end(struct lb_admin *a);

/* Gives the addresses to the process that takes over. */
void lb_admin_release(struct lb_admin *a);

#endif
