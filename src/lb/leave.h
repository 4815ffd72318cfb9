/* A server that wants no new connections, while some of ours are open.  One that drains is told how
 * many there are, with every request, and at once when there are none any more.  One that leaves
 * gets the answer to its TERMINATE then, or when its time is up. */
#ifndef QHCP_LB_LEAVE_H
#define QHCP_LB_LEAVE_H

#include "base/time.h"

struct backend;

#define LEAVE_LOOK (20 * NSEC_PER_MSEC)  /* how often our connections to it are counted */
#define LEAVE_EARLY (50 * NSEC_PER_MSEC) /* before its deadline, so that our answer reaches it */
#define LEAVE_LATE (500 * NSEC_PER_MSEC) /* that we may have been when its TERMINATE came */
#define LEAVE_MAX (60 * NSEC_PER_SEC)    /* unless the configuration says otherwise */

/* Embedded in struct backend; only leave.c changes it.  Of no meaning unless the session's state is
 * LEAVING, or the server's status says that it wants no new connections. */
struct leave {
    qhcp_nsec until; /* LEAVING: our connections may go on until then at most */
    qhcp_nsec look;  /* they are counted then; NSEC_NEVER: none are left, and it knows */
};

/* TERMINATE came, with this deadline from now. */
void leave_begin(struct backend *b, qhcp_nsec now, qhcp_nsec deadline);
/* The session has ended before our answer left.  At about the deadline that is the deadline: we
 * were too late for it, and our connections end all the same. */
void leave_ended(struct backend *b, qhcp_nsec now);
/* The server's status is another.  The first count waits for the forwarder to know. */
void leave_status(struct backend *b, qhcp_nsec now);
qhcp_nsec leave_deadline(const struct backend *b);
void leave_expire(struct backend *b, qhcp_nsec now);

#endif
