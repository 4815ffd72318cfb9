/* Whose turn it is to begin a handshake.
 *
 * A handshake costs both sides most of a millisecond, and what it brings waits in our receive
 * buffer until we read it.  10,000 at once would overflow that buffer, time out unread and begin
 * again.  So attempts wait in a queue, those first whose servers are probably alive, and a window
 * says how many may be without an answer.  The window follows our own lateness: it grows by one
 * with each attempt that leaves it, and shrinks when our owner comes late.
 *
 * An attempt leaves the window when its handshake ends, or STARTS_PATIENCE after it began: a server
 * that is silent costs no time, and others need not wait for it.  It costs memory, though, so it
 * counts among STARTS_MOST until it ends.
 *
 * Pure: no clock, no allocation.  The nodes live in their owners' structs. */
#ifndef QHCP_LB_STARTS_H
#define QHCP_LB_STARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

#define STARTS_WINDOW 32 /* to begin with: their answers fill half of Linux's default buffer */
#define STARTS_WINDOW_MIN 4
#define STARTS_WINDOW_MAX 128
#define STARTS_MOST 1024 /* attempts under way in all, 45 kB each */
/* More, for servers that are alive: a thousand that are silent do not keep out one that restarts.
 */
#define STARTS_MOST_ALIVE 64
#define STARTS_PATIENCE (100 * NSEC_PER_MSEC)    /* for the first answer */
#define STARTS_LATE (10 * NSEC_PER_MSEC)         /* later than this the window shrinks ... */
#define STARTS_SHRINK_PAUSE (50 * NSEC_PER_MSEC) /* ... and not again before */

/* In the order of their turns. */
enum starts_rank {
    STARTS_ALIVE = 0, /* it said so, or it was up a moment ago */
    STARTS_KNOWN,     /* it was there within the last day: there is a session ticket */
    STARTS_NEW,
    STARTS_FAILED, /* the attempt before failed */
    STARTS_RANKS,
};

enum starts_place {
    STARTS_NOWHERE = 0,
    STARTS_WAITING,   /* in the queue */
    STARTS_IN_WINDOW, /* begun, and not answered */
    STARTS_SLOW,      /* the same, for longer than STARTS_PATIENCE */
};

/* Embedded in struct backend; only starts.c changes it.  Zeroed: nowhere. */
struct start {
    struct start *prev, *next;
    enum starts_place place;
    enum starts_rank rank; /* while it waits */
    qhcp_nsec at;          /* when it began */
};

/* Of all; embedded in struct qhcp_lb. */
struct starts {
    struct start *queues[STARTS_RANKS];
    struct start *begun; /* those in the window, oldest first */
    size_t waiting, in_window, slow;
    unsigned window;
    bool full;             /* the window is what others wait for */
    qhcp_nsec shrink_from; /* it neither shrinks nor grows before */
    qhcp_nsec now;         /* of the newest call */
};

void starts_init(struct starts *s, qhcp_nsec now);
/* It wants to begin: it waits from now on, behind those of its rank.  One that waits already keeps
 * its place, unless its rank is now a better one. */
void starts_wait(struct starts *s, qhcp_nsec now, struct start *start, enum starts_rank rank);
/* Whose turn it is: it begins now.  NULL: nobody waits, or there is no room. */
struct start *starts_next(struct starts *s, qhcp_nsec now);
/* Its handshake is done or has failed, or it no longer wants to begin.  No matter where it is. */
void starts_leave(struct starts *s, qhcp_nsec now, struct start *start);
void starts_shrink(struct starts *s, qhcp_nsec now);
/* Our owner came this late. */
static inline void starts_late(struct starts *s, qhcp_nsec now, qhcp_nsec late)
{
    if (late > STARTS_LATE)
        starts_shrink(s, now);
}
/* When starts_next may have another answer; NSEC_NEVER: not before a starts_leave. */
qhcp_nsec starts_deadline(const struct starts *s);

static inline bool starts_waiting(const struct start *start)
{
    return start->place == STARTS_WAITING;
}

#endif
