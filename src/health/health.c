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

void health_init(struct health *h, const struct health_config *config, qhcp_nsec start)
{
    *h = (struct health){.config = *config,
                         .state = QHCP_CONNECTING,
                         .next = start,
                         .timeout_at = NSEC_NEVER,
                         .convict_at = NSEC_NEVER};
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

static void set_state(struct health *h, enum qhcp_state state, enum health_cause cause,
                      struct health_step *ret)
{
    if (h->state != state) {
        ret->verdict = true;
        ret->from = h->state;
        h->state = state;
    }
    h->cause = cause;
}

static void forget_probes(struct health *h)
{
    h->n_open = 0;
    h->misses = 0;
    h->timeout_at = h->convict_at = NSEC_NEVER;
    h->suspect = h->asked = h->blocked = false;
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
                h->cause != HEALTH_CAUSE_REFUSED;

    return gone && cause != HEALTH_CAUSE_REFUSED ? h->cause : cause;
}

/* The connection or attempt is given up and the server is down. */
static void go_down(struct health *h, qhcp_nsec now, enum health_cause cause,
                    struct health_step *ret)
{
    if (h->stopped && cause != HEALTH_CAUSE_REFUSED)
        cause = HEALTH_CAUSE_STOPPED;
    if (h->state == QHCP_DOWN)
        cause = still_down(h, cause);
    set_state(h, QHCP_DOWN, cause, ret);
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
    h->dialed_at = now;
    h->timeout_at = nsec_add(now, HEALTH_DIAL_TIMEOUT);
}

void health_established(struct health *h, qhcp_nsec now, qhcp_nsec bound)
{
    forget_probes(h);
    h->phase = HEALTH_WATCHING;
    h->bound = bound;
    h->next = h->grid = now;
    h->excused = h->answered = h->stopped = h->closed = false;
}

static void find_timeout(struct health *h)
{
    h->timeout_at = NSEC_NEVER;
    for (unsigned i = 0; i < h->n_open; i++)
        h->timeout_at = nsec_min(h->timeout_at, h->open[i].due);
}

static void remove_probe(struct health *h, unsigned at)
{
    h->n_open--;
    for (unsigned i = at; i < h->n_open; i++)
        h->open[i] = h->open[i + 1];
}

/* The regular probes keep their rhythm whatever is sent beside them, and those that a stall made
 * impossible are left out. */
static void advance_grid(struct health *h, qhcp_nsec now)
{
    if (now >= h->grid)
        h->grid =
            nsec_add(h->grid, ((now - h->grid) / h->config.interval + 1) * h->config.interval);
}

void health_sent(struct health *h, qhcp_nsec now)
{
    qhcp_nsec due = nsec_add(now, h->misses > 0 ? rtt_fast(h) : rtt_timeout(h));

    if (h->phase != HEALTH_WATCHING)
        return;
    h->asked = false;
    advance_grid(h, now);
    h->next = h->grid;
    h->in_burst = h->burst_left > 0;
    if (h->in_burst) {
        h->burst_left--;
        if (h->burst_left > 0)
            h->next = nsec_min(h->next, nsec_add(now, HEALTH_BURST_SPACING));
        else
            h->convict_at = nsec_add(now, rtt_fast(h));
    } else if (h->n_open < HEALTH_OPEN) {
        h->open[h->n_open++] = (struct health_probe){now, due};
        h->timeout_at = nsec_min(h->timeout_at, due);
    }
}

void health_not_sent(struct health *h, qhcp_nsec now)
{
    qhcp_nsec pause = nsec_min(h->config.interval, HEALTH_RETRY);

    if (h->phase != HEALTH_WATCHING)
        return;
    if (!h->asked && h->in_burst && h->suspect) {
        h->burst_left++;
        h->convict_at = NSEC_NEVER;
    } else if (!h->asked && !h->in_burst && h->n_open > 0) {
        h->n_open--;
        find_timeout(h);
    }
    h->asked = false;
    h->blocked = h->misses >= HEALTH_BLOCKED && h->n_open == 0;
    h->next = nsec_add(now, h->suspect ? HEALTH_BURST_SPACING : pause);
}

/* The server lives: nothing is held against it any more. */
static void acquit(struct health *h)
{
    if (h->suspect || h->misses > 0)
        h->next = h->grid;
    h->suspect = h->excused = h->blocked = false;
    h->burst_left = 0;
    h->convict_at = NSEC_NEVER;
    h->misses = h->fails = 0;
}

/* The answered probe and those sent before it are no longer waited for.  The slack covers time
 * stamps that differ between sending and session. */
static void settle(struct health *h, qhcp_nsec now, qhcp_nsec rtt)
{
    qhcp_nsec slack = nsec_min(h->config.interval / 2, NSEC_PER_MSEC);
    qhcp_nsec sent = now > rtt ? now - rtt : 0;

    while (h->n_open > 0 && h->open[0].sent <= sent + slack)
        remove_probe(h, 0);
    find_timeout(h);
}

static void serving(struct health *h, struct health_step *ret)
{
    bool waits = h->state == QHCP_CONNECTING || h->state == QHCP_DOWN;

    if (h->complete)
        set_state(h, QHCP_UP, HEALTH_CAUSE_NONE, ret);
    else
        set_state(h, waits ? h->state : QHCP_DEGRADED, HEALTH_CAUSE_METRICS, ret);
}

static void apply_status(struct health *h, unsigned status, struct health_step *ret)
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
    if (status == QHCP_SERVING)
        serving(h, ret);
    else
        set_state(h, states[status], HEALTH_CAUSE_STATUS, ret);
}

