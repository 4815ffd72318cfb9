#include "health/judge.h"

#include "health/verdict.h"

static unsigned score(const struct health *h, qhcp_nsec now)
{
    return h->config.local ? local_score(h->config.local, now) : 0;
}

bool judge_ill(const struct health *h, qhcp_nsec now)
{
    return score(h, now) > 0;
}

struct silence_waits judge_waits(const struct health *h, qhcp_nsec now)
{
    return (struct silence_waits){.timeout = rtt_timeout(&h->rtt, h->config.interval),
                                  .fast = rtt_fast(&h->rtt, h->config.interval),
                                  .interval = h->config.interval,
                                  .patience = score(h, now) + 1};
}

qhcp_nsec judge_regular(const struct health *h)
{
    return h->beat.interval > 0 && h->config.check > 0 ? h->config.check : h->config.interval;
}

void judge_expect(struct health *h, qhcp_nsec now)
{
    qhcp_nsec late = beat_tolerance(&h->beat, h->rtt.bound) * (score(h, now) + 1);

    if (h->beat.interval > 0)
        silence_expect(&h->silence, h->beat.at, nsec_add(h->beat.at, late));
}

void judge_idle(struct health *h, qhcp_nsec next)
{
    h->beat = (struct beat){0};
    silence_forget(&h->silence);
    burst_end(&h->burst);
    h->asked = false;
    h->phase = HEALTH_IDLE;
    h->next = next;
}

static void keep_evidence(struct health *h, qhcp_nsec now)
{
    const struct silence *s = &h->silence;
    bool missed = s->misses > 0;

    h->evidence = (struct evidence){.at = now,
                                    .misses = s->misses,
                                    .misses_asked = missed ? s->demand.misses : 0,
                                    .span = missed ? now - s->first : 0,
                                    .span_asked = missed ? s->demand.window : 0,
                                    .share = loss_share(&h->loss),
                                    .dials = h->phase == HEALTH_DIALING ? h->fails : 0,
                                    .signal = h->signal,
                                    .signal_at = h->signal_at,
                                    .srtt = h->rtt.srtt,
                                    .ring = h->ring};
}

