/* `qhcp lb` as a process: its parts, for the files that it is made of. */
#ifndef QHCP_DAEMON_LB_H
#define QHCP_DAEMON_LB_H

#include "conf/in_force.h"
#include "daemon/activated.h"
#include "daemon/announce.h"
#include "daemon/display.h"
#include "daemon/follow.h"
#include "daemon/forward.h"
#include "daemon/handover.h"
#include "daemon/hosts.h"
#include "daemon/large_pages.h"
#include "daemon/lb_admin.h"
#include "daemon/lb_options.h"
#include "daemon/lb_reload.h"
#include "daemon/log_part.h"
#include "daemon/probes.h"
#include "daemon/publisher.h"
#include "daemon/recording.h"
#include "daemon/serve.h"
#include "daemon/service.h"
#include "daemon/telling.h"
#include "daemon/wishes.h"
#include "loop/loop.h"
#include "loop/resolve.h"
#include "loop/route.h"

#include <qhcp/lb.h>

struct lb {
    struct lb_reload reload;
    struct lb_options options;
    struct in_force in_force; /* the same, for other threads */
    struct qhcp_lb *core;
    struct loop *loop;
    struct loop_part part;    /* the core's */
    struct loop_part leaving; /* on the loop while connections end before we stop */
    qhcp_nsec look_at;        /* leaving: at whether they have */
    struct serve *serve;
    struct hosts *hosts;
    struct route route;
    struct display display;
    struct log_part log;
    struct activated activated;
    struct service service;
    struct announce announce;
    struct probes probes;
    struct publisher publisher;
    struct wishes wishes;
    struct lb_admin admin;
    struct forward forward;
    struct follow follow;
    struct handover handover;
    bool stopping;
    bool handed_over; /* another process has the port; our sessions end, our connections go on */
    struct large_pages large_pages;
    struct recording recording;
    struct telling telling;
    qhcp_nsec patience;   /* the core's, as the loop was told */
    qhcp_nsec drained_by; /* leaving: until then at most */
};

/* lb_core.c: what the loop tells the core, and the core the other parts.  The caller adds `signal`
 * to the client. */
struct loop_client lb_core_client(struct lb *lb);
struct qhcp_lb_config lb_core_config(struct lb *lb);
void lb_core_resolved(void *ctx, const struct resolve_answer *answer);
/* The core's part, on the loop until loop_remove(&lb->part). */
void lb_core_join(struct lb *lb);

#endif