void health_answer(struct health *h, qhcp_nsec now, qhcp_nsec rtt, unsigned status, bool complete,
                   struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    rtt_sample(h, rtt);
    settle(h, now, rtt);
    acquit(h);
    h->answered = true;
    h->complete = complete;
    apply_status(h, status, ret);
}

/* The next probe acknowledges the push, so it goes at once.  A push carries no word on the required
 * metrics: to be up takes an answer. */
void health_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    if (h->phase != HEALTH_WATCHING)
        return;
    acquit(h);
    if (status != QHCP_SERVING || h->answered)
        apply_status(h, status, ret);
    h->next = nsec_min(h->next, now);
    ask(h, now, ret);
}

static void suspect(struct health *h, qhcp_nsec now)
{
    if (h->suspect || now < h->burst_from)
        return;
    h->suspect = true;
    h->burst_left = HEALTH_BURST;
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

static void leave(struct health *h, struct health_step *ret)
{
    if (h->phase != HEALTH_WATCHING)
        return;
    h->stopped = true;
    if (h->state != QHCP_DOWN)
        set_state(h, QHCP_DRAINING, HEALTH_CAUSE_STATUS, ret);
}

void health_signal(struct health *h, qhcp_nsec now, enum health_signal signal,
                   struct health_step *ret)
{
    *ret = (struct health_step){.from = h->state};
    switch (signal) {
    case HEALTH_SIGNAL_ICMP:
        if (h->phase == HEALTH_WATCHING)
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
        leave(h, ret);
        break;
    case HEALTH_SIGNAL_DIAL_FAILED:
    case HEALTH_SIGNAL_DIAL_UNREACHABLE:
        if (h->phase == HEALTH_DIALING)
            dial_failed(h, now,
                        signal == HEALTH_SIGNAL_DIAL_FAILED ? HEALTH_CAUSE_NO_HANDSHAKE
                                                            : HEALTH_CAUSE_UNREACHABLE,
                        ret);
        break;
    }
    ask(h, now, ret);
}

/* We come so long after `due` that the answer may be there unread: not the server's fault. */
static bool too_late(qhcp_nsec now, qhcp_nsec due, qhcp_nsec timeout)
{
    return now > nsec_add(due, HEALTH_LATE + timeout / 2);
}

static void judge_burst(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    if (now < h->convict_at)
        return;
    if (!h->excused && too_late(now, h->convict_at, rtt_fast(h))) {
        h->excused = true;
        h->burst_left = 1;
        h->convict_at = NSEC_NEVER;
        h->next = now;
        return;
    }
    h->fails += HEALTH_BURST;
    go_down(h, now, HEALTH_CAUSE_UNREACHABLE, ret);
}

static void convict(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    ret->misses = h->misses;
    ret->span = now - h->first_miss_sent;
    go_down(h, now, h->suspect ? HEALTH_CAUSE_UNREACHABLE : HEALTH_CAUSE_SILENCE, ret);
}

static void judge_miss(struct health *h, qhcp_nsec now, struct health_probe probe,
                       struct health_step *ret)
{
    h->excused = false;
    h->fails++;
    if (++h->misses == 1)
        h->first_miss_sent = probe.sent;
    h->next = nsec_min(h->next, now);
    if (h->misses >= h->config.fall)
        convict(h, now, ret);
}

static void judge_probes(struct health *h, qhcp_nsec now, struct health_step *ret)
{
    bool excuse = false;

    if (now < h->timeout_at)
        return;
    for (unsigned i = 0; i < h->n_open; i++)
        if (!h->excused && too_late(now, h->open[i].due, h->open[i].due - h->open[i].sent))
            excuse = true;
    for (unsigned i = 0; i < h->n_open;) {
        struct health_probe probe = h->open[i];

        if (now < probe.due) {
            i++;
            continue;
        }
        remove_probe(h, i);
        if (excuse)
            h->next = nsec_min(h->next, now);
        else
            judge_miss(h, now, probe, ret);
    }
    if (h->phase != HEALTH_WATCHING)
        return;
    h->excused = h->excused || excuse;
    find_timeout(h);
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
        judge_probes(h, now, ret);
    if (h->phase == HEALTH_WATCHING && h->blocked)
        convict(h, now, ret);
    ask(h, now, ret);
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
