/* Networks that change between us and the servers.
 *
 * Our own address: after a notice of the kernel's every backend is looked at, a few at a time.  One
 * that we would reach from another address now than when it was dialled is dialled anew, without a
 * verdict: its session's packets leave from where the server does not know us.
 *
 * NATs: connection tracking keeps a flow on its old target for as long as packets of the same
 * addresses and ports keep coming, and ours come from one port, often.  So a server that is down
 * and does not answer is tried from another port too, each time from a fresh one, as long as there
 * are any that no connection lives on. */
#include <errno.h>

#include "lb/internal.h"

#define PORTS (65536 - LB_PORT_FIRST)
#define STRIDE 1237 /* coprime to PORTS */

void paths_dialled(struct backend *b, const union qhcp_addr *remote)
{
    const struct qhcp_lb_config *config = b->lb->config;

    if (!config->source || !config->source(config->ctx, remote, &b->source))
        b->source = (union qhcp_addr){0};
}

static bool in_use(const struct qhcp_lb *lb, uint16_t port)
{
    for (size_t i = 0; i < lb->count; i++) {
        const struct backend *b = lb->backends[i];

        if ((b->link.conn && quic_conn_port(b->link.conn) == port) ||
            (b->lost && b->lost->link.conn && quic_conn_port(b->lost->link.conn) == port))
            return true;
    }
    return false;
}

/* Where connections live on all of them they take turns. */
static void renew_port(struct qhcp_lb *lb)
{
    for (unsigned i = 1; i <= LB_PORTS; i++) {
        unsigned at = (lb->port_newest + i) % LB_PORTS;

        if (lb->ports[at] != 0 && in_use(lb, lb->ports[at]))
            continue;
        lb->ports[at] =
            (uint16_t)(LB_PORT_FIRST + (lb->seed % PORTS + lb->ports_made++ * STRIDE) % PORTS);
        lb->port_newest = at;
        return;
    }
    lb->port_newest = (lb->port_newest + 1) % LB_PORTS;
}

uint16_t paths_port(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (now < lb->elsewhere_from)
        return 0;
    lb->elsewhere_from = nsec_add(now, LB_ELSEWHERE);
    if (now >= lb->port_until) {
        renew_port(lb);
        lb->port_until = nsec_add(now, LB_PORT_SHARED);
    }
    return lb->ports[lb->port_newest];
}

void paths_moved(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (lb->look_at == NSEC_NEVER)
        lb->look_at = nsec_max(nsec_add(now, LB_LOOK_SETTLE), lb->look_from);
}

bool paths_no_way(struct backend *b, qhcp_nsec now)
{
    int error = b->lb->icmp_error;

    if (!b->lb->icmp_own ||
        (error != ENETUNREACH && error != ENETDOWN && error != EADDRNOTAVAIL && error != EPERM))
        return false;
    if (now > nsec_add(b->no_way_last, NSEC_PER_SEC))
        b->no_way_since = now;
    b->no_way_last = now;
    return now < nsec_add(b->no_way_since, LB_NO_WAY);
}

/* Where several routes are equal, the kernel chooses by the port too, and each question is asked
 * from another: only an answer that never is the old one is another. */
static bool has_moved(const struct backend *b, const union qhcp_addr *remote, union qhcp_addr *ret)
{
    const struct qhcp_lb_config *config = b->lb->config;

    for (int i = 0; i < LB_LOOK_ROUTES; i++)
        if (!config->source(config->ctx, remote, ret) || address_equal(ret, &b->source))
            return false;
    return true;
}

static void look(struct backend *b, qhcp_nsec now)
{
    struct health_step step = {0};
    union qhcp_addr remote, source;

    if (b->link.conn)
        quic_conn_remote(b->link.conn, &remote);
    else if (b->n_addrs > 0)
        remote = b->addrs[b->at < b->n_addrs ? b->at : 0];
    else
        return;
    if (!has_moved(b, &remote, &source))
        return;
    b->source = source;
    if (b->health.phase == HEALTH_WATCHING) {
        lb_log(b->lb, QHCP_LOG_INFO, "%s: our own address towards it has changed: a new session",
               b->text);
        link_end(&b->link, QHCP_E_NO_ERROR, "the load balancer's address has changed");
        backend_signal(b, now, HEALTH_SIGNAL_RESET);
    } else {
        health_redial(&b->health, now, &step);
        backend_act(b, now, &step);
    }
}

void paths_look(struct qhcp_lb *lb, qhcp_nsec now)
{
    for (unsigned i = 0; i < LB_LOOK && lb->look_next < lb->count && lb->config->source; i++)
        look(lb->backends[lb->look_next++], now);
    if (lb->look_next < lb->count && lb->config->source) {
        lb->look_at = now;
        return;
    }
    lb->look_next = 0;
    lb->look_at = NSEC_NEVER;
    lb->look_from = nsec_add(now, LB_LOOK_PAUSE);
}