void judge_state(struct health *h, qhcp_nsec now, enum qhcp_state state, enum health_cause cause,
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

/* Why a server that is down already is still down: a failure that tells less than what is known
 * leaves the cause alone; what the server said itself no longer holds once it is gone. */
static enum health_cause still_down(const struct health *h, enum health_cause cause)
{
    bool gone = h->cause != HEALTH_CAUSE_STATUS && h->cause != HEALTH_CAUSE_METRICS &&
                h->cause != HEALTH_CAUSE_REFUSED && h->cause != HEALTH_CAUSE_HELD &&
                h->cause != HEALTH_CAUSE_DATA_PORT;

    return gone && cause != HEALTH_CAUSE_REFUSED ? h->cause : cause;
}

/* A verdict for silence, on a session that may still live: its reason is kept until the session
 * answers again. */
static void accuse(struct health *h)
{
    const struct silence *s = &h->silence;
    qhcp_nsec from = s->since > 0 ? s->since : h->burst.begun;

    if (h->cause == HEALTH_CAUSE_SILENCE || h->cause == HEALTH_CAUSE_UNREACHABLE)
        h->accused_from = s->misses > 0 ? s->first : from;
}

void judge_down(struct health *h, qhcp_nsec now, enum health_cause cause, struct health_step *ret)
{
    ret->lost = h->phase == HEALTH_WATCHING && cause != HEALTH_CAUSE_REFUSED;
    if (h->session.stopped && cause != HEALTH_CAUSE_REFUSED)
        cause = HEALTH_CAUSE_STOPPED;
    if (h->state == QHCP_DOWN)
        cause = still_down(h, cause);
    judge_state(h, now, QHCP_DOWN, cause, ret);
    if (ret->lost && ret->verdict)
        accuse(h);
    ret->drop = true;
    judge_idle(h, nsec_add(now, h->config.reconnect_interval));
}

void judge_dial(struct health *h, qhcp_nsec now, enum health_cause cause, struct health_step *ret)
{
    unsigned before = h->fails;

    if (cause == HEALTH_CAUSE_NO_HANDSHAKE && h->dial.closed)
        cause = HEALTH_CAUSE_CLOSED;
    if (cause == HEALTH_CAUSE_NO_HANDSHAKE && h->state != QHCP_DOWN && judge_ill(h, now)) {
        judge_idle(h, nsec_add(now, DIAL_RETRY)); /* the answer may have come unread */
        return;
    }
    h->fails++;
    if (h->state == QHCP_DOWN) {
        h->cause = still_down(h, cause);
        judge_idle(h, dial_reconnect(&h->dial, now, h->config.reconnect_interval));
    } else if (h->fails >= h->config.fall) {
        judge_down(h, now, cause, ret);
    } else {
        judge_idle(h, dial_retry(now, h->config.interval, before));
    }
}

void judge_acquit(struct health *h)
{
    if (h->burst.active || h->silence.misses > 0)
        h->next = h->grid.at;
    burst_end(&h->burst);
    silence_acquit(&h->silence);
    h->fails = 0;
}

/* The session that was given up has answered.  What ICMP explains is no stall. */
static void refute(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    ret->refuted = nsec_max(now - h->accused_from, 1);
    h->accused_from = 0;
    h->false_verdicts++;
    if (h->cause == HEALTH_CAUSE_SILENCE)
        loss_false(&h->loss, now, ret->refuted - nsec_min(h->rtt.srtt, ret->refuted));
}

/* How far stalls may widen the window.  A site whose window is the least wants silences of that
 * length found, whatever they were; one that allows more is taken at its word. */
static qhcp_nsec taught(const struct health *h)
{
    return h->config.window > HEALTH_WINDOW ? HEALTH_TAUGHT * (h->config.window - HEALTH_WINDOW)
                                            : 0;
}

/* When a silence ended, of which the answer came at `at`.  One that stood still answers the check
 * first that it missed first, so that the answer's arrival counts; where stalls teach nothing, the
 * sending of what was answered does, which tells how long packets were lost. */
static qhcp_nsec silence_end(const struct health *h, qhcp_nsec at, qhcp_nsec rtt)
{
    qhcp_nsec back = h->rtt.srtt > 0 && taught(h) > 0 ? nsec_min(rtt, h->rtt.srtt) : rtt;

    return at > back ? at - back : 0;
}

static void learn(struct health *h, qhcp_nsec now, qhcp_nsec at, qhcp_nsec rtt)
{
    if (h->silence.misses == 0) {
        loss_answered(&h->loss);
    } else if (h->session.answered) {
        struct loss_silence s = silence_ended(&h->silence, silence_end(h, at, rtt));

        loss_silence(&h->loss, now, &s);
    }
    if (h->silence.misses > 0)
        rtt_stalled(&h->rtt, at);
    if (at >=
        nsec_add(h->session.from, rtt)) /* else its check went out before the session was lost */
        rtt_answered(&h->rtt, at, rtt);
}

/* A silence without missing beats is one of requests, which beats say nothing of.  Behind one with
 * missing beats the way to the server is looked at, at once. */
void judge_beat(struct health *h, qhcp_nsec now, qhcp_nsec at)
{
    struct loss_silence s = silence_ended(&h->silence, at);

    if (s.misses == 0 && !h->burst.active) {
        loss_beat(&h->loss);
        return;
    }
    if (s.beats == 0 && !h->burst.active)
        return;
    if (s.beats > 0 && h->session.answered) {
        s.by_beat = true;
        if (taught(h) ==
            0) /* when packets passed again, answers tell; a beat tells how long it stood */
            s.length = nsec_min(s.length, s.head);
        loss_silence(&h->loss, now, &s);
        rtt_stalled(&h->rtt, now);
    }
    judge_acquit(h);
    h->next = nsec_min(h->next, now);
}

/* The slack covers time stamps that differ between sending and session. */
void judge_answer(struct health *h, qhcp_nsec now, qhcp_nsec at, qhcp_nsec rtt,
                  struct health_step *ret)
{
    qhcp_nsec slack = nsec_min(h->config.interval / 2, NSEC_PER_MSEC);
    qhcp_nsec sent = at > rtt ? at - rtt : 0;

    if (h->accused_from > 0)
        refute(h, now, ret);
    silence_answered(&h->silence, sent, slack);
    evidence_answered(&h->ring, sent, slack, rtt);
    learn(h, now, at, rtt);
    judge_acquit(h);
    if (h->silence.beat.due == NSEC_NEVER) /* the one before it did not come */
        judge_expect(h, now);
}

void judge_status(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    const struct verdict_facts facts = {.state = h->state,
                                        .cause = h->cause,
                                        .status = h->session.status,
                                        .complete = h->session.complete,
                                        .stopped = h->session.stopped,
                                        .port_bad = h->port_bad,
                                        .ill = judge_ill(h, now),
                                        .risen = h->session.risen >= h->config.rise,
                                        .held = flap_held(&h->flap, now)};
    struct verdict v = verdict_of(&facts);

    if (v.soon)
        h->next = nsec_min(h->next, nsec_add(now, rtt_fast(&h->rtt, h->config.interval)));
    judge_state(h, now, v.state, v.cause, ret);
}

/* Our own lateness is forgiven once, our trouble while it lasts. */
void judge_burst(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    struct burst *b = &h->burst;
    qhcp_nsec wait = rtt_burst(&h->rtt, h->config.interval, b->certain);
    bool ill = judge_ill(h, now);
    bool late = !h->silence.excused && silence_too_late(now, b->convict_at, wait);

    switch (burst_judge(b, now, ill || late)) {
    case BURST_OPEN:
        break;
    case BURST_ONCE_MORE: {
        struct silence_waits waits = judge_waits(h, now);

        h->silence.excused = true;
        h->next = ill ? nsec_add(now, silence_pace(&h->silence, &waits)) : now;
        silence_unheard(&h->silence, b->last);
        break;
    }
    case BURST_CONVICTS:
        h->fails += b->size;
        judge_down(h, now, HEALTH_CAUSE_UNREACHABLE, ret);
        break;
    }
}

/* What a silence that begins now must amount to.  A server that is down, or was never up, has
 * nothing to lose by a verdict. */
static struct loss_demand demand(const struct health *h, qhcp_nsec now)
{
    const struct health_config *c = &h->config;
    bool known = h->state != QHCP_CONNECTING && h->state != QHCP_DOWN;
    const struct loss_terms terms = {.interval = c->interval,
                                     .fast = rtt_fast(&h->rtt, c->interval),
                                     .least = c->window > 0 ? c->window + h->rtt.srtt : 0,
                                     .taught = taught(h),
                                     .fall = c->fall,
                                     .budget = known ? c->budget : 0};
    struct loss_demand d;

    loss_ask(&h->loss, now, &terms, &d);
    return d;
}

static struct silence_terms silence_terms(const struct health *h, qhcp_nsec now)
{
    const struct local *l = h->config.local;
    struct silence_terms t = {.fall = h->config.fall,
                              .ceiling = nsec_max(LOSS_CEILING, h->config.window),
                              .ill = judge_ill(h, now),
                              .blocked_at = l ? l->blocked_at : 0,
                              .others = l && local_asking(l, now) ? LOCAL_ASK_MOST : 0,
                              .next = h->next};

    if (h->silence.misses == 0 && now >= h->silence.timeout_at)
        t.demand = demand(h, now);
    return t;
}

/* Nothing is expected before an answer, or another beat, has come; unless it is not held against
 * the server. */
static void miss_beat(struct health *h, qhcp_nsec now)
{
    evidence_no_beat(&h->ring, h->beat.at);
    beat_missed(&h->beat, now);
    if (h->silence.misses == 0)
        judge_expect(h, now);
}

/* Too many went down just now: nothing is held against it until now, though it is still a suspect,
 * and its next regular checks find the same again. */
static bool hold(struct health *h, qhcp_nsec now)
{
    qhcp_nsec since = h->silence.since;

    if (!verdict_serves(h->state) || h->burst.active || !h->config.brake ||
        brake_take(h->config.brake, now))
        return false;
    h->cause = HEALTH_CAUSE_BRAKE;
    h->next = nsec_max(h->grid.at, now);
    silence_acquit(&h->silence);
    h->silence.since = since;
    return true;
}

void judge_silence(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    const struct silence *s = &h->silence;
    struct silence_terms terms = silence_terms(h, now);
    struct silence_report found;
    bool more; /* than what is held against it */

    silence_judge(&h->silence, now, &terms, &found);
    for (unsigned i = 0; i < found.n; i++)
        evidence_missed(&h->ring, found.missed[i]);
    if (found.beat)
        miss_beat(h, now);
    h->fails += found.n + found.beat;
    if (found.hurry)
        h->next = nsec_min(h->next, now);
    if (!found.convicts || hold(h, now))
        return;
    more = s->unheard > s->misses;
    ret->misses = more ? s->unheard : s->misses;
    ret->span = now - (more ? s->since : s->first);
    judge_down(h, now, h->burst.active ? HEALTH_CAUSE_UNREACHABLE : HEALTH_CAUSE_SILENCE, ret);
}
