/* One load balancer's connection: quic's handlers, its session, pushes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/internal.h"

void peer_rearm(struct peer *p)
{
    wheel_set(&p->server->wheel, &p->timer,
              nsec_min(nsec_min(session_server_deadline(&p->session), p->push_at),
                       nsec_min(heartbeat_deadline(p), quiet_deadline(p))));
}

void peer_flush(struct peer *p, qhcp_nsec now)
{
    uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];
    enum session_channel channel;
    size_t n;

    while ((n = session_server_pull(&p->session, now, buf, sizeof buf, &channel)) > 0) {
        if (quic_conn_write(p->conn, buf, n) != 0)
            server_log(p->server, QHCP_LOG_WARNING, "\"%s\": a message could not be queued",
                       p->lb_id);
    }
}

void peer_close(struct peer *p, int error, const char *words)
{
    peer_flush(p, p->server->now);
    p->closing = true;
    quic_conn_close(p->conn, (uint64_t)-error, words);
}

void peer_send(struct peer *p, enum session_channel channel, const uint8_t *frame, size_t n,
               uint64_t id)
{
    if (n == 0)
        return;
    if (channel == SESSION_DATAGRAM && quic_conn_takes_datagrams(p->conn))
        (void)quic_conn_datagram(p->conn, frame, n, id);
    else
        (void)quic_conn_write(p->conn, frame, n);
}

static void send_answer(struct peer *p, enum session_channel channel, uint64_t seq, uint64_t id)
{
    uint8_t buf[LIMIT_DATAGRAM];

    peer_send(p, channel, buf, session_server_answer(&p->session, seq, 0, buf, sizeof buf), id);
}

/* Until a push is repeated: as long as its acknowledgement may take, which a peer with the usual
 * max_ack_delay sends that much later. */
static qhcp_nsec push_wait(const struct peer *p)
{
    qhcp_nsec trip = nsec_max(2 * quic_conn_srtt(p->conn), SERVER_PUSH_MIN);

    return p->pushes < SERVER_PUSH_FAST ? trip + quic_conn_ack_delay(p->conn) : NSEC_PER_SEC;
}

/* A push in a datagram is repeated until it is acknowledged; on the stream QUIC sees to that. */
void peer_push(struct peer *p, qhcp_nsec now)
{
    bool datagrams = quic_conn_takes_datagrams(p->conn);

    if (!session_server_push_due(&p->session)) {
        p->push_at = NSEC_NEVER;
        return;
    }
    send_answer(p, datagrams ? SESSION_DATAGRAM : SESSION_STREAM, 0,
                datagrams ? p->server->self.epoch : 0);
    p->pushes++;
    p->push_at = datagrams ? nsec_add(now, push_wait(p)) : NSEC_NEVER;
}

void peer_terminate(struct peer *p, qhcp_nsec now, qhcp_nsec wait, const char *reason)
{
    if (session_server_terminate(&p->session, now, wait, reason) == 0) {
        peer_flush(p, now);
        quiet_leaving(p, now);
    } else {
        peer_close(p, QHCP_E_STOPPING, reason);
    }
    peer_rearm(p);
}

static void hello(struct peer *p, qhcp_nsec now, const struct wire_hello *m)
{
    struct auth_grant grant;
    char words[QHCP_TEXT];
    int err = QHCP_E_TOKEN_MISSING;

    slice_to_cstr(m->lb_id, p->lb_id, sizeof p->lb_id);
    if (m->has & WIRE_HAS_TOKEN) {
        err = trust_verify(p, m->token, &grant, words, sizeof words);
    } else {
        snprintf(words, sizeof words, "%s", qhcp_strerror(err));
        roster_warn(p, "\"%s\" came without a token", p->lb_id);
    }
    if (err == 0) {
        server_measure(p->server, now, SERVER_METRICS_AGE);
        err = session_server_accept(&p->session, now, m, grant.scopes,
                                    trust_expiry(p->server, now, &grant));
        if (err != 0)
            roster_warn(p, "\"%s\" refused: %s", p->lb_id, p->session.words);
    } else {
        session_server_refuse(&p->session, now, err, words);
    }
    if (err != 0) {
        peer_close(p, err, p->session.words);
        return;
    }
    snprintf(p->kid, sizeof p->kid, "%s", grant.kid);
    heartbeat_set(p, now);
    roster_admit(p);
    quiet_replaces(p, now);
    quic_conn_welcome(p->conn);
    /* A check's token has no other right, and it comes each minute. */
    server_log(p->server, grant.scopes == AUTH_SCOPE_HEALTH ? QHCP_LOG_DEBUG : QHCP_LOG_INFO,
               "load balancer \"%s\" watches this server (token of %s, key %s)", p->lb_id,
               grant.issuer, grant.kid);
}

