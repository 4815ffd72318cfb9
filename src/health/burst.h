/* The burst of probes after an ICMP error: anybody can forge ICMP, so it convicts nobody, but it
 * makes us check at once.
 *
 * In:  ICMP errors and what left; out comes, once the burst's last probe has had its time to be
 * answered, a conviction.  Any answer ends it. */
#ifndef QHCP_HEALTH_BURST_H
#define QHCP_HEALTH_BURST_H

#include <stdbool.h>

#include "base/time.h"

#define BURST_PROBES 3      /* in a burst */
#define BURST_PROBES_MAX 16 /* the same where much is lost */
#define BURST_SPACING (500 * NSEC_PER_USEC)
#define BURST_RETRY (2 * NSEC_PER_MSEC)   /* a probe that could not leave */
#define BURST_PAUSE (200 * NSEC_PER_MSEC) /* between the beginnings of two bursts */

struct burst {
    bool active;           /* ICMP came; nothing has answered since */
    bool certain;          /* and what the burst provoked is certain ICMP again */
    bool newest;           /* the newest probe of all is the burst's */
    unsigned left;         /* probes still to be sent ... */
    unsigned size;         /* ... and of how many they are in all */
    qhcp_nsec not_before;  /* no burst begins before */
    qhcp_nsec begun, last; /* when its first and its last probe were sent */
    qhcp_nsec convict_at;  /* when its silence convicts; NSEC_NEVER: not all were sent */
};

enum burst_verdict {
    BURST_OPEN,      /* none active, or not yet its time */
    BURST_ONCE_MORE, /* excused: one more probe is to be sent */
    BURST_CONVICTS,
};

void burst_init(struct burst *b);

/* ICMP came.  True: a burst of so many probes begins; false: one is active, or was too lately. */
bool burst_begin(struct burst *b, qhcp_nsec now, unsigned size);

/* Certain ICMP came while the burst is active.  If the burst itself can have provoked it, it is no
 * forgery: nobody listens there, so there is no processing time to wait for. srtt: the round trip;
 * wait: for answers after the last probe, in that case. */
void burst_provoked(struct burst *b, qhcp_nsec now, qhcp_nsec srtt, qhcp_nsec wait);

/* A probe left.  True: it is the burst's.  wait: for answers, should it be the last one. */
bool burst_sent(struct burst *b, qhcp_nsec now, qhcp_nsec wait);

/* The newest probe, which was the burst's, did not leave after all. */
void burst_take_back(struct burst *b);

/* An answer came, or the connection is gone. */
void burst_end(struct burst *b);

/* What follows now. excuse: the silence may be our own fault (BURST_ONCE_MORE). */
enum burst_verdict burst_judge(struct burst *b, qhcp_nsec now, bool excuse);

#endif
