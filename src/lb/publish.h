/* What others see of a server: every change of it passes through here.
 *
 * So a reader that keeps a picture of the servers learns what is new, and need not look at all of
 * them.  In: marks from the files that change something, and each backend after it was touched;
 * out: the configuration's callbacks:  `event` at once for each step from state to state, and
 * `changed` once a server at the end of the public call, when every view is settled.
 *
 * Not announced: counts of checks and round trips, which change with every check, and words that
 * only time changes.  A callback may look at views, and must not call into the core. */
#ifndef QHCP_LB_PUBLISH_H
#define QHCP_LB_PUBLISH_H

#include <qhcp/lb.h>

struct backend;

/* A server as it was last announced, and what will be announced at the end of this call.  Zeroed:
 * nothing was.  Embedded in struct backend; only publish.c changes it. */
struct publish {
    unsigned what; /* enum qhcp_change */
    enum qhcp_state state;
    enum qhcp_cause cause;
    unsigned weight, share;
    qhcp_nsec since; /* when the state began */
};

/* `what` (enum qhcp_change) of b has changed: announced when it is settled. */
void publish_mark(struct backend *b, unsigned what);
/* b is settled: announces what was marked, and a changed state, cause or share. */
void publish_look(struct backend *b, qhcp_nsec now);

/* b is listed now. */
void publish_added(struct backend *b);
/* A step from state to state: an event, at once. */
void publish_event(struct backend *b, enum qhcp_state from, enum qhcp_state to, const char *reason);
/* A session was established. */
void publish_session(struct backend *b);
/* b is about to leave the list: announced at once.  more: so are others of the same call. */
void publish_removed(struct backend *b, bool more);

#endif