static void config_update(struct peer *p, qhcp_nsec now, const struct wire_config_update *m)
{
    struct auth_grant grant = {.scopes = p->session.scopes};
    qhcp_nsec expires = p->session.token_expires;
    char words[QHCP_TEXT] = "";
    int err = 0;

    if (m->has & WIRE_HAS_TOKEN) {
        err = trust_verify(p, m->token, &grant, words, sizeof words);
        if (err == 0) {
            expires = trust_expiry(p->server, now, &grant);
            snprintf(p->kid, sizeof p->kid, "%s", grant.kid);
        }
    }
    if (m->has & WIRE_HAS_REVOCATIONS && grant.scopes & AUTH_SCOPE_CONFIG)
        err = trust_revoke(p, m->revocations, words, sizeof words);
    session_server_config(&p->session, now, m, err, words, grant.scopes, expires);
    heartbeat_set(p, now);
}

/* Many who ask seldom share a sample, too. */
static qhcp_nsec age_for(const struct peer *p)
{
    return nsec_max(SERVER_METRICS_AGE, p->session.interval_us * NSEC_PER_USEC / 2);
}

static void report(struct peer *p, qhcp_nsec now, enum session_channel channel,
                   const struct session_server_report *r)
{
    if (r->what & SESSION_SERVER_REQUEST) {
        server_measure(p->server, now, age_for(p));
        send_answer(p, channel, r->m.request.seq, 0);
        if (channel == SESSION_DATAGRAM && r->m.request.epoch == p->server->self.epoch)
            quic_conn_may_wait(p->conn);
    }
    if (r->what & SESSION_SERVER_PUSH_SEEN)
        p->push_at = NSEC_NEVER;
    if (r->what & SESSION_SERVER_HELLO)
        hello(p, now, &r->m.hello);
    if (r->what & SESSION_SERVER_CONFIG)
        config_update(p, now, &r->m.config_update);
    peer_flush(p, now);
    if (r->what & SESSION_SERVER_PEER_ERROR) {
        char words[LIMIT_REASON + 1];

        slice_to_cstr(r->m.error.words, words, sizeof words);
        server_log(p->server, QHCP_LOG_WARNING, "load balancer \"%s\" says: %s", p->lb_id, words);
        peer_close(p, QHCP_E_NO_ERROR, "");
    }
    if (r->what & SESSION_SERVER_PEER_LEAVES) {
        server_log(p->server, QHCP_LOG_INFO, "load balancer \"%s\" leaves", p->lb_id);
        peer_close(p, QHCP_E_NO_ERROR, "load balancer left");
    }
    if (r->what & SESSION_SERVER_TERMINATED)
        peer_close(p, QHCP_E_NO_ERROR, "server stopped");
}

/* The words of ERROR, of CONNECTION_CLOSE and of our log are the same. */
static void violated(struct peer *p, qhcp_nsec now, int err)
{
    if (p->session.state != SESSION_SERVER_CLOSED)
        session_server_refuse(&p->session, now, err, qhcp_strerror(err));
    roster_warn(p, "closing the session of load balancer \"%s\": %s", p->lb_id, p->session.words);
    peer_close(p, err, p->session.words);
}

static bool flooded(struct peer *p, qhcp_nsec now)
{
    if (now - p->frames_since > NSEC_PER_SEC) {
        p->frames_since = now;
        p->frames = p->updates = 0;
    }
    return ++p->frames > SERVER_FRAMES_PER_SEC;
}

/* False when the frame ended the session. */
static bool frame(struct peer *p, qhcp_nsec now, enum session_channel channel, const uint8_t *data,
                  size_t n)
{
    struct session_server_report r;
    int err;

    r.what = 0;
    err = flooded(p, now) ? QHCP_E_EXCESSIVE
                          : session_server_frame(&p->session, now, channel, data, n, &r);
    if ((r.what & SESSION_SERVER_CONFIG) && ++p->updates > SERVER_UPDATES_PER_SEC)
        err = QHCP_E_EXCESSIVE;
    if (err != 0) {
        violated(p, now, err);
        return false;
    }
    report(p, now, channel, &r);
    return p->session.state != SESSION_SERVER_CLOSED;
}

