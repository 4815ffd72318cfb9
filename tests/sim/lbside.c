/* The load balancer's owner: what src/lb does, without sockets; and what must hold for it. */
#include "sim.h"

#include <qhcp/error.h>

static void act(struct world *w, const struct health_step *step);

void lbside_init(struct world *w, const struct health_config *config)
{
    w->lb_config = (struct session_lb_config){
        .lb_id = slice_str("lb"), .interval_us = config->interval / 1000, .push = true};
    session_lb_init(&w->lb, &w->lb_config);
    health_init(&w->h, config, w->now);
    w->renew_at = w->leave_at = NSEC_NEVER;
}

static void hang_up(struct world *w)
{
    if (w->conn != 0)
        link_signal(w, TO_SERVER, w->conn, ITEM_CLOSE, w->now + w->delay);
    w->conn = 0;
    w->renew_at = w->leave_at = NSEC_NEVER;
    session_lb_init(&w->lb, &w->lb_config);
}

static void flush(struct world *w)
{
    uint8_t buf[2048];
    enum session_channel channel;
    uint64_t seq;
    size_t n;

    while ((n = session_lb_pull(&w->lb, buf, sizeof buf, &channel, &seq)) > 0)
        link_send(w, TO_SERVER, w->conn, channel, buf, n);
}

static void signal_health(struct world *w, enum health_signal signal)
{
    struct health_step step;

    health_signal(&w->h, w->now, signal, &step);
    act(w, &step);
}

static void probe(struct world *w)
{
    uint64_t seq;

    if (chance(w, 20) || session_lb_request(&w->lb, w->now, &seq) != 0) {
        health_not_sent(&w->h, w->now);
        return;
    }
    health_sent(&w->h, w->now);
    if (chance(w, 20)) { /* found out when it should leave */
        session_lb_not_sent(&w->lb, seq);
        health_not_sent(&w->h, w->now);
    } else {
        w->probes[w->n_probes++ % 64] = w->now;
    }
    flush(w);
}

static void dial(struct world *w)
{
    hang_up(w);
    health_dialed(&w->h, w->now);
    w->conn = ++w->dialled;
    w->newest_epoch = 0;
    w->dials++;
    link_dial(w, w->conn);
}

/* A verdict of silence: nothing sent in its span was answered, and as many probes as it says were
 * sent in it and long enough ago. */
static void judge_silence(struct world *w, const struct health_step *step)
{
    unsigned sent = 0, most = w->n_probes < 64 ? w->n_probes : 64;

    for (unsigned i = 0; i < most; i++)
        sent += w->probes[i] >= w->now - step->span && w->probes[i] + RTT_FAST_MIN <= w->now;
    must(w, step->misses >= w->h.config.fall, "silence is `fall` misses");
    must(w, sent >= step->misses || step->misses > 64, "each miss was a probe");
    must(w, w->answered_sent <= w->now - step->span,
         "no probe of the span of a silence was answered");
    must(w, w->hurt_at + 20 * SEC > w->now, "a healthy server is not called silent");
}

static void act(struct world *w, const struct health_step *step)
{
    if (step->verdict) {
        w->verdicts++;
        trace(w, "lb: %s -> %s (cause %u, fall %u, srtt %.2f ms, rttvar %.2f ms)",
              qhcp_state_name(step->from), qhcp_state_name(w->h.state), w->h.cause,
              w->h.config.fall, (double)w->h.rtt.srtt / MS, (double)w->h.rtt.rttvar / MS);
        if (w->h.state == QHCP_DOWN && w->h.cause != HEALTH_CAUSE_STATUS)
            must(w, w->hurt_at + 20 * SEC > w->now || w->h.cause == HEALTH_CAUSE_STOPPED,
                 "a healthy server stays up");
    }
    if (step->misses > 0 && w->h.cause == HEALTH_CAUSE_SILENCE)
        judge_silence(w, step);
    if (step->drop)
        hang_up(w);
    if (w->stopping)
        return;
    if (step->dial)
        dial(w);
    else if (step->probe)
        probe(w);
}

static enum qhcp_state state_of(const struct world *w, uint64_t status)
{
    static const enum qhcp_state states[] = {QHCP_UP, QHCP_DEGRADED, QHCP_DRAINING, QHCP_DOWN,
                                             QHCP_MAINTENANCE};

    if (w->h.session.stopped && status != QHCP_NOT_SERVING)
        return QHCP_DRAINING;
    return states[status];
}

static void answered(struct world *w, const struct session_lb_report *r)
{
    const struct wire_health_response *m = &r->m.response;
    struct health_step step;

    must(w, !(r->what & SESSION_LB_STATUS) || m->epoch > w->newest_epoch,
         "news is of a newer epoch");
    if (m->epoch > w->newest_epoch) {
        w->newest_epoch = m->epoch;
        w->newest_status = m->status;
    }
    must(w, r->epoch == w->newest_epoch, "the newest epoch is known");
    must(w, r->status == w->newest_status, "the newest status is known");
    if (r->what & SESSION_LB_ANSWER) {
        w->answers++;
        w->answered_sent = nsec_max(w->answered_sent, w->now - r->rtt);
        health_answer(&w->h, w->now, w->now, r->rtt, (unsigned)r->status, true, &step);
    } else {
        health_status(&w->h, w->now, (unsigned)r->status, &step);
    }
    if (r->what & SESSION_LB_ANSWER || r->status != QHCP_SERVING)
        must(w, w->h.state == state_of(w, w->newest_status),
             "no newer status is undone by an older one");
    act(w, &step);
}

