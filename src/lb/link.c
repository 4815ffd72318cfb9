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

void link_move(struct link *to, struct link *from)
{
    *to = *from;
    link_init(from, to->session.config);
}

void link_configure(struct link *l, const struct session_lb_config *config)
{
    l->session.config = config;
}

void link_renew(struct link *l, qhcp_nsec at)
{
    l->renew_at = at;
}

void link_reverify(struct link *l, qhcp_nsec at)
{
    l->reverify_at = at;
}

static void link_connected(void *ctx, struct quic_conn *c, qhcp_nsec now)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b)
        return;
    attempt_connected(b, now, quic_conn_port(c));
    if (!quic_conn_resumed(c))
        ticket_certificate(b, quic_conn_peer_expires(c));
    update_open(b, now);
    settle_later(b);
}

bool link_takes_updates(const struct link *l)
{
    return l->session.state == SESSION_LB_ACTIVE || l->session.state == SESSION_LB_LEAVING;
}

/* Whose this connection is, and in use: one that was lost is taken up again by what comes on it. */
static struct backend *owner(struct quic_conn *c, qhcp_nsec now)
{
    struct backend *b = quic_conn_user(c);

    if (!b || (b->link.conn != c && !lost_found(b, now, c)))
        return NULL;
    settle_later(b);
    return b;
}

static void link_control(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct backend *b = owner(c, now);

    (void)ctx;
    if (b)
        talk_bytes(b, now, p, n);
}

static void link_datagram(void *ctx, struct quic_conn *c, qhcp_nsec now, const uint8_t *p, size_t n)
{
    struct backend *b = owner(c, now);

    (void)ctx;
    if (b)
        talk_datagram(b, now, p, n);
}

static void link_datagram_done(void *ctx, struct quic_conn *c, uint64_t id, enum quic_fate fate)
{
    struct backend *b = quic_conn_user(c);

    (void)ctx;
    if (!b || b->link.conn != c)
        return;
    if (fate == QUIC_FATE_SENT)
        talk_sent(b, b->lb->now, id);
    if (fate != QUIC_FATE_REFUSED)
        return;
    talk_not_sent(b, b->lb->now, id);
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
    paths_icmp(b, b->lb->icmp_error);
    if (b->health.phase != HEALTH_WATCHING || b->lb->icmp_error == EMSGSIZE) /* checks are small */
        return;
    settle_later(b);
    if (paths_no_way(b, now))
        health_no_way(&b->health, now);
    else
        act_signal(b, now, certain ? HEALTH_SIGNAL_ICMP_CERTAIN : HEALTH_SIGNAL_ICMP);
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