static int peer_accepted(void *ctx, struct quic_conn *c)
{
    struct qhcp_server *s = ctx;
    struct peer *p;
    size_t count = s->strangers.count + s->members.count;

    if (s->finished || count >= SERVER_MAX_CONNS || wheel_reserve(&s->wheel, count + 1) != 0)
        return QHCP_E_STOPPING;
    p = calloc(1, sizeof *p);
    if (!p)
        return QHCP_E_NOMEM;
    p->server = s;
    p->conn = c;
    p->push_at = NSEC_NEVER;
    quiet_init(&p->quiet);
    snprintf(p->lb_id, sizeof p->lb_id, "?");
    session_server_init(&p->session, &s->self, s->now);
    roster_add(s, p);
    s->most = count + 1 > s->most ? count + 1 : s->most;
    quic_conn_set_user(c, p);
    peer_rearm(p);
    return 0;
}

static void peer_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    struct peer *p = quic_conn_user(c);

    (void)ctx;
    if (!p)
        return;
    session_server_connected(&p->session, now); /* HELLO is the load balancer's to send */
    peer_rearm(p);
}

static void peer_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *data,
                          size_t n)
{
    struct peer *p = quic_conn_user(c);

    (void)ctx;
    if (!p || p->session.state == SESSION_SERVER_CLOSED)
        return;
    frame(p, now, SESSION_DATAGRAM, data, n);
    peer_rearm(p);
}

static void peer_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *data,
                         size_t n)
{
    struct peer *p = quic_conn_user(c);
    uint64_t type;
    size_t total;
    int err;

    (void)ctx;
    if (!p || p->session.state == SESSION_SERVER_CLOSED)
        return;
    err = inbox_add(&p->inbox, data, n);
    while (err == 0 && p->inbox.n > 0) {
        err = wire_peek(p->inbox.p, p->inbox.n, &type, &total);
        if (err == QHCP_E_PARTIAL || (err == 0 && p->inbox.n < total)) {
            err = 0;
            break;
        }
        if (err == 0 && !frame(p, now, SESSION_STREAM, p->inbox.p, total)) {
            inbox_deinit(&p->inbox);
            break;
        }
        if (err == 0)
            inbox_drop(&p->inbox, total);
    }
    if (err != 0)
        violated(p, now, err);
    peer_rearm(p);
}

static void peer_datagram_done(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    struct peer *p = quic_conn_user(c);

    (void)ctx;
    if (!p || fate != QUIC_FATE_ACKED || id != p->server->self.epoch)
        return;
    p->push_at = NSEC_NEVER; /* the push of the newest status arrived */
    peer_rearm(p);
}

static void peer_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    struct qhcp_server *s = ctx;
    struct peer *p = quic_conn_user(c);

    bool agreed;

    (void)now;
    if (!p)
        return;
    agreed = session_server_closed(&p->session, why->application ? why->code : 0);
    if (why->end == QUIC_END_CERTIFICATE)
        roster_warn(p, "connection of \"%s\" ended: %s", p->lb_id, why->words);
    else
        server_log(s, QHCP_LOG_DEBUG, "connection of \"%s\" ended%s: %s", p->lb_id,
                   agreed ? " after TERMINATE" : "", why->words);
    wheel_set(&s->wheel, &p->timer, NSEC_NEVER);
    roster_remove(p);
    inbox_deinit(&p->inbox);
    free(p);
}

void peer_revoke(struct peer *p, qhcp_nsec now)
{
    session_server_refuse(&p->session, now, QHCP_E_TOKEN_KEY,
                          auth_keys_revoked(p->server->keys, p->kid)
                              ? "the key of its token was revoked"
                              : "the key of its token is no longer accepted");
    roster_warn(p, "closing the session of load balancer \"%s\": %s", p->lb_id, p->session.words);
    peer_close(p, QHCP_E_TOKEN_KEY, p->session.words);
}

void peer_expire(struct peer *p, qhcp_nsec now)
{
    struct session_server_report r;
    int err;

    if (p->push_at <= now)
        peer_push(p, now);
    if (heartbeat_deadline(p) <= now)
        heartbeat_expire(p, now);
    if (quiet_deadline(p) <= now)
        quiet_expire(p, now);
    if (session_server_deadline(&p->session) <= now) {
        r.what = 0;
        err = session_server_expire(&p->session, now, &r);
        if (err != 0)
            violated(p, now, err);
        else
            report(p, now, SESSION_STREAM, &r);
    }
    peer_rearm(p);
}

const struct quic_handlers peer_handlers = {
    .accepted = peer_accepted,
    .connected = peer_connected,
    .control = peer_control,
    .datagram = peer_datagram,
    .datagram_done = peer_datagram_done,
    .closed = peer_closed,
};
