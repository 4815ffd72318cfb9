/* A server that leaves: its TERMINATE is acknowledged when none of our connections goes to it any
 * more, or when its time is up. */
#ifndef QHCP_LB_LEAVE_H
#define QHCP_LB_LEAVE_H

#include "base/time.h"

struct backend;

#define LEAVE_LOOK (20 * NSEC_PER_MSEC)  /* how often our connections to it are counted */
#define LEAVE_EARLY (50 * NSEC_PER_MSEC) /* before its deadline, so that our answer reaches it */
#define LEAVE_MAX (60 * NSEC_PER_SEC)    /* unless the configuration says otherwise */

/* Embedded in struct backend; only leave.c changes it.  Of no meaning unless the session's state is
 * LEAVING. */
struct leave {
    qhcp_nsec until; /* our connections may go on until then at most, ... */
    qhcp_nsec look;  /* ... and are counted again then */
};

/* TERMINATE came, with this deadline from now. */
void leave_begin(struct backend *b, qhcp_nsec now, qhcp_nsec deadline);
qhcp_nsec leave_deadline(const struct backend *b);
void leave_expire(struct backend *b, qhcp_nsec now);

#endif