static void renew(struct world *w)
{
    w->renew_at = w->now + w->token_life / 2;
    w->update = (struct wire_config_update){.has = WIRE_HAS_TOKEN | WIRE_HAS_INTERVAL,
                                            .token = slice_str("new"),
                                            .interval_us = w->lb_config.interval_us};
    if (session_lb_config(&w->lb, w->now, &w->update) != 0)
        w->renew_at = w->now + 100 * MS;
    flush(w);
}

static void established(struct world *w)
{
    struct health_step step;

    w->renew_at = w->now + w->token_life / 2;
    health_established(&w->h, w->now, 0);
    health_poll(&w->h, w->now, &step);
    act(w, &step);
}

static void report(struct world *w, const struct session_lb_report *r)
{
    if (r->what & SESSION_LB_ESTABLISHED)
        established(w);
    if (r->what & (SESSION_LB_ANSWER | SESSION_LB_STATUS))
        answered(w, r);
    must(w, !(r->what & SESSION_LB_REFUSED), "no update is refused");
    must(w, !(r->what & SESSION_LB_RESTARTED), "no connection outlives a restart");
    if (r->what & SESSION_LB_PEER_LEAVES) {
        signal_health(w, HEALTH_SIGNAL_TERMINATE);
        w->leave_at = w->now + draw(w, 3) * 300 * MS;
    }
    if (r->what & SESSION_LB_TERMINATED) {
        trace(w, "lb: terminated");
        w->stopped = true;
        hang_up(w);
    }
    if (r->what & SESSION_LB_PEER_ERROR) {
        trace(w, "lb: the server's error 0x%x", (unsigned)r->m.error.code);
        hang_up(w);
        w->stopped = w->stopping;
        if (!w->stopping)
            signal_health(w, HEALTH_SIGNAL_CLOSED);
    }
}

static void frame(struct world *w, const struct item *item)
{
    struct session_lb_report r;
    int error = session_lb_frame(&w->lb, w->now, item->channel, item->p, item->n, &r);

    if (error != 0)
        trace(w, "lb: %s", w->lb.words);
    must(w, error == 0, "the load balancer finds no protocol error");
    report(w, &r);
    if (w->conn != 0)
        flush(w);
}

static void ended(struct world *w, enum health_signal signal)
{
    w->conn = 0;
    hang_up(w);
    w->stopped = w->stopping;
    if (!w->stopping)
        signal_health(w, signal);
}

void lbside_deliver(struct world *w, const struct item *item)
{
    if (item->conn != w->conn || w->conn == 0)
        return;
    switch (item->kind) {
    case ITEM_FRAME:
        frame(w, item);
        break;
    case ITEM_DIALED:
        if (!w->alive) {
            link_signal(w, TO_LB, item->conn, ITEM_DIAL_FAILED, w->now + SEC);
            break;
        }
        serverside_connect(w, w->conn);
        must(w, session_lb_open(&w->lb, w->now, slice_str("token")) == 0, "HELLO can be sent");
        flush(w);
        break;
    case ITEM_DIAL_FAILED:
        ended(w, HEALTH_SIGNAL_DIAL_FAILED);
        break;
    case ITEM_DIAL_ICMP:
        ended(w, HEALTH_SIGNAL_DIAL_UNREACHABLE);
        break;
    case ITEM_CLOSE:
        ended(w, HEALTH_SIGNAL_CLOSED);
        break;
    case ITEM_ICMP:
        if (w->h.phase == HEALTH_DIALING)
            ended(w, HEALTH_SIGNAL_DIAL_UNREACHABLE);
        else if (!w->stopping)
            signal_health(w, HEALTH_SIGNAL_ICMP);
        break;
    case ITEM_RESET:
        ended(w, HEALTH_SIGNAL_RESET);
        break;
    }
}

qhcp_nsec lbside_deadline(const struct world *w)
{
    qhcp_nsec at = session_lb_deadline(&w->lb);

    if (!w->stopping)
        at = nsec_min(at, nsec_min(health_deadline(&w->h), nsec_min(w->renew_at, w->leave_at)));
    return at == NSEC_NEVER ? at : nsec_max(at, w->awake);
}

static void expire_session(struct world *w)
{
    struct session_lb_report r;
    int error = session_lb_expire(&w->lb, w->now, &r);

    if (error == 0) {
        report(w, &r);
        return;
    }
    trace(w, "lb: %s", w->lb.words);
    must(w, w->hurt_at + 20 * SEC > w->now, "nothing times out between healthy peers");
    hang_up(w);
    w->stopped = w->stopping;
    if (!w->stopping)
        signal_health(w, HEALTH_SIGNAL_CLOSED);
}

void lbside_expire(struct world *w)
{
    struct health_step step;

    if (session_lb_deadline(&w->lb) <= w->now)
        expire_session(w);
    if (w->stopping)
        return;
    if (w->leave_at <= w->now) {
        w->leave_at = NSEC_NEVER;
        must(w, session_lb_leave(&w->lb, w->now, 0) == 0, "a leaving server can be let go");
        flush(w);
    }
    if (w->renew_at <= w->now)
        renew(w);
    if (health_deadline(&w->h) <= w->now) {
        health_poll(&w->h, w->now, &step);
        act(w, &step);
        must(w, health_deadline(&w->h) > w->now, "health lets its owner sleep");
    }
}

void lbside_stop(struct world *w)
{
    trace(w, "lb stops");
    w->stopping = true;
    w->renew_at = w->leave_at = NSEC_NEVER;
    w->stopped = w->conn == 0 || session_lb_terminate(&w->lb, w->now, SEC, "stops") != 0;
    if (!w->stopped)
        flush(w);
}
