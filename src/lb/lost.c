#include "lb/lost.h"

#include <stdlib.h>

#include "lb/internal.h"

/* Together they leave in one wake-up, which costs more than ten packets. */
static qhcp_nsec on_grid(qhcp_nsec at)
{
    return (at + LOST_KNOCK_GRID - 1) / LOST_KNOCK_GRID * LOST_KNOCK_GRID;
}

static qhcp_nsec pace(const struct backend *b)
{
    qhcp_nsec share = b->lb->lost * (NSEC_PER_SEC / LOST_KNOCKS_PER_SEC);

    return nsec_max(b->lost->pace, share);
}

/* The next knock at one whose connection has ended: not while it is closing or draining. */
static qhcp_nsec after_end(const struct backend *b, qhcp_nsec now)
{
    return on_grid(nsec_add(now, nsec_max(pace(b), quic_trace_quiet(b->lost->trace))));
}

static struct lost *make(struct backend *b, qhcp_nsec now)
{
    struct lost *l = b->link.conn && !b->lost ? calloc(1, sizeof *l) : NULL;

    if (!l)
        return NULL;
    if (quic_conn_trace(b->link.conn, b, &l->trace) != 0) {
        free(l);
        return NULL;
    }
    link_init(&l->link, b->link.session.config);
    l->until = nsec_add(now, LOST_KEPT);
    l->pace = LOST_KNOCK;
    l->ask_at = l->dial_at = NSEC_NEVER;
    b->lost = l;
    b->lb->lost++;
    l->knock_at = on_grid(now + pace(b)); /* a server that stops should have stopped by then */
    return l;
}

void lost_remember(struct backend *b, qhcp_nsec now)
{
    struct lost *l = make(b, now);

    if (l)
        l->knock_at = after_end(b, now);
}

/* A fleet that fell silent as a whole is not connected to at once, and a server that stays silent
 * not often. */
static qhcp_nsec redial(struct backend *b, qhcp_nsec now)
{
    qhcp_nsec share = b->lb->lost * (NSEC_PER_SEC / LOST_REDIALS_PER_SEC);
    qhcp_nsec at = nsec_add(now, nsec_max(b->lost->dial_pace, share));

    b->lost->dial_pace *= 2;
    return at;
}

bool lost_keep(struct backend *b, qhcp_nsec now)
{
    struct lost *l = make(b, now);

    if (!l)
        return false;
    link_move(&l->link, &b->link);
    l->ask_pace = LOST_KNOCK;
    l->ask_at = nsec_add(now, l->ask_pace);
    l->dial_pace = LOST_REDIAL;
    l->dial_at = redial(b, now);
    return true;
}

void lost_end(struct backend *b)
{
    if (!b->lost)
        return;
    link_end(&b->lost->link, QHCP_E_NO_ERROR, "given up");
    quic_trace_free(b->lost->trace);
    free(b->lost);
    b->lost = NULL;
    b->lb->lost--;
}

bool lost_found(struct backend *b, qhcp_nsec now, const struct quic_conn *c)
{
    struct lost *l = b->lost;

    if (!l || l->link.conn != c || b->lb->stopping)
        return false;
    link_end(&b->link, QHCP_E_NO_ERROR, "the connection before it still works");
    attempt_cancel(b);
    link_move(&b->link, &l->link);
    lost_end(b);
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: answers again on the lost connection", b->text);
    health_found(&b->health, now);
    listen_found(b, now);
    update_send(b, now); /* what a reload changed meanwhile */
    return true;
}

/* Too many resets slow the knocking down: otherwise we would connect to a server that always sends
 * a reset and never completes a handshake just as often. */
void lost_forgotten(void *ctx, void *user, qhcp_nsec now)
{
    struct backend *b = user;

    (void)ctx;
    if (now < b->lost->heed_at)
        return;
    if (++b->lost->resets > LOST_KNOCK_RESETS)
        b->lost->pace = nsec_min(2 * b->lost->pace, NSEC_PER_SEC);
    b->lost->knock_at = after_end(b, now);
    b->lost->heed_at = nsec_add(now, b->lost->pace);
    lb_log(b->lb, QHCP_LOG_DEBUG, "%s: it is back (stateless reset)", b->text);
    if (!b->lb->stopping)
        act_signal(b, now, HEALTH_SIGNAL_RETURNED);
}

bool lost_closed(struct backend *b, qhcp_nsec now, const struct quic_conn *c, bool reset)
{
    if (!b->lost || b->lost->link.conn != c)
        return false;
    link_end(&b->lost->link, QHCP_E_NO_ERROR, "");
    b->lost->ask_at = NSEC_NEVER;
    b->lost->knock_at = after_end(b, now);
    if (reset)
        lost_forgotten(b->lb, b, now);
    return true;
}

qhcp_nsec lost_deadline(const struct backend *b)
{
    const struct lost *l = b->lost;

    if (!l)
        return NSEC_NEVER;
    return nsec_min(nsec_min(l->until, l->dial_at), nsec_min(l->knock_at, l->ask_at));
}

/* A new check on the old connection: where only the way back is cut, the server has had every other
 * packet and would answer none of them again.  The congestion window may refuse it, which is no
 * matter. */
static void ask(struct backend *b, qhcp_nsec now)
{
    uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];
    struct lost *l = b->lost;
    enum session_channel channel;
    uint64_t seq;
    size_t n;

    l->ask_at = NSEC_NEVER;
    if (!quic_conn_takes_datagrams(l->link.conn) ||
        session_lb_request(&l->link.session, now, &seq) != 0)
        return;
    n = session_lb_pull(&l->link.session, buf, sizeof buf, &channel, &seq);
    if (n == 0 || channel != SESSION_DATAGRAM)
        return;
    (void)quic_conn_datagram(l->link.conn, buf, n, 0);
    l->ask_pace = nsec_min(2 * l->ask_pace, NSEC_PER_SEC);
    l->ask_at = on_grid(nsec_add(now, l->ask_pace));
}

void lost_expire(struct backend *b, qhcp_nsec now)
{
    struct health_step step = {0};
    struct lost *l = b->lost;

    if (!l)
        return;
    if (l->until <= now) {
        lost_end(b);
        return;
    }
    if (l->ask_at <= now)
        ask(b, now);
    if (l->knock_at <= now && quic_trace_knock(l->trace) == 0)
        l->knock_at = on_grid(nsec_add(now, pace(b)));
    else if (l->knock_at <= now)
        l->knock_at = nsec_add(now, NSEC_PER_MSEC); /* too many in one go */
    if (l->dial_at > now)
        return;
    l->dial_at = redial(b, now);
    health_redial(&b->health, now, &step);
    act_on(b, now, &step);
}
