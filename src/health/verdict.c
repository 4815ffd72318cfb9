#include "health/verdict.h"

#include "health/rtt.h"

static void keep_evidence(struct health *h, qhcp_nsec now)
{
    h->evidence = (struct evidence){.at = now,
                                    .misses = h->misses,
                                    .misses_asked = h->misses > 0 ? h->demand.misses : 0,
                                    .span = h->misses > 0 ? now - h->first_miss_sent : 0,
                                    .span_asked = h->misses > 0 ? h->demand.window : 0,
                                    .share = loss_share(&h->loss),
                                    .dials = h->phase == HEALTH_DIALING ? h->fails : 0,
                                    .signal = h->signal,
                                    .signal_at = h->signal_at,
                                    .srtt = h->srtt,
                                    .ring = h->ring};
}

bool verdict_serves(enum qhcp_state state)
{
    return state == QHCP_UP || state == QHCP_DEGRADED;
}

void verdict_set(struct health *h, qhcp_nsec now, enum qhcp_state state, enum health_cause cause,
                 struct health_step *ret)
{
    h->cause = cause;
    if (h->state == state)
        return;
    if (state == QHCP_DOWN) {
        keep_evidence(h, now);
        if (verdict_serves(h->state) && cause != HEALTH_CAUSE_STOPPED)
            flap_fault(&h->flap, now, h->config.flap_hold);
    } else if (h->state == QHCP_DOWN) {
        h->flap.recovered_at = now;
    }
    ret->verdict = true;
    ret->from = h->state;
    h->state = state;
}

void verdict_accused(struct health *h)
{
    qhcp_nsec from = h->silent_since > 0 ? h->silent_since : h->burst_begun;

    if (h->cause == HEALTH_CAUSE_SILENCE || h->cause == HEALTH_CAUSE_UNREACHABLE)
        h->accused_from = h->misses > 0 ? h->first_miss_sent : from;
}

/* What ICMP explains is no stall. */
void verdict_refuted(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    ret->refuted = nsec_max(now - h->accused_from, 1);
    h->accused_from = 0;
    h->false_verdicts++;
    if (h->cause == HEALTH_CAUSE_SILENCE)
        loss_false(&h->loss, now, ret->refuted - nsec_min(h->srtt, ret->refuted));
}

bool verdict_ill(const struct health *h, qhcp_nsec now)
{
    return h->config.local && local_score(h->config.local, now) > 0;
}

/* A server that was down and now wants traffic again: not before it has answered often enough, the
 * next time soon, nor while its flapping is held against it. */
static bool may_rise(struct health *h, qhcp_nsec now)
{
    if (h->state != QHCP_DOWN)
        return true;
    if (h->risen < h->config.rise) {
        h->next = nsec_min(h->next, nsec_add(now, rtt_fast(h)));
        return false;
    }
    if (flap_held(&h->flap, now)) {
        h->cause = HEALTH_CAUSE_HELD;
        return false;
    }
    return true;
}

/* What it says of itself is good: does its data port agree?  Our own illness may be why it seems
 * not to; then what holds stays. */
static bool port_denies(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (!h->port_bad)
        return false;
    if (h->state == QHCP_DOWN || !verdict_ill(h, now))
        verdict_set(h, now, QHCP_DOWN, HEALTH_CAUSE_DATA_PORT, ret);
    return true;
}

static void serving(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (may_rise(h, now))
        verdict_set(h, now, QHCP_UP, h->complete ? HEALTH_CAUSE_NONE : HEALTH_CAUSE_METRICS, ret);
}

void verdict_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret)
{
    static const enum qhcp_state states[] = {
        [QHCP_STATUS_DEGRADED] = QHCP_DEGRADED,
        [QHCP_STATUS_DRAINING] = QHCP_DRAINING,
        [QHCP_NOT_SERVING] = QHCP_DOWN,
        [QHCP_STATUS_MAINTENANCE] = QHCP_MAINTENANCE,
    };

    if (status >= sizeof states / sizeof states[0])
        status = QHCP_NOT_SERVING;
    if (h->stopped && status != QHCP_NOT_SERVING)
        status = QHCP_STATUS_DRAINING;
    if (status <= QHCP_STATUS_DEGRADED && port_denies(h, now, ret))
        return;
    if (status == QHCP_SERVING)
        serving(h, now, ret);
    else if (status != QHCP_STATUS_DEGRADED || may_rise(h, now))
        verdict_set(h, now, states[status], HEALTH_CAUSE_STATUS, ret);
}
