/* Messages to and from one backend, between its connection and its session. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb/internal.h"
#include "wire/registry.h"

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
        session_lb_not_sent(&b->link.session, seq);
        health_not_sent(&b->health, now);
        b->checks_sent--;
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
    health_sent(&b->health, now);
    b->checks_sent++;
    talk_flush(b, now);
}

void talk_open(struct backend *b, qhcp_nsec now)
{
    char *token = NULL;
    int err = token_make(b, now, &token, &b->link.renew_at);

    if (err == 0)
        err = session_lb_open(&b->link.session, now, slice_str(token));
    if (err != 0)
        lb_log(b->lb, QHCP_LOG_ERROR, "%s: no token could be made: %s", b->text,
               qhcp_strerror(err));
    talk_flush(b, now);
    auth_token_free(token);
}

void talk_renew(struct backend *b, qhcp_nsec now)
{
    struct wire_config_update update;
    char *token = NULL;
    bool due = b->link.renew_at <= now;

    b->update_token = b->update_token || due;
    if (due) {
        b->link.renew_at =
            nsec_add(now, 5 * NSEC_PER_SEC); /* again, should this one come to nothing */
        token_renewing(b);
    }
    if ((!b->update_token && !b->update_interval && !b->update_metrics) ||
        (b->link.session.state != SESSION_LB_ACTIVE && b->link.session.state != SESSION_LB_LEAVING))
        return;
    memset(&update, 0, sizeof update);
    if (b->update_interval) {
        update.has |= WIRE_HAS_INTERVAL;
        update.interval_us = b->lb->owned->session.interval_us;
    }
    if (b->update_metrics) {
        update.has |= WIRE_HAS_METRICS;
        update.metrics = b->lb->owned->numbers;
        update.metric_names = b->lb->owned->texts;
    }
    if (b->update_token) {
        credentials_refresh(b->lb, now);
        if (token_make(b, now, &token, &b->renew_next) == 0) {
            update.has |= WIRE_HAS_TOKEN;
            update.token = slice_str(token);
        }
    }
    if (session_lb_config(&b->link.session, now, &update) == 0) {
        b->update_interval = b->update_metrics = false;
        b->token_sent = update.has & WIRE_HAS_TOKEN;
    }
    talk_flush(b, now);
    auth_token_free(token);
}

static bool has(const struct wire_values *values, uint64_t number)
{
    for (size_t i = 0; i < values->count; i++)
        if (values->at[i].number == number)
            return true;
    return false;
}

/* Both required metrics are among the values. */
static bool complete(const struct wire_values *values)
{
    return has(values, WIRE_METRIC_CPU) && has(values, WIRE_METRIC_MEMORY);
}

void talk_notice(const struct backend *b, char *ret, size_t cap)
{
    bool cpu = has(&b->values, WIRE_METRIC_CPU), memory = has(&b->values, WIRE_METRIC_MEMORY);

    snprintf(ret, cap, "it does not report %s%s%s: the log of `qhcp server` there says why",
             cpu ? "" : "cpu_usage_percent", cpu || memory ? "" : " and ",
             memory ? "" : "memory_usage_percent");
}

static void keep_values(struct backend *b, const struct wire_values *values)
{
    size_t size = values->count * sizeof values->at[0];

    b->reports++;
    if (b->values.count == values->count && memcmp(b->values.at, values->at, size) == 0)
        return;
    b->values.count = values->count;
    memcpy(b->values.at, values->at, size);
    publish_mark(b, QHCP_CHANGE_VALUES);
}

static void keep_metrics(struct backend *b, const struct wire_metrics *metrics)
{
    struct lb_metric *names = calloc(metrics->count ? metrics->count : 1, sizeof *names);

    if (!names)
        return;
    for (size_t i = 0; i < metrics->count; i++) {
        names[i].number = metrics->at[i].number;
        names[i].unit = (unsigned)metrics->at[i].unit;
        slice_to_cstr(metrics->at[i].name, names[i].name, sizeof names[i].name);
    }
    free(b->metrics);
    b->metrics = names;
    b->n_metrics = metrics->count;
}

