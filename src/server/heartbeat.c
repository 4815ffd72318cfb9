/* Beats: the status, sent by ourselves at the interval that a load balancer has asked for
 * (docs/protocol.md, Beats).
 *
 * Each session has a grid of its own, which begins at a tick by chance: load balancers that came
 * together are not told together for ever.  The ticks are those of the monotonic clock, so that
 * where one process has many sessions or servers, many beats leave with one wake-up.  A beat that
 * could not be sent in time is left out, and its number with it; the grid stays where it is.  So is
 * one that would leave no room in the congestion window for an answer: the load balancer misses it,
 * asks, and so acknowledges what it got. */
#include "base/os/entropy.h"
#include "server/internal.h"

/* 0 to interval - 1: without random bytes the grid begins now, which is no harm. */
static qhcp_nsec phase(qhcp_nsec interval)
{
    uint64_t chance = 0;

    (void)entropy_fill(&chance, sizeof chance);
    return chance % interval;
}

/* The tick before, of a whole part of the interval. */
static qhcp_nsec on_tick(const struct heartbeat *h, qhcp_nsec at)
{
    qhcp_nsec parts = (h->interval + HEARTBEAT_TICK - 1) / HEARTBEAT_TICK;

    return at - at % (h->interval / parts);
}

void heartbeat_set(struct peer *p, qhcp_nsec now)
{
    struct heartbeat *h = &p->heartbeat;
    qhcp_nsec interval = session_server_beats(&p->session);

    if (interval == h->interval)
        return;
    h->interval = interval;
    h->at = interval > 0 ? on_tick(h, nsec_add(now, phase(interval))) : NSEC_NEVER;
}

qhcp_nsec heartbeat_deadline(const struct peer *p)
{
    return p->heartbeat.interval > 0 ? p->heartbeat.at : NSEC_NEVER;
}

void heartbeat_expire(struct peer *p, qhcp_nsec now)
{
    struct heartbeat *h = &p->heartbeat;
    uint8_t buf[LIMIT_DATAGRAM];
    uint64_t slots;
    size_t n;

    heartbeat_set(p, now); /* the session may have ended */
    if (heartbeat_deadline(p) > now)
        return;
    slots = (now - h->at) / h->interval + 1;
    h->number += slots;
    h->at = nsec_max(on_tick(h, nsec_add(h->at, slots * h->interval)), now + 1);
    n = session_server_beat(&p->session, h->number, buf, sizeof buf);
    if (!quic_conn_has_room(p->conn, n))
        return;
    peer_send(p, SESSION_DATAGRAM, buf, n, 0);
    if (!session_server_push_due(&p->session))
        quic_conn_may_wait(p->conn);
}
