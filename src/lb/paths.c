#include "lb/paths.h"

#include <errno.h>

#include "lb/internal.h"

#define PORTS (65536 - PATHS_PORT_FIRST)
#define STRIDE 1237 /* coprime to PORTS */

void paths_dialled(struct backend *b, const union qhcp_addr *remote)
{
    const struct qhcp_lb_config *config = b->lb->config;

    if (!config->source || !config->source(config->ctx, remote, &b->paths.source))
        b->paths.source = (union qhcp_addr){0};
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
    for (unsigned i = 1; i <= PATHS_PORTS; i++) {
        unsigned at = (lb->paths.newest + i) % PATHS_PORTS;

        if (lb->paths.ports[at] != 0 && in_use(lb, lb->paths.ports[at]))
            continue;
        lb->paths.ports[at] =
            (uint16_t)(PATHS_PORT_FIRST + (lb->seed % PORTS + lb->paths.made++ * STRIDE) % PORTS);
        lb->paths.newest = at;
        return;
    }
    lb->paths.newest = (lb->paths.newest + 1) % PATHS_PORTS;
}

uint16_t paths_port(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (now < lb->paths.elsewhere_from)
        return 0;
    lb->paths.elsewhere_from = nsec_add(now, PATHS_ELSEWHERE);
    if (now >= lb->paths.until) {
        renew_port(lb);
        lb->paths.until = nsec_add(now, PATHS_PORT_SHARED);
    }
    return lb->paths.ports[lb->paths.newest];
}

void paths_moved(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (lb->paths.look_at == NSEC_NEVER)
        lb->paths.look_at = nsec_max(nsec_add(now, PATHS_LOOK_SETTLE), lb->paths.look_from);
}

void paths_icmp(struct backend *b, int error)
{
    b->paths.icmp_error = error;
}

bool paths_no_way(struct backend *b, qhcp_nsec now)
{
    int error = b->lb->icmp_error;

    if (!b->lb->icmp_own ||
        (error != ENETUNREACH && error != ENETDOWN && error != EADDRNOTAVAIL && error != EPERM))
        return false;
    if (now > nsec_add(b->paths.no_way_last, NSEC_PER_SEC))
        b->paths.no_way_since = now;
    b->paths.no_way_last = now;
    return now < nsec_add(b->paths.no_way_since, PATHS_NO_WAY);
}

/* Where several routes are equal, the kernel chooses by the port too, and each question is asked
 * from another: only an answer that never is the old one is another. */
static bool has_moved(const struct backend *b, const union qhcp_addr *remote, union qhcp_addr *ret)
{
    const struct qhcp_lb_config *config = b->lb->config;

    for (int i = 0; i < PATHS_LOOK_ROUTES; i++)
        if (!config->source(config->ctx, remote, ret) || address_equal(ret, &b->paths.source))
            return false;
    return true;
}

static void look(struct backend *b, qhcp_nsec now)
{
    struct health_step step = {0};
    union qhcp_addr remote, source;

    if (b->link.conn)
        quic_conn_remote(b->link.conn, &remote);
    else if (!attempt_remote(b, &remote))
        return;
    if (!has_moved(b, &remote, &source))
        return;
    b->paths.source = source;
    if (b->health.phase == HEALTH_WATCHING) {
        lb_log(b->lb, QHCP_LOG_INFO, "%s: our own address has changed: opening a new session",
               b->text);
        link_end(&b->link, QHCP_E_NO_ERROR, "the load balancer's address has changed");
        act_signal(b, now, HEALTH_SIGNAL_RESET);
    } else {
        health_redial(&b->health, now, &step);
        act_on(b, now, &step);
    }
}

void paths_look(struct qhcp_lb *lb, qhcp_nsec now)
{
    for (unsigned i = 0; i < PATHS_LOOK && lb->paths.look_next < lb->count && lb->config->source;
         i++)
        look(lb->backends[lb->paths.look_next++], now);
    if (lb->paths.look_next < lb->count && lb->config->source) {
        lb->paths.look_at = now;
        return;
    }
    lb->paths.look_next = 0;
    lb->paths.look_at = NSEC_NEVER;
    lb->paths.look_from = nsec_add(now, PATHS_LOOK_PAUSE);
}

void paths_idle(struct qhcp_lb *lb)
{
    lb->paths.look_at = NSEC_NEVER;
}
