/* Failure detection for one server.
 *
 * For: a verdict that is fast when the server is gone and calm when it is not.  In flow what the
 * owner saw (answers, signals, that a probe left or could not); out flow steps: probe, dial, drop,
 * verdict.  Three rules carry it: any answer acquits; what did not leave, or what only we were too
 * late to see, is not held against the server; and nothing that can be forged (ICMP) convicts by
 * itself, it only hastens the question.
 *
 * It must never send or dial by itself, or more than one probe a step: what is due stays due until
 * the owner reports that it was done. */
#include "health/health.h"

#include "health/rtt.h"
#include "health/silence.h"
#include "health/verdict.h"

qhcp_nsec health_window(qhcp_nsec interval)
{
    qhcp_nsec window = interval > HEALTH_WINDOW_FROM ? (interval - HEALTH_WINDOW_FROM) / 4 * 3 : 0;

    return nsec_min(nsec_max(window, HEALTH_WINDOW), HEALTH_WINDOW_MOST);
}

void health_init(struct health *h, const struct health_config *config, qhcp_nsec start)
{
    *h = (struct health){.config = *config,
                         .state = QHCP_CONNECTING,
                         .next = start,
                         .timeout_at = NSEC_NEVER,
                         .convict_at = NSEC_NEVER,
                         .signal = -1};
    loss_init(&h->loss);
}

void health_configure(struct health *h, const struct health_config *config, qhcp_nsec now)
{
    h->config = *config;
    if (h->phase == HEALTH_WATCHING) {
        h->grid = nsec_min(h->grid, nsec_add(now, config->interval));
        h->next = nsec_min(h->next, h->grid);
    } else if (h->phase == HEALTH_IDLE && h->state == QHCP_DOWN) {
        h->next = nsec_min(h->next, nsec_add(now, config->reconnect_interval));
    }
}

static void forget_probes(struct health *h)
{
    silence_forget(h);
    h->convict_at = NSEC_NEVER;
    h->suspect = h->asked = false;
    h->burst_left = 0;
}

