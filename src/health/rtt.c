#include "health/rtt.h"

#define GRANULARITY NSEC_PER_MSEC /* RFC 6298's G: how late we ourselves may be */

/* RFC 6298 also raises every time-out to a second.  Without that, its variance shrinks to nothing
 * on a steady path, and the first queue on the path would be a miss.  So half of srtt is always
 * added. */
static qhcp_nsec grace(const struct rtt *r, unsigned deviations)
{
    return nsec_max(nsec_max(deviations * r->rttvar, r->srtt / 2), GRANULARITY);
}

void rtt_stalled(struct rtt *r, qhcp_nsec now)
{
    r->stall = (struct rtt_stall){now, NSEC_NEVER, r->srtt, r->rttvar};
}

/* A server that stood still answers all at once what it was asked meanwhile: that says how long it
 * stood still, a dozen times, and the fastest of them how long the way is. */
static bool fastest(struct rtt *r, qhcp_nsec now, qhcp_nsec rtt)
{
    if (nsec_add(r->stall.until, rtt) <= now)
        return true; /* no stall's */
    if (rtt >= r->stall.least)
        return false;
    r->stall.least = rtt;
    r->srtt = r->stall.srtt;
    r->rttvar = r->stall.rttvar;
    return true;
}

void rtt_answered(struct rtt *r, qhcp_nsec now, qhcp_nsec rtt)
{
    if (fastest(r, now, rtt))
        rtt_sample(r, rtt);
}

void rtt_sample(struct rtt *r, qhcp_nsec rtt)
{
    qhcp_nsec gap;

    if (rtt == 0)
        rtt = 1; /* 0 means "no sample" */
    if (r->samples < RTT_SETTLES)
        r->samples++;
    if (r->srtt == 0) {
        r->srtt = rtt;
        r->rttvar = rtt / 2;
        return;
    }
    gap = r->srtt > rtt ? r->srtt - rtt : rtt - r->srtt;
    r->rttvar = r->rttvar / 4 * 3 + gap / 4;
    r->srtt = nsec_max(r->srtt / 8 * 7 + rtt / 8, 1);
}

bool rtt_settled(const struct rtt *r)
{
    return r->samples == RTT_SETTLES || r->srtt + grace(r, 2) <= RTT_FAST_MIN ||
           r->rttvar <= r->srtt / 4;
}

qhcp_nsec rtt_timeout(const struct rtt *r, qhcp_nsec interval)
{
    qhcp_nsec most = nsec_max(interval, RTT_TIMEOUT_FIRST);
    qhcp_nsec rto = r->srtt == 0 ? RTT_TIMEOUT_FIRST : r->srtt + grace(r, 4);

    return nsec_min(nsec_max(nsec_add(rto, r->bound), RTT_TIMEOUT_MIN), most);
}

qhcp_nsec rtt_fast(const struct rtt *r, qhcp_nsec interval)
{
    qhcp_nsec fast = r->srtt == 0 ? RTT_FAST_FIRST : r->srtt + grace(r, 2);

    return nsec_min(nsec_add(nsec_max(fast, RTT_FAST_MIN), r->bound), rtt_timeout(r, interval));
}

qhcp_nsec rtt_burst(const struct rtt *r, qhcp_nsec interval, bool certain)
{
    qhcp_nsec wait = r->srtt == 0 ? RTT_FAST_FIRST : r->srtt + grace(r, 2);

    return nsec_min(nsec_add(nsec_max(wait, RTT_BURST_MIN), certain ? 0 : r->bound),
                    rtt_timeout(r, interval));
}