static void established(struct backend *b, qhcp_nsec now, const struct wire_ack *ack)
{
    struct health_step step = {0};

    slice_to_cstr(ack->server_id, b->server_id, sizeof b->server_id);
    b->restarted = b->booted && memcmp(b->boot_id, ack->boot_id.p, sizeof b->boot_id) != 0;
    memcpy(b->boot_id, ack->boot_id.p, sizeof b->boot_id);
    b->booted = b->standing.verified = true;
    quic_conn_remote(b->link.conn, &b->remote);
    keep_metrics(b, &ack->metrics);
    lost_end(b);
    b->stalled_ms = 0;
    told_services(&b->told, &ack->services);
    b->tried = 0;
    token_established(b);
    b->update_interval = b->update_metrics = b->update_token = false; /* HELLO said it all */
    b->link.reverify_at = ticket_reverify(b, now);
    revoked_established(b, now, ack->revoked);
    health_established(&b->health, now, ack->processing_us * NSEC_PER_USEC);
    publish_session(b);
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: session with \"%s\"%s", b->text, b->server_id,
           quic_conn_resumed(b->link.conn) ? ", TLS resumed" : "");
    health_poll(&b->health, now, &step);
    backend_act(b, now, &step);
}

static void answered(struct backend *b, qhcp_nsec now, const struct session_lb_report *r)
{
    const struct wire_health_response *m = &r->m.response;
    struct health_step step = {0};
    unsigned status = (unsigned)r->status; /* of the newest epoch, also when the answer is older */
    bool told = (r->what & SESSION_LB_STATUS) != 0;

    if (told) {
        slice_to_cstr((m->has & WIRE_HAS_REASON) ? m->reason : slice_of(NULL, 0), b->status_reason,
                      sizeof b->status_reason);
        publish_mark(b, QHCP_CHANGE_REPORT);
    }
    if (!(r->what & SESSION_LB_STALE) && told_checks(&b->told, &m->checks))
        publish_mark(b, QHCP_CHANGE_REPORT);
    if (!(r->what & SESSION_LB_ANSWER)) {
        health_status(&b->health, now, status, &step);
        backend_act(b, now, &step);
        return;
    }
    b->checks_ok++;
    if (!(r->what & SESSION_LB_STALE))
        keep_values(b, &m->values);
    health_answer(&b->health, now, r->rtt, status,
                  (r->what & SESSION_LB_STALE) || complete(&m->values), &step);
    backend_act(b, now, &step);
    if (b->restarted && b->health.state == QHCP_UP)
        backend_restarted(b);
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

static void refusals(struct backend *b, const struct wire_config_ack *ack)
{
    char words[LIMIT_REASON + 1];

    for (size_t i = 0; i < ack->refused.count; i++) {
        slice_to_cstr(ack->refused.at[i].words, words, sizeof words);
        lb_log(b->lb, QHCP_LOG_WARNING, "%s: CONFIG_UPDATE refused (key 0x%llx): %s", b->text,
               (unsigned long long)ack->refused.at[i].key, words);
        /* CONFIG_UPDATE insists, HELLO only asks: a new session gets what there is. */
        if (ack->refused.at[i].code == (uint64_t)-QHCP_E_CONFIG)
            b->link.reverify_at = 0;
        if (ack->refused.at[i].key == LB_KEY_REVOCATIONS)
            revoked_refused(b, &ack->refused.at[i]);
        if (ack->refused.at[i].code != (uint64_t)-QHCP_E_TOKEN_KEY)
            continue;
        if (token_fall_back_in_session(b, ack->refused.at[i].code))
            b->link.renew_at = 0; /* at once, with another key */
    }
}

/* The renewed token is in force; the next renewal is as far off as its minting said. */
static void configured(struct backend *b, qhcp_nsec now, const struct wire_config_ack *ack)
{
    if (b->token_sent && (ack->has & WIRE_HAS_EXPIRES)) {
        b->update_token = false;
        b->link.renew_at = b->renew_next;
        token_accepted(b);
        lb_log(b->lb, QHCP_LOG_DEBUG, "%s: token renewed", b->text);
    }
    keep_metrics(b, &ack->metrics);
    b->token_sent = false;
    if (b->update_interval || b->update_metrics || b->update_token)
        talk_renew(b, now);
    revoked_heard(b, now, ack->revoked);
}

/* A little before the server goes regardless, so that it hears of it. */
static qhcp_nsec leave_until(const struct backend *b, qhcp_nsec now, qhcp_nsec deadline)
{
    deadline -= nsec_min(deadline / 10, LB_LEAVE_EARLY);
    return nsec_add(now, nsec_min(b->lb->config->max_drain, deadline));
}

void talk_leave(struct backend *b, qhcp_nsec now)
{
    const struct qhcp_lb_config *c = b->lb->config;
    bool over = b->leave_until <= now;
    size_t left = c->leaving ? c->leaving(c->ctx, b->text, over) : 0;

    b->leave_look = nsec_min(nsec_add(now, LB_LEAVE_LOOK), nsec_max(b->leave_until, now + 1));
    if (left == 0 || over)
        (void)session_lb_leave(&b->link.session, now, left > 0);
    talk_flush(b, now);
}

static void report(struct backend *b, qhcp_nsec now, const struct session_lb_report *r)
{
    if (r->what & SESSION_LB_ESTABLISHED)
        established(b, now, &r->m.ack);
    if (r->what & SESSION_LB_RESTARTED)
        backend_signal(b, now, HEALTH_SIGNAL_RESET);
    if (r->what & (SESSION_LB_ANSWER | SESSION_LB_STATUS))
        answered(b, now, r);
    if (r->what & SESSION_LB_CONFIGURED)
        configured(b, now, &r->m.config_ack);
    if (r->what & SESSION_LB_REFUSED)
        refusals(b, &r->m.config_ack);
    if (r->what & SESSION_LB_PEER_ERROR)
        peer_error(b, now, &r->m.error);
    if (r->what & SESSION_LB_PEER_LEAVES) {
        slice_to_cstr(r->m.terminate.reason, b->status_reason, sizeof b->status_reason);
        publish_mark(b, QHCP_CHANGE_REPORT);
        backend_signal(b, now, HEALTH_SIGNAL_TERMINATE);
        b->leave_until = leave_until(b, now, r->m.terminate.deadline_us * NSEC_PER_USEC);
        talk_leave(b, now);
    }
    if (r->what & SESSION_LB_TERMINATED)
        link_end(&b->link, QHCP_E_NO_ERROR, "load balancer stops");
}

/* The peer broke the protocol, or floods: ERROR, CONNECTION_CLOSE, log and reason say the same. */
static void violated(struct backend *b, qhcp_nsec now, int err)
{
    session_lb_refuse(&b->link.session, err, qhcp_strerror(err));
    snprintf(b->why, sizeof b->why, "protocol error: %.200s", b->link.session.words);
    lb_log(b->lb, QHCP_LOG_WARNING, "%s: %s", b->text, b->why);
    talk_flush(b, now);
    if (!b->link.conn)
        return;
    link_end(&b->link, err, b->link.session.words);
    backend_signal(b, now, HEALTH_SIGNAL_REFUSED);
}

/* A peer may say little unasked; a flood of it is an attack or a fault. */
static bool flooded(struct backend *b, qhcp_nsec now)
{
    if (now - b->unasked_since > b->lb->config->liveness_interval) {
        b->unasked_since = now;
        b->unasked = 0;
    }
    return ++b->unasked > LB_UNASKED + b->lb->config->liveness_interval / LB_UNASKED_EVERY;
}

static void frame(struct backend *b, qhcp_nsec now, enum session_channel channel, const uint8_t *p,
                  size_t n)
{
    struct session_lb_report r;
    int err;

    r.what = 0;
    err = session_lb_frame(&b->link.session, now, channel, p, n, &r);
    if (err == 0 && !(r.what & SESSION_LB_ANSWER) && flooded(b, now))
        err = QHCP_E_EXCESSIVE;
    if (err != 0) {
        violated(b, now, err);
        return;
    }
    if (channel == SESSION_DATAGRAM && (r.what & SESSION_LB_ANSWER) &&
        !(r.what & SESSION_LB_STATUS))
        quic_conn_hold_ack(b->link.conn);
    report(b, now, &r);
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
    report(b, now, &r);
    talk_flush(b, now);
}
