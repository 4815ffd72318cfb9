#include "lb/talk.h"

#include <stdio.h>

#include "lb/internal.h"

void talk_sent(struct backend *b, qhcp_nsec now, uint64_t seq)
{
    session_lb_sent(&b->link.session, now, seq);
    if (b->talk.slot > 0)
        tick_left(&b->lb->tick, now, b->talk.slot);
    b->talk.slot = 0;
}

void talk_not_sent(struct backend *b, qhcp_nsec now, uint64_t seq)
{
    session_lb_not_sent(&b->link.session, seq);
    health_not_sent(&b->health, now);
    report_not_sent(b);
}

void talk_flush(struct backend *b, qhcp_nsec now)
{
    uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];
    enum session_channel channel;
    uint64_t seq;
    size_t n;
    int err = 0;

    while (b->link.conn &&
           (n = session_lb_pull(&b->link.session, buf, sizeof buf, &channel, &seq)) > 0) {
        if (channel == SESSION_DATAGRAM && quic_conn_takes_datagrams(b->link.conn))
            err = quic_conn_datagram(b->link.conn, buf, n, seq);
        else
            err = quic_conn_write(b->link.conn, buf, n);
        if (err == 0)
            continue;
        if (seq == 0) {
            lb_log(b->lb, QHCP_LOG_WARNING, "%s: a message could not be queued: %s", b->text,
                   qhcp_strerror(err));
            continue;
        }
        talk_not_sent(b, now, seq);
    }
}

void talk_probe(struct backend *b, qhcp_nsec now)
{
    uint64_t seq;

    credentials_look(b->lb, now);
    revoked_remind(b->lb, now);
    revoked_tell(b, now);
    if (session_lb_request(&b->link.session, now, &seq) != 0) {
        health_not_sent(&b->health, now);
        return;
    }
    b->talk.slot = health_slot(&b->health, now);
    health_sent(&b->health, now);
    report_sent(b);
    talk_flush(b, now);
}

static void established(struct backend *b, qhcp_nsec now, const struct wire_ack *ack)
{
    report_established(b, ack);
    attempt_established(b);
    lost_end(b);
    token_established(b);
    update_established(b);
    revoked_established(b, now, ack->revoked);
    act_established(b);
    link_reverify(&b->link, ticket_reverify(b, now));
    health_established(&b->health, now, ack->processing_us * NSEC_PER_USEC);
    listen_begin(b, now);
    if (own_untold(b))
        update_owe(b, now, false);
    publish_session(b);
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: session with \"%s\"%s", b->text,
           kept_text(&b->report.server_id), quic_conn_resumed(b->link.conn) ? ", TLS resumed" : "");
    act_poll(b, now);
}

/* What is STALE is no news, but that it lives. */
static void answered(struct backend *b, qhcp_nsec now, const struct session_lb_report *r)
{
    const struct wire_health_response *m = &r->m.response;
    unsigned status = (unsigned)r->status; /* of the newest epoch, also when the answer is older */
    bool stale = (r->what & SESSION_LB_STALE) != 0, same = (r->what & SESSION_LB_SAME) != 0;
    struct health_step step = {0};

    if (r->what & SESSION_LB_STATUS) {
        report_words(b, m->has & WIRE_HAS_REASON ? m->reason : slice_of(NULL, 0));
        leave_status(b, now);
    }
    if (!stale && !(r->what & (SESSION_LB_REPEATED | SESSION_LB_BEAT))) /* a beat has none */
        report_checks(b, &m->checks);
    if (r->what & SESSION_LB_ANSWER) {
        report_answer(b);
        if (!stale)
            report_values(b, same ? NULL : &m->values);
        health_answer(&b->health, now, r->at, r->rtt, status, stale || b->report.complete, &step);
    } else {
        health_status(&b->health, now, status, &step);
    }
    act_on(b, now, &step);
    if ((r->what & SESSION_LB_ANSWER) && b->health.state == QHCP_UP && report_take_restarted(b))
        act_restarted(b);
}

/* The server refuses: its words are the reason, whether it closes the connection itself or not. */
static void peer_error(struct backend *b, qhcp_nsec now, const struct wire_error *e)
{
    struct quic_close why = {.end = QUIC_END_CLOSED_BY_PEER, .application = true, .code = e->code};

    slice_to_cstr(e->words, why.words, sizeof why.words);
    lb_log(b->lb, QHCP_LOG_WARNING, "%s: the server says: %s (%s)", b->text, why.words,
           qhcp_strerror((int64_t)e->code));
    if (b->link.conn)
        ended(b, now, &why, QHCP_E_NO_ERROR, "");
}

static void leaves(struct backend *b, qhcp_nsec now, const struct wire_terminate *m)
{
    report_words(b, m->reason);
    act_signal(b, now, HEALTH_SIGNAL_TERMINATE);
    leave_begin(b, now, m->deadline_us * NSEC_PER_USEC);
}

static void beat(struct backend *b, qhcp_nsec now, const struct session_lb_report *r)
{
    struct health_step step;

    report_beat(b, r->slots);
    health_beat(&b->health, now, r->at, r->slots, &step);
    act_on(b, now, &step);
}

