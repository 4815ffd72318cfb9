/* quic's handlers: a connection's life, as signals for health. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lb/internal.h"

static void link_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b)
        return;
    if (quic_conn_port(c) != b->home && quic_conn_port(c) != 0)
        lb_log(b->lb, QHCP_LOG_INFO,
               "%s: reached from UDP port %u of ours before the usual one was answered (where this "
               "lasts, a NAT on the way leads elsewhere)",
               b->text, quic_conn_port(c));
    b->home = quic_conn_port(c);
    if (!quic_conn_resumed(c)) {
        b->peer_expires = quic_conn_peer_expires(c);
        publish_mark(b, QHCP_CHANGE_NOTICE);
    }
    talk_open(b, now);
    backend_rearm(b);
}

/* Whose this connection is, and in use: one that was lost is taken up again by what comes on it. */
static struct backend *owner(struct quic_conn *c, qhcp_nsec now)
{
    struct backend *b = quic_conn_user(c);

    return b && (b->conn == c || lost_found(b, now, c)) ? b : NULL;
}

static void link_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct backend *b = owner(c, now);

    (void)ctx;
    if (!b)
        return;
    talk_bytes(b, now, p, n);
    backend_rearm(b);
}

static void link_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct backend *b = owner(c, now);

    (void)ctx;
    if (!b)
        return;
    talk_datagram(b, now, p, n);
    backend_rearm(b);
}

static void link_datagram_done(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b || b->conn != c || fate != QUIC_FATE_REFUSED)
        return;
    session_lb_not_sent(&b->session, id);
    health_not_sent(&b->health, b->lb->now);
    b->checks_sent--;
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: check %llu was not sent", b->text, (unsigned long long)id);
    backend_rearm(b);
}

static void link_ticket(void *ctx, struct quic_conn *c, const uint8_t *p, size_t n)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (b)
        credentials_keep_ticket(b, p, n);
}

static void refused_words(const struct quic_close *why, char *ret, size_t cap)
{
    bool token = why->application && why->code >= (uint64_t)-QHCP_E_TOKEN_MISSING &&
                 why->code <= (uint64_t)-QHCP_E_TOKEN_CLAIM;
    char number[40];
    const char *words = why->words;

    if (words[0] == '\0' && why->application) {
        words = qhcp_strerror((int64_t)why->code);
        snprintf(number, sizeof number, "error 0x%llx", (unsigned long long)why->code);
        if (strcmp(words, "unknown error") == 0)
            words = number;
    }

    if (token && strncmp(words, "token", 5) != 0)
        snprintf(ret, cap, "token refused: %.220s", words);
    else
        snprintf(ret, cap, "%s", words);
}

/* Closed by the peer's own code: is it a refusal, or did it merely go? */
static enum health_signal peer_signal(const struct quic_close *why)
{
    int64_t code = -(int64_t)why->code;

    if (!why->application || code == QHCP_E_NO_ERROR || code == QHCP_E_STOPPING ||
        code == QHCP_E_TIMEOUT || code == QHCP_E_EXCESSIVE)
        return HEALTH_SIGNAL_CLOSED;
    return HEALTH_SIGNAL_REFUSED;
}

/* An end that is the same before and after the handshake's end; false where it is not. */
static bool refused(const struct quic_close *why)
{
    switch (why->end) {
    case QUIC_END_CERTIFICATE:
    case QUIC_END_REFUSED_CERTIFICATE:
    case QUIC_END_ALPN:
    case QUIC_END_PROTOCOL:
        return true;
    case QUIC_END_CLOSED_BY_PEER:
        return peer_signal(why) == HEALTH_SIGNAL_REFUSED;
    default:
        return false;
    }
}

static void link_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    struct backend *b = quic_conn_user(c);
    bool dialling, agreed;
    char words[QHCP_TEXT];

    (void)ctx;
    if (!b || lost_closed(b, now, c, why->end == QUIC_END_RESET) || b->conn != c)
        return;
    dialling = b->health.phase == HEALTH_DIALING;
    b->conn = NULL;
    if (why->end == QUIC_END_CERTIFICATE && quic_conn_peer_expires(c) != 0) {
        b->peer_expires = quic_conn_peer_expires(c); /* the notice says how to renew it */
        publish_mark(b, QHCP_CHANGE_NOTICE);
    }
    b->renew_at = b->reverify_at = NSEC_NEVER;
    inbox_deinit(&b->inbox);
    agreed = session_lb_closed(&b->session, why->application ? why->code : 0);
    session_lb_init(&b->session, &b->lb->owned->session);
    refused_words(why, words, sizeof words);
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: connection ended%s: %s", b->text,
           agreed ? " after TERMINATE" : "", words);
    if (refused(why) || why->end == QUIC_END_HANDSHAKE)
        credentials_drop_ticket(b);
    if (b->lb->stopping)
        return;
    if (dialling && why->application && credentials_fall_back(b, why->code)) {
        backend_dial_again(b, now);
        return;
    }
    if (!dialling && why->application && credentials_changed(b, why->code)) {
        backend_signal(b, now, HEALTH_SIGNAL_RESET); /* no verdict: with the newest key, at once */
        return;
    }
    if (dialling) {
        backend_dial_failed(b, now,
                            refused(why)                       ? HEALTH_SIGNAL_REFUSED
                            : why->end == QUIC_END_UNREACHABLE ? HEALTH_SIGNAL_DIAL_UNREACHABLE
                                                               : HEALTH_SIGNAL_DIAL_FAILED,
                            why->end == QUIC_END_UNREACHABLE ? reason_icmp(b->icmp_error) : words);
        return;
    }
    snprintf(b->why, sizeof b->why, "%s", words);
    if (!refused(why))
        lost_remember(b, now, c);
    if (why->application && why->code == (uint64_t)-QHCP_E_STOPPING)
        backend_signal(b, now, HEALTH_SIGNAL_TERMINATE); /* it goes without our acknowledgement */
    if (refused(why))
        backend_signal(b, now, HEALTH_SIGNAL_REFUSED);
    else
        backend_signal(b, now,
                       why->end == QUIC_END_RESET ? HEALTH_SIGNAL_RESET : HEALTH_SIGNAL_CLOSED);
}

void link_icmp(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b || b->conn != c)
        return;
    b->icmp_error = b->lb->icmp_error;
    if (b->health.phase != HEALTH_WATCHING || b->icmp_error == EMSGSIZE) /* checks are small */
        return;
    if (paths_no_way(b, now)) {
        health_no_way(&b->health, now);
        backend_rearm(b);
    } else {
        backend_signal(b, now, certain ? HEALTH_SIGNAL_ICMP_CERTAIN : HEALTH_SIGNAL_ICMP);
    }
}

const struct quic_handlers link_handlers = {
    .connected = link_connected,
    .control = link_control,
    .datagram = link_datagram,
    .datagram_done = link_datagram_done,
    .forgotten = lost_forgotten,
    .ticket = link_ticket,
    .closed = link_closed,
};
