/* The round-trip time of one server, smoothed, and the time-outs that follow from it. */
#ifndef QHCP_HEALTH_RTT_H
#define QHCP_HEALTH_RTT_H

#include <stdbool.h>

#include "base/time.h"

/* The time-out of a probe: the least, and without a sample (RFC 6298, 2.1), which is also the least
 * upper bound. */
#define RTT_TIMEOUT_MIN (10 * NSEC_PER_MSEC)
#define RTT_TIMEOUT_FIRST NSEC_PER_SEC
/* Of a probe that follows a miss; without a sample (RFC 9002, 6.2.2). */
#define RTT_FAST_MIN (5 * NSEC_PER_MSEC)
#define RTT_FAST_FIRST (333 * NSEC_PER_MSEC)
/* For answers to a burst, after its last probe. */
#define RTT_BURST_MIN (1500 * NSEC_PER_USEC)

/* The probes that were unanswered when a silence ended: of their answers only the fastest is a
 * sample. */
struct rtt_stall {
    qhcp_nsec until;        /* the probes were sent before; 0: there was no stall */
    qhcp_nsec least;        /* the fastest of their answers so far; NSEC_NEVER: none */
    qhcp_nsec srtt, rttvar; /* before the first of their answers */
};

#define RTT_SETTLES 32 /* samples: a 70th of a first one that was wrong is left by then */

/* Zeroed: no sample yet. */
struct rtt {
    qhcp_nsec srtt, rttvar; /* RFC 6298; srtt 0: no sample yet */
    qhcp_nsec bound;        /* how long the server may take to answer (ACK) */
    struct rtt_stall stall; /* the last one that ended */
    unsigned samples;       /* up to RTT_SETTLES */
};

void rtt_sample(struct rtt *r, qhcp_nsec rtt);

/* An answer came now: a sample, unless it is one of a stall's and not the fastest. */
void rtt_answered(struct rtt *r, qhcp_nsec now, qhcp_nsec rtt);

/* A silence ends now.  Of the answers to probes that were sent before, only the fastest will have
 * been a sample. */
void rtt_stalled(struct rtt *r, qhcp_nsec now);

/* The time-outs are the least, or the round trips differ by a quarter at most, or there were
 * RTT_SETTLES of them: then they just differ.  The first round trip is often one of a start's
 * bustle, and only more of them correct it.  True without a sample. */
bool rtt_settled(const struct rtt *r);

/* How long a probe may stay unanswered: srtt + 4 rttvar (RFC 6298, 2.3), at least 1.5 srtt, and the
 * server's bound, within [RTT_TIMEOUT_MIN, max(interval, 1 s)].  interval: between probes. */
qhcp_nsec rtt_timeout(const struct rtt *r, qhcp_nsec interval);

/* The same for a probe that follows a miss: srtt + 2 rttvar, at least 1.5 srtt and at least
 * RTT_FAST_MIN, and the bound; never more than rtt_timeout. */
qhcp_nsec rtt_fast(const struct rtt *r, qhcp_nsec interval);

/* The same after a burst that ICMP provoked: at least RTT_BURST_MIN, for the suspicion is strong.
 * certain: the burst provoked certain ICMP again, so that the bound does not count. */
qhcp_nsec rtt_burst(const struct rtt *r, qhcp_nsec interval, bool certain);

#endif
