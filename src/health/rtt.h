/* The round-trip time of one server, smoothed, and the time-outs that follow from it. */
#ifndef QHCP_HEALTH_RTT_H
#define QHCP_HEALTH_RTT_H

#include "health/health.h"

void rtt_sample(struct health *h, qhcp_nsec rtt);

/* An answer came now: a sample, unless it is one of a stall's. */
void rtt_answered(struct health *h, qhcp_nsec now, qhcp_nsec rtt);

/* A silence ends now.  Of the answers to checks that were sent before, only the fastest will have
 * been a sample. */
void rtt_stalled(struct health *h, qhcp_nsec now);

/* How long a probe may stay unanswered: srtt + 4 rttvar (RFC 6298, 2.3), at least 1.5 srtt, and the
 * server's bound, within [HEALTH_TIMEOUT_MIN, max(interval, 1 s)]. */
qhcp_nsec rtt_timeout(const struct health *h);

/* The same for a probe that follows a miss: srtt + 2 rttvar, at least 1.5 srtt and at least 5 ms,
 * and the bound; never more than rtt_timeout. */
qhcp_nsec rtt_fast(const struct health *h);

/* The same after a burst that ICMP provoked: at least 1.5 ms, for the suspicion is strong; without
 * the bound where the burst provoked certain ICMP again. */
qhcp_nsec rtt_burst(const struct health *h);

#endif