static void go_idle(struct health *h, qhcp_nsec next)
{
    forget_probes(h);
    h->phase = HEALTH_IDLE;
    h->next = next;
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

/* The connection or attempt is given up and the server is down. */
static void go_down(struct health *h, qhcp_nsec now, enum health_cause cause,
                    struct health_step *ret)
{
    ret->lost = h->phase == HEALTH_WATCHING && cause != HEALTH_CAUSE_REFUSED;
    if (h->stopped && cause != HEALTH_CAUSE_REFUSED)
        cause = HEALTH_CAUSE_STOPPED;
    if (h->state == QHCP_DOWN)
        cause = still_down(h, cause);
    verdict_set(h, now, QHCP_DOWN, cause, ret);
    if (ret->lost && ret->verdict)
        verdict_accused(h);
    ret->drop = true;
    go_idle(h, nsec_add(now, h->config.reconnect_interval));
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

static void dial_failed(struct health *h, qhcp_nsec now, enum health_cause cause,
                        struct health_step *ret)
{
    qhcp_nsec most = nsec_max(h->config.interval, HEALTH_REDIAL_FIRST);
    unsigned doublings = h->fails < 20 ? h->fails : 20;

    if (cause == HEALTH_CAUSE_NO_HANDSHAKE && h->closed)
        cause = HEALTH_CAUSE_CLOSED;
    if (cause == HEALTH_CAUSE_NO_HANDSHAKE && h->state != QHCP_DOWN &&
        verdict_ill(h, now)) { /* the answer may have come unread */
        go_idle(h, nsec_add(now, HEALTH_REDIAL_FIRST));
        return;
    }
    h->fails++;
    if (h->state == QHCP_DOWN) {
        h->cause = still_down(h, cause);
        go_idle(h, nsec_max(nsec_add(h->dialed_at, h->config.reconnect_interval),
                            nsec_add(now, HEALTH_REDIAL_FIRST)));
    } else if (h->fails >= h->config.fall) {
        go_down(h, now, cause, ret);
    } else {
        go_idle(h, nsec_add(now, nsec_min(HEALTH_REDIAL_FIRST << doublings, most)));
    }
}

void health_dialed(struct health *h, qhcp_nsec now)
{
    go_idle(h, NSEC_NEVER);
    h->phase = HEALTH_DIALING;
    h->by_return = h->returned;
    h->returned = false;
    h->dialed_at = now;
    h->timeout_at = nsec_add(now, HEALTH_DIAL_TIMEOUT);
}

void health_established(struct health *h, qhcp_nsec now, qhcp_nsec bound)
{
    h->bound = bound;
    h->accused_from = 0; /* nothing more is heard of the session before it */
    health_found(h, now);
}

void health_found(struct health *h, qhcp_nsec now)
{
    forget_probes(h);
    h->phase = HEALTH_WATCHING;
    h->next = h->grid = h->watched_from = now;
    h->excused = h->answered = h->stopped = h->closed = h->shifted = false;
    h->risen = 0;
}

/* The regular probes keep their rhythm whatever is sent beside them, and those that a stall made
 * impossible are left out.  A connection's first probe goes at once; the second comes early by the
 * server's phase, so that servers met together are not probed together for ever. */
static void advance_grid(struct health *h, qhcp_nsec now)
{
    qhcp_nsec early = (qhcp_nsec)((double)h->config.interval * h->config.phase / 4294967296.0);

    if (now < h->grid)
        return;
    h->grid = nsec_add(h->grid, ((now - h->grid) / h->config.interval + 1) * h->config.interval);
    if (!h->shifted)
        h->grid = nsec_max(h->grid - early, now + 1);
    h->shifted = true;
}

void health_sent(struct health *h, qhcp_nsec now)
{
    if (h->phase != HEALTH_WATCHING)
        return;
    h->asked = false;
    advance_grid(h, now);
    h->next = h->misses > 0 ? nsec_add(now, silence_pace(h, now)) : h->grid;
    h->in_burst = h->burst_left > 0;
    if (h->in_burst) {
        if (h->burst_left == h->burst_sent)
            h->burst_begun = now;
        h->burst_left--;
        h->burst_end = now;
        if (h->burst_left > 0)
            h->next = nsec_min(h->next, nsec_add(now, HEALTH_BURST_SPACING));
        else
            h->convict_at = nsec_add(now, rtt_burst(h));
    } else {
        silence_sent(h, now);
    }
    evidence_sent(&h->ring, now);
}

void health_not_sent(struct health *h, qhcp_nsec now)
{
    qhcp_nsec pause = nsec_min(h->config.interval, HEALTH_RETRY);

    if (h->phase != HEALTH_WATCHING)
        return;
    if (!h->asked && h->in_burst && h->suspect) {
        h->burst_left++;
        h->convict_at = NSEC_NEVER;
    } else if (!h->asked && !h->in_burst) {
        silence_take_back(h);
    }
    if (!h->asked)
        evidence_unsent(&h->ring);
    h->asked = false;
    h->next = nsec_add(now, h->suspect ? nsec_min(pause, HEALTH_BURST_RETRY) : pause);
}

void health_no_way(struct health *h, qhcp_nsec now)
{
    health_not_sent(h, now);
    if (h->phase == HEALTH_WATCHING)
        h->next = nsec_add(now, nsec_min(h->config.interval, HEALTH_NO_WAY));
}

/* The server lives: nothing is held against it any more. */
static void acquit(struct health *h)
{
    if (h->suspect || h->misses > 0)
        h->next = h->grid;
    h->suspect = h->excused = false;
    h->burst_left = 0;
    h->convict_at = NSEC_NEVER;
    h->misses = h->fails = 0;
    h->silent_since = 0;
}

void health_answer(struct health *h, qhcp_nsec now, qhcp_nsec rtt, unsigned status, bool complete,
                   struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    if (h->accused_from > 0)
        verdict_refuted(h, now, ret);
    silence_answered(h, now, rtt);
    if (h->misses > 0)
        rtt_stalled(h, now);
    if (now - h->watched_from >= rtt) /* else its check went out before the session was lost */
        rtt_answered(h, now, rtt);
    acquit(h);
    h->answered = true;
    h->complete = complete;
    h->status = status;
    if (h->risen < h->config.rise)
        h->risen++;
    verdict_status(h, now, status, ret);
}

/* The next probe acknowledges the push, so it goes at once.  A push carries no word on the required
 * metrics: to be up takes an answer. */
void health_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    acquit(h);
    h->status = status;
    if (status != QHCP_SERVING || h->answered)
        verdict_status(h, now, status, ret);
    h->next = nsec_min(h->next, now);
    ask(h, now, ret);
}

void health_data_port(struct health *h, qhcp_nsec now, bool open, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    h->port_bad = !open;
    if (h->phase == HEALTH_WATCHING && h->answered)
        verdict_status(h, now, h->status, ret);
    ask(h, now, ret);
}

/* ICMP that the burst itself provoked, and that is no forgery: nobody listens there, so that there
 * is no processing to be waited for. */
static void hasten(struct health *h, qhcp_nsec now)
{
    bool provoked = h->burst_left < h->burst_sent && now >= nsec_add(h->burst_begun, h->srtt / 2);

    if (h->certain || !provoked)
        return;
    h->certain = true;
    if (h->convict_at != NSEC_NEVER)
        h->convict_at = nsec_add(h->burst_end, rtt_burst(h));
}

static void suspect(struct health *h, qhcp_nsec now)
{
    if (h->suspect || now < h->burst_from)
        return;
    h->suspect = true;
    h->certain = false;
    h->burst_left = loss_burst(&h->loss, HEALTH_BURST, HEALTH_BURST_MAX);
    h->burst_sent = h->burst_left;
    h->burst_from = nsec_add(now, HEALTH_BURST_INTERVAL);
    h->convict_at = NSEC_NEVER;
    h->next = nsec_min(h->next, now);
}

/* The connection is gone, and nothing says that the server is: dial again at once, but no faster
 * than the interval when it goes every time.  One that never answered a check counts as a dial that
 * failed. */
static void lose(struct health *h, qhcp_nsec now, bool reset, struct health_step *ret)
{
    ret->drop = reset;
    h->closed = !reset;
    if (h->stopped)
        go_down(h, now, HEALTH_CAUSE_STOPPED, ret);
    if (h->stopped && !reset)
        return;
    if (!h->answered && !h->stopped) {
        dial_failed(h, now, HEALTH_CAUSE_CLOSED, ret);
        return;
    }
    h->fails = 0;
    go_idle(h, nsec_max(now, h->redial_from));
    h->redial_from = nsec_add(h->next, nsec_min(h->config.interval, NSEC_PER_SEC));
}

static void end(struct health *h, qhcp_nsec now, bool reset, struct health_step *ret)
{
    if (h->phase == HEALTH_WATCHING) {
        lose(h, now, reset, ret);
    } else if (h->phase == HEALTH_DIALING) {
        ret->drop = reset;
        dial_failed(h, now, HEALTH_CAUSE_CLOSED, ret);
    }
}

/* Not held against it: what ended, if anything, is an attempt to reach the one before it. */
static void returned(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    qhcp_nsec left_alone = h->by_return ? HEALTH_RETURN : HEALTH_REDIAL_FIRST;

    if (h->phase == HEALTH_WATCHING ||
        (h->phase == HEALTH_DIALING && now < nsec_add(h->dialed_at, left_alone)))
        return;
    ret->drop = h->phase == HEALTH_DIALING;
    go_idle(h, now);
    h->returned = true;
}

static void leave(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (h->phase != HEALTH_WATCHING)
        return;
    h->stopped = true;
    if (h->state != QHCP_DOWN)
        verdict_set(h, now, QHCP_DRAINING, HEALTH_CAUSE_STATUS, ret);
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
        if (h->phase == HEALTH_WATCHING && h->suspect && signal == HEALTH_SIGNAL_ICMP_CERTAIN)
            hasten(h, now);
        else if (h->phase == HEALTH_WATCHING)
            suspect(h, now);
        break;
    case HEALTH_SIGNAL_RESET:
    case HEALTH_SIGNAL_CLOSED:
        end(h, now, signal == HEALTH_SIGNAL_RESET, ret);
        break;
    case HEALTH_SIGNAL_REFUSED:
        if (h->phase == HEALTH_DIALING)
            h->fails++;
        go_down(h, now, HEALTH_CAUSE_REFUSED, ret);
        break;
    case HEALTH_SIGNAL_TERMINATE:
        leave(h, now, ret);
        break;
    case HEALTH_SIGNAL_DIAL_FAILED:
    case HEALTH_SIGNAL_DIAL_UNREACHABLE:
        if (h->phase == HEALTH_DIALING)
            dial_failed(h, now,
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

static void judge_burst(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (now < h->convict_at)
        return;
    if (verdict_ill(h, now) ||
        (!h->excused && silence_too_late(now, h->convict_at, rtt_burst(h)))) {
        h->excused = true;
        h->burst_left = 1;
        h->convict_at = NSEC_NEVER;
        h->next = verdict_ill(h, now) ? nsec_add(now, silence_pace(h, now)) : now;
        silence_unheard(h, h->burst_end);
        return;
    }
    h->fails += h->burst_sent;
    go_down(h, now, HEALTH_CAUSE_UNREACHABLE, ret);
}

static void judge_silence(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (!silence_convicts(h, now))
        return;
    ret->misses = h->unheard > h->misses ? h->unheard : h->misses;
    ret->span = now - (h->unheard > h->misses ? h->silent_since : h->first_miss_sent);
    go_down(h, now, h->suspect ? HEALTH_CAUSE_UNREACHABLE : HEALTH_CAUSE_SILENCE, ret);
}

void health_poll(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase == HEALTH_DIALING && now >= h->timeout_at) {
        ret->drop = true;
        dial_failed(h, now, HEALTH_CAUSE_NO_HANDSHAKE, ret);
    }
    if (h->phase == HEALTH_WATCHING)
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

bool health_pressed(const struct health *h, qhcp_nsec now)
{
    return h->misses > 0 && h->misses * 2 >= h->demand.misses &&
           (now - h->first_miss_sent) * 2 >= h->demand.window;
}

bool health_ask(struct health *h, qhcp_nsec now)
{
    if (h->phase != HEALTH_WATCHING || !h->answered || h->misses > 0 || h->suspect)
        return false;
    h->next = nsec_min(h->next, now);
    return true;
}

bool health_asked(const struct health *h, qhcp_nsec now)
{
    return h->phase == HEALTH_WATCHING && (h->n_open > 0 || h->silent_since > 0 || h->next <= now);
}

qhcp_nsec health_deadline(const struct health *h)
{
    switch (h->phase) {
    case HEALTH_IDLE:
        return h->next;
    case HEALTH_DIALING:
        return h->timeout_at;
    case HEALTH_WATCHING:
        break;
    }
    return nsec_min(h->next, nsec_min(h->timeout_at, h->convict_at));
}
