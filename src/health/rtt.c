#include "health/rtt.h"

#define GRANULARITY NSEC_PER_MSEC /* RFC 6298's G: how late we ourselves may be */

/* RFC 6298 goes on to raise every time-out to a second; without that its variance alone, which a
 * steady path lets shrink to nothing, would call the first queue on the way a miss.  So half of
 * srtt is always granted. */
static qhcp_nsec grace(const struct health *h, unsigned deviations)
{
    return nsec_max(nsec_max(deviations * h->rttvar, h->srtt / 2), GRANULARITY);
}

void rtt_stalled(struct health *h, qhcp_nsec now)
{
    h->stall = (struct rtt_stall){now, NSEC_NEVER, h->srtt, h->rttvar};
}

/* A server that stood still answers all at once what it was asked meanwhile: that says how long it
 * stood still, a dozen times, and the fastest of them how long the way is. */
static bool fastest(struct health *h, qhcp_nsec now, qhcp_nsec rtt)
{
    if (nsec_add(h->stall.until, rtt) <= now)
        return true; /* no stall's */
    if (rtt >= h->stall.least)
        return false;
    h->stall.least = rtt;
    h->srtt = h->stall.srtt;
    h->rttvar = h->stall.rttvar;
    return true;
}

void rtt_answered(struct health *h, qhcp_nsec now, qhcp_nsec rtt)
{
    if (fastest(h, now, rtt))
        rtt_sample(h, rtt);
}

void rtt_sample(struct health *h, qhcp_nsec rtt)
{
    qhcp_nsec gap;

    if (rtt == 0)
        rtt = 1; /* 0 means "no sample" */
    if (h->srtt == 0) {
        h->srtt = rtt;
        h->rttvar = rtt / 2;
        return;
    }
    gap = h->srtt > rtt ? h->srtt - rtt : rtt - h->srtt;
    h->rttvar = h->rttvar / 4 * 3 + gap / 4;
    h->srtt = nsec_max(h->srtt / 8 * 7 + rtt / 8, 1);
}

qhcp_nsec rtt_timeout(const struct health *h)
{
    qhcp_nsec most = nsec_max(h->config.interval, HEALTH_TIMEOUT_FIRST);
    qhcp_nsec rto = h->srtt == 0 ? HEALTH_TIMEOUT_FIRST : h->srtt + grace(h, 4);

    return nsec_min(nsec_max(nsec_add(rto, h->bound), HEALTH_TIMEOUT_MIN), most);
}

qhcp_nsec rtt_fast(const struct health *h)
{
    qhcp_nsec fast = h->srtt == 0 ? HEALTH_FAST_FIRST : h->srtt + grace(h, 2);

    return nsec_min(nsec_add(nsec_max(fast, HEALTH_FAST_MIN), h->bound), rtt_timeout(h));
}

qhcp_nsec rtt_burst(const struct health *h)
{
    qhcp_nsec wait = h->srtt == 0 ? HEALTH_FAST_FIRST : h->srtt + grace(h, 2);

    return nsec_min(nsec_add(nsec_max(wait, HEALTH_BURST_WAIT), h->certain ? 0 : h->bound),
                    rtt_timeout(h));
}
