/* Failure detection for one server.
 *
 * For: a fast verdict if the server is gone, and none if it is not.  In: what the owner saw
 * (answers, signals, that a probe left or could not); out: steps: probe, dial, drop, verdict.
 * Three rules: any answer acquits; what did not leave, or what we were too late to see, does not
 * count against the server; what can be forged (ICMP) convicts nobody, it only makes us check
 * sooner.
 *
 * It never sends or connects by itself, and asks for at most one probe a step: what is due stays
 * due until the owner reports that it was done. */
#include "health/health.h"

#include "health/judge.h"
#include "health/verdict.h"

qhcp_nsec health_window(qhcp_nsec interval)
{
    qhcp_nsec window = interval > HEALTH_WINDOW_FROM ? (interval - HEALTH_WINDOW_FROM) / 4 * 3 : 0;

    return nsec_min(nsec_max(window, HEALTH_WINDOW), HEALTH_WINDOW_MOST);
}

void health_init(struct health *h, const struct health_config *config, qhcp_nsec start)
{
    *h = (struct health){.config = *config, .state = QHCP_CONNECTING, .next = start, .signal = -1};
    loss_init(&h->loss);
    silence_init(&h->silence);
    burst_init(&h->burst);
}

void health_configure(struct health *h, const struct health_config *config, qhcp_nsec now)
{
    h->config = *config;
    if (h->phase == HEALTH_WATCHING) {
        grid_hasten(&h->grid, now, judge_regular(h));
        h->next = nsec_min(h->next, h->grid.at);
    } else if (h->phase == HEALTH_IDLE && h->state == QHCP_DOWN) {
        h->next = nsec_min(h->next, nsec_add(now, config->reconnect_interval));
    }
}

/* What is due of probe and dial. */
static void ask(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (h->phase == HEALTH_DIALING || now < h->next)
        return;
    if (h->phase == HEALTH_IDLE)
        ret->dial = true;
    else
        ret->probe = h->asked = true;
}

void health_dialed(struct health *h, qhcp_nsec now)
{
    judge_idle(h, NSEC_NEVER);
    h->phase = HEALTH_DIALING;
    dial_begin(&h->dial, now);
}

void health_established(struct health *h, qhcp_nsec now, qhcp_nsec bound)
{
    h->rtt.bound = bound;
    h->accused_from = 0; /* no event of the session before it counts any more */
    health_found(h, now);
}

void health_found(struct health *h, qhcp_nsec now)
{
    judge_idle(h, now);
    h->phase = HEALTH_WATCHING;
    grid_begin(&h->grid, now);
    h->session = (struct health_session){.from = now};
    h->dial.closed = false;
}

void health_sent(struct health *h, qhcp_nsec now)
{
    const struct silence_waits waits = judge_waits(h, now);
    const struct grid_terms terms = {.interval = judge_regular(h),
                                     .phase = h->config.phase,
                                     .tick = h->config.tick ? *h->config.tick : 0};
    qhcp_nsec wait = 0;

    if (h->phase != HEALTH_WATCHING)
        return;
    if (h->burst.active)
        wait = rtt_burst(&h->rtt, h->config.interval, h->burst.certain);
    h->asked = false;
    grid_advance(&h->grid, now, &terms);
    h->next = h->grid.at;
    if (h->silence.misses > 0)
        h->next = nsec_add(now, silence_pace(&h->silence, &waits));
    if (!burst_sent(&h->burst, now, wait))
        silence_sent(&h->silence, now, &waits);
    if (h->burst.left > 0)
        h->next = nsec_min(h->next, nsec_add(now, BURST_SPACING));
    evidence_sent(&h->ring, now);
}

void health_dial_turn(struct health *h, qhcp_nsec now)
{
    dial_turn(&h->dial, now);
}

qhcp_nsec health_slot(const struct health *h, qhcp_nsec now)
{
    bool regular = h->phase == HEALTH_WATCHING && h->grid.shifted && now >= h->grid.at &&
                   h->silence.misses == 0 && !h->burst.active;

    return regular ? h->grid.at : 0;
}