static void heard(struct backend *b, qhcp_nsec now, const struct session_lb_report *r)
{
    if (r->what & SESSION_LB_ESTABLISHED)
        established(b, now, &r->m.ack);
    if (r->what & SESSION_LB_RESTARTED)
        act_signal(b, now, HEALTH_SIGNAL_RESET);
    if (r->what & (SESSION_LB_ANSWER | SESSION_LB_STATUS))
        answered(b, now, r);
    if ((r->what & SESSION_LB_BEAT) && b->listen.interval > 0)
        beat(b, now, r);
    if (r->what & (SESSION_LB_CONFIGURED | SESSION_LB_REFUSED))
        listen_agreed(b, now);
    if (r->what & SESSION_LB_CONFIGURED)
        update_taken(b, now, &r->m.config_ack);
    if (r->what & SESSION_LB_REFUSED)
        update_refused(b, &r->m.config_ack);
    if (r->what & SESSION_LB_PEER_ERROR)
        peer_error(b, now, &r->m.error);
    if (r->what & SESSION_LB_PEER_LEAVES)
        leaves(b, now, &r->m.terminate);
    if (r->what & SESSION_LB_TERMINATED)
        link_end(&b->link, QHCP_E_NO_ERROR, "load balancer stops");
}

/* The peer broke the protocol, or floods: ERROR, CONNECTION_CLOSE, log and reason say the same. */
static void violated(struct backend *b, qhcp_nsec now, int err)
{
    char why[QHCP_TEXT];

    session_lb_refuse(&b->link.session, err, qhcp_strerror(err));
    snprintf(why, sizeof why, "protocol error: %.200s", b->link.session.words);
    reason_because(b, why);
    lb_log(b->lb, QHCP_LOG_WARNING, "%s: %s", b->text, why);
    talk_flush(b, now);
    if (!b->link.conn)
        return;
    link_end(&b->link, err, b->link.session.words);
    act_signal(b, now, HEALTH_SIGNAL_REFUSED);
}

/* A peer may say little unasked; a flood of it is an attack or a fault. */
static bool flooded(struct backend *b, qhcp_nsec now)
{
    if (now - b->talk.unasked_since > own_liveness(b)) {
        b->talk.unasked_since = now;
        b->talk.unasked = 0;
    }
    return ++b->talk.unasked > TALK_UNASKED + own_liveness(b) / TALK_UNASKED_EVERY;
}

static void frame(struct backend *b, qhcp_nsec now, enum session_channel channel, const uint8_t *p,
                  size_t n)
{
    struct session_lb_report r;
    bool wanted;
    int err;

    r.what = 0;
    err = session_lb_frame(&b->link.session, quic_conn_arrived(b->link.conn), channel, p, n, &r);
    wanted = (r.what & SESSION_LB_ANSWER) || /* of no use after a failure */
             ((r.what & SESSION_LB_BEAT) && listen_beat(b, r.at, r.slots));
    if (err == 0 && !wanted && flooded(b, now))
        err = QHCP_E_EXCESSIVE;
    if (err != 0) {
        violated(b, now, err);
        return;
    }
    if (channel == SESSION_DATAGRAM && wanted && !(r.what & SESSION_LB_STATUS))
        quic_conn_hold_ack(b->link.conn);
    heard(b, now, &r);
    talk_flush(b, now);
}

void talk_datagram(struct backend *b, qhcp_nsec now, const uint8_t *p, size_t n)
{
    frame(b, now, SESSION_DATAGRAM, p, n);
}

/* The bytes are moved out of the backend while their frames are handled: a frame can end the
 * connection, and its inbox with it. */
void talk_bytes(struct backend *b, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct quic_conn *c = b->link.conn;
    struct inbox in = b->link.inbox;
    uint64_t type;
    size_t total;
    int err;

    b->link.inbox = (struct inbox){0};
    err = inbox_add(&in, p, n);
    while (err == 0 && b->link.conn == c && in.n > 0) {
        err = wire_peek(in.p, in.n, &type, &total);
        if (err == QHCP_E_PARTIAL || (err == 0 && in.n < total)) {
            b->link.inbox = in;
            return;
        }
        if (err == 0) {
            frame(b, now, SESSION_STREAM, in.p, total);
            inbox_drop(&in, total);
        }
    }
    inbox_deinit(&in);
    if (err != 0 && b->link.conn == c)
        violated(b, now, err);
}

/* No ACK, or no CONFIG_ACK: want of an answer, not a breach. */
static void fell_silent(struct backend *b, qhcp_nsec now)
{
    struct quic_close why = {.end = QUIC_END_CLOSED_BY_US};

    snprintf(why.words, sizeof why.words, "%s", b->link.session.words);
    talk_flush(b, now);
    if (b->link.conn)
        ended(b, now, &why, QHCP_E_TIMEOUT, why.words);
}

void talk_expire(struct backend *b, qhcp_nsec now)
{
    struct session_lb_report r = {.what = 0};
    int err = session_lb_expire(&b->link.session, now, &r);

    if (err == QHCP_E_TIMEOUT) {
        fell_silent(b, now);
        return;
    }
    if (err != 0) {
        violated(b, now, err);
        return;
    }
    heard(b, now, &r);
    talk_flush(b, now);
}
