#include "server/quiet.h"

#include <string.h>

#include "server/internal.h"

void quiet_init(struct quiet *ret)
{
    *ret = (struct quiet){.at = NSEC_NEVER};
}

/* wait: how long it may be silent. */
static void look(struct peer *p, qhcp_nsec now, qhcp_nsec wait)
{
    p->quiet = (struct quiet){.heard = quic_conn_packets(p->conn), .apart = wait / QUIET_LOOKS};
    p->quiet.at = nsec_add(now, p->quiet.apart);
}

/* How long it may be when nothing was just sent that it acknowledges at once. */
static qhcp_nsec patience(const struct peer *p)
{
    return nsec_max(SERVER_QUIET, 3 * p->session.interval_us * NSEC_PER_USEC);
}

void quiet_leaving(struct peer *p, qhcp_nsec now)
{
    look(p, now, SERVER_QUIET);
}

static bool same(const struct peer *a, const struct peer *b)
{
    return strcmp(a->lb_id, b->lb_id) == 0 && strcmp(a->kid, b->kid) == 0;
}

void quiet_replaces(struct peer *p, qhcp_nsec now)
{
    for (struct peer *old = p->server->members.first; old != NULL; old = old->next) {
        if (old == p || old->closing || old->quiet.at != NSEC_NEVER || !same(old, p))
            continue;
        look(old, now, patience(old));
        quic_conn_probe(old->conn);
        peer_rearm(old);
    }
}

qhcp_nsec quiet_deadline(const struct peer *p)
{
    return p->closing ? NSEC_NEVER : p->quiet.at;
}

/* True: it is silent for long enough. */
static bool silent(struct quiet *q, uint32_t heard, qhcp_nsec now)
{
    q->silent = q->heard == heard ? q->silent + 1 : 0;
    q->heard = heard;
    q->at = nsec_add(now, q->apart);
    return q->silent >= QUIET_LOOKS;
}

void quiet_expire(struct peer *p, qhcp_nsec now)
{
    bool leaving = p->session.state == SESSION_SERVER_TERMINATING;

    if (!silent(&p->quiet, quic_conn_packets(p->conn), now)) {
        if (p->quiet.silent == 0 && leaving)
            look(p, now, patience(p));
        else if (p->quiet.silent == 0) /* it lives */
            p->quiet.at = NSEC_NEVER;
        return;
    }
    server_log(p->server, QHCP_LOG_INFO,
               leaving ? "load balancer \"%s\" does not answer: not waiting for it"
                       : "closing a session of load balancer \"%s\": it has a newer one, and does "
                         "not answer in this one",
               p->lb_id);
    peer_close(p, QHCP_E_NO_ERROR, leaving ? "server stopped" : "replaced by a newer session");
}