/* What was said to be sent did not leave. */
static void take_back(struct health *h)
{
    if (h->burst.newest)
        burst_take_back(&h->burst);
    else
        silence_take_back(&h->silence);
    evidence_unsent(&h->ring);
}

void health_not_sent(struct health *h, qhcp_nsec now)
{
    qhcp_nsec pause = nsec_min(h->config.interval, HEALTH_RETRY);

    if (h->phase != HEALTH_WATCHING)
        return;
    if (!h->asked)
        take_back(h);
    h->asked = false;
    h->next = nsec_add(now, h->burst.active ? nsec_min(pause, BURST_RETRY) : pause);
}

void health_no_way(struct health *h, qhcp_nsec now)
{
    health_not_sent(h, now);
    if (h->phase == HEALTH_WATCHING)
        h->next = nsec_add(now, nsec_min(h->config.interval, HEALTH_NO_WAY));
}

void health_answer(struct health *h, qhcp_nsec now, qhcp_nsec at, qhcp_nsec rtt, unsigned status,
                   bool complete, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    judge_answer(h, now, at, rtt, ret);
    ret->mute = beat_broken(&h->beat);
    h->session.answered = true;
    h->session.complete = complete;
    h->session.status = status;
    if (h->session.risen < h->config.rise)
        h->session.risen++;
    if (!rtt_settled(&h->rtt)) /* beats tell nothing of round trips: the grid may be a wide one */
        h->next = nsec_min(h->next, nsec_add(now, h->config.interval));
    judge_status(h, now, ret);
}

void health_listen(struct health *h, qhcp_nsec now, qhcp_nsec interval)
{
    if (h->phase != HEALTH_WATCHING)
        return;
    beat_begin(&h->beat, now, interval);
    silence_expect(&h->silence, now, NSEC_NEVER);
    judge_expect(h, now);
    grid_hasten(&h->grid, now, judge_regular(h));
    h->next = nsec_min(h->next, h->grid.at);
}

void health_beat(struct health *h, qhcp_nsec now, qhcp_nsec at, uint64_t slots,
                 struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING || h->beat.interval == 0)
        return;
    beat_heard(&h->beat, at, slots);
    judge_beat(h, now, at);
    judge_expect(h, now);
    ask(h, now, ret);
}

/* The next probe acknowledges the push, so it goes at once.  A push carries no word on the required
 * metrics: to be up takes an answer. */
void health_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    judge_acquit(h);
    h->session.status = status;
    if (status != QHCP_SERVING || h->session.answered)
        judge_status(h, now, ret);
    h->next = nsec_min(h->next, now);
    ask(h, now, ret);
}

void health_hurry(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    h->next = nsec_min(h->next, now);
    ask(h, now, ret);
}

void health_data_port(struct health *h, qhcp_nsec now, bool open, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    h->port_bad = !open;
    if (h->phase == HEALTH_WATCHING && h->session.answered)
        judge_status(h, now, ret);
    ask(h, now, ret);
}

/* Only of a session: an attempt that ICMP ends is DIAL_UNREACHABLE. */
static void icmp(struct health *h, qhcp_nsec now, bool certain)
{
    if (h->phase != HEALTH_WATCHING)
        return;
    if (burst_begin(&h->burst, now, loss_burst(&h->loss, BURST_PROBES, BURST_PROBES_MAX)))
        h->next = nsec_min(h->next, now);
    else if (h->burst.active && certain)
        burst_provoked(&h->burst, now, h->rtt.srtt, rtt_burst(&h->rtt, h->config.interval, true));
}

/* The connection is gone, but perhaps not the server: connect again at once, but no faster than the
 * interval if it ends every time.  A connection that never answered a check counts as a failed
 * attempt. */
static void lose(struct health *h, qhcp_nsec now, bool reset, struct health_step *ret)
{
    ret->drop = reset;
    h->dial.closed = !reset;
    if (h->session.stopped)
        judge_down(h, now, HEALTH_CAUSE_STOPPED, ret);
    if (h->session.stopped && !reset)
        return;
    if (!h->session.answered && !h->session.stopped) {
        judge_dial(h, now, HEALTH_CAUSE_CLOSED, ret);
        return;
    }
    h->fails = 0;
    judge_idle(h, dial_again(&h->dial, now, h->config.interval));
}

