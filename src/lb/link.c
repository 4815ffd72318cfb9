#include "lb/link.h"

#include <errno.h>

#include "lb/internal.h"

void link_init(struct link *l, const struct session_lb_config *config)
{
    *l = (struct link){.renew_at = NSEC_NEVER, .reverify_at = NSEC_NEVER};
    session_lb_init(&l->session, config);
}

void link_end(struct link *l, int code, const char *words)
{
    if (l->conn) {
        quic_conn_set_user(l->conn, NULL);
        quic_conn_close(l->conn, (uint64_t)-code, words);
    }
    inbox_deinit(&l->inbox);
    link_init(l, l->session.config);
}

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
    if (!quic_conn_resumed(c))
        ticket_certificate(b, quic_conn_peer_expires(c));
    talk_open(b, now);
    settle_later(b);
}

/* Whose this connection is, and in use: one that was lost is taken up again by what comes on it. */
static struct backend *owner(struct quic_conn *c, qhcp_nsec now)
{
    struct backend *b = quic_conn_user(c);

    return b && (b->link.conn == c || lost_found(b, now, c)) ? b : NULL;
}

static void link_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct backend *b = owner(c, now);

    (void)ctx;
    if (!b)
        return;
    talk_bytes(b, now, p, n);
    settle_later(b);
}

static void link_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct backend *b = owner(c, now);

    (void)ctx;
    if (!b)
        return;
    talk_datagram(b, now, p, n);
    settle_later(b);
}

static void link_datagram_done(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b || b->link.conn != c || fate != QUIC_FATE_REFUSED)
        return;
    session_lb_not_sent(&b->link.session, id);
    health_not_sent(&b->health, b->lb->now);
    b->checks_sent--;
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: check %llu was not sent", b->text, (unsigned long long)id);
    settle_later(b);
}

static void link_ticket(void *ctx, struct quic_conn *c, const uint8_t *p, size_t n)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (b)
        ticket_keep(b, p, n);
}

static void link_closed(void *ctx, struct quic_conn *c, qhcp_nsec now, const struct quic_close *why)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b)
        return;
    settle_later(b);
    if (!lost_closed(b, now, c, why->end == QUIC_END_RESET) && b->link.conn == c)
        ended(b, now, why, QHCP_E_NO_ERROR, "");
}

void link_icmp(void *ctx, struct quic_conn *c, qhcp_nsec now, bool certain)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b || b->link.conn != c)
        return;
    b->icmp_error = b->lb->icmp_error;
    if (b->health.phase != HEALTH_WATCHING || b->icmp_error == EMSGSIZE) /* checks are small */
        return;
    if (paths_no_way(b, now)) {
        health_no_way(&b->health, now);
        settle_later(b);
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
