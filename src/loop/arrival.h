/* The kernel's time stamps of datagrams, on the monotonic clock.
 *
 * The kernel stamps by the wall clock (SO_TIMESTAMPNS), which people and NTP set.  So both clocks
 * are read at every batch: their distance converts the batch's stamps.  When the distance has
 * changed by more than slewing explains, the wall clock was set, and stamps from before would be
 * wrong by as much: none is used until those have been read.  A wrong stamp is never after now. */
#ifndef QHCP_LOOP_ARRIVAL_H
#define QHCP_LOOP_ARRIVAL_H

#include <stdbool.h>
#include <time.h>

#include "base/time.h"

#define ARRIVAL_SLEW                                                                               \
    1000 /* the clocks drift apart by less than a 1,000th (the kernel: a 2,000th) ... */
#define ARRIVAL_READ                                                                               \
    (100 * NSEC_PER_USEC) /* ... and by what passes between reading the one and the other */
#define ARRIVAL_DISTRUST NSEC_PER_SEC /* after a step: older datagrams are read by then */

/* Zeroed: the clocks were never compared. */
struct arrival_clock {
    qhcp_nsec now;        /* monotonic, at the last comparison; 0: there was none */
    qhcp_nsec ahead;      /* the wall clock's time less the monotonic one's; it may wrap */
    qhcp_nsec trusted_at; /* no stamp is used before */
};

/* Both clocks, read now. */
void arrival_compare(struct arrival_clock *c, qhcp_nsec now, const struct timespec *wall);
/* The same, with the system's clocks. */
void arrival_look(struct arrival_clock *c);
/* The monotonic time of this stamp, at most that of the last comparison; 0: it cannot be known. */
qhcp_nsec arrival_time(const struct arrival_clock *c, const struct timespec *stamp);

#endif