static void end(struct health *h, qhcp_nsec now, bool reset, struct health_step *ret)
{
    if (h->phase == HEALTH_WATCHING) {
        lose(h, now, reset, ret);
    } else if (h->phase == HEALTH_DIALING) {
        ret->drop = reset;
        judge_dial(h, now, HEALTH_CAUSE_CLOSED, ret);
    }
}

/* Not held against it: what ended, if anything, is an attempt to reach the one before it. */
static void returned(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    bool dialing = h->phase == HEALTH_DIALING;

    if (h->phase == HEALTH_WATCHING || !dial_returned(&h->dial, now, dialing))
        return;
    ret->drop = dialing;
    judge_idle(h, now);
}

static void leave(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (h->phase != HEALTH_WATCHING)
        return;
    h->session.stopped = true;
    if (h->state != QHCP_DOWN)
        judge_state(h, now, QHCP_DRAINING, HEALTH_CAUSE_STATUS, ret);
}

void health_signal(struct health *h, qhcp_nsec now, enum health_signal signal,
                   struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    h->signal = (int)signal;
    h->signal_at = now;
    switch (signal) {
    case HEALTH_SIGNAL_ICMP:
    case HEALTH_SIGNAL_ICMP_CERTAIN:
        icmp(h, now, signal == HEALTH_SIGNAL_ICMP_CERTAIN);
        break;
    case HEALTH_SIGNAL_RESET:
    case HEALTH_SIGNAL_CLOSED:
        end(h, now, signal == HEALTH_SIGNAL_RESET, ret);
        break;
    case HEALTH_SIGNAL_REFUSED:
        if (h->phase == HEALTH_DIALING)
            h->fails++;
        judge_down(h, now, HEALTH_CAUSE_REFUSED, ret);
        break;
    case HEALTH_SIGNAL_TERMINATE:
        leave(h, now, ret);
        break;
    case HEALTH_SIGNAL_DIAL_FAILED:
    case HEALTH_SIGNAL_DIAL_UNREACHABLE:
        if (h->phase == HEALTH_DIALING)
            judge_dial(h, now,
                       signal == HEALTH_SIGNAL_DIAL_FAILED ? HEALTH_CAUSE_NO_HANDSHAKE
                                                           : HEALTH_CAUSE_UNREACHABLE,
                       ret);
        break;
    case HEALTH_SIGNAL_RETURNED:
        returned(h, now, ret);
        break;
    }
    ask(h, now, ret);
}

void health_poll(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase == HEALTH_DIALING && now >= dial_timeout(&h->dial)) {
        ret->drop = true;
        judge_dial(h, now, HEALTH_CAUSE_NO_HANDSHAKE, ret);
    }
    if (h->phase == HEALTH_WATCHING && h->burst.active)
        judge_burst(h, now, ret);
    if (h->phase == HEALTH_WATCHING)
        judge_silence(h, now, ret);
    ask(h, now, ret);
}

void health_redial(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_IDLE)
        return;
    h->next = nsec_min(h->next, now);
    ask(h, now, ret);
}

unsigned health_weight(const struct health *h, qhcp_nsec now)
{
    return verdict_serves(h->state) ? flap_share(&h->flap, now, h->config.slow_start) : 0;
}

bool health_ask(struct health *h, qhcp_nsec now)
{
    if (h->phase != HEALTH_WATCHING || !h->session.answered || h->silence.misses > 0 ||
        h->burst.active)
        return false;
    h->next = nsec_min(h->next, now);
    return true;
}

bool health_asked(const struct health *h, qhcp_nsec now)
{
    return h->phase == HEALTH_WATCHING &&
           (h->silence.n_open > 0 || h->silence.since > 0 || h->next <= now);
}

qhcp_nsec health_deadline(const struct health *h)
{
    switch (h->phase) {
    case HEALTH_IDLE:
        return h->next;
    case HEALTH_DIALING:
        return dial_timeout(&h->dial);
    case HEALTH_WATCHING:
        break;
    }
    return nsec_min(h->next, nsec_min(h->silence.timeout_at, h->burst.convict_at));
}
