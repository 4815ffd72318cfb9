#include "daemon/turned_away.h"

#include <stdio.h>

#include "base/os/log.h"
#include "fleet/entry.h"
#include "proxy/proxy.h"

#define TELL (10 * NSEC_PER_SEC) /* between two lines of a kind */
#define WHY 300

/* Why there was no server for a client: the first of these that is true. */
static void explain(const struct fleet_self *fleet, size_t services, char *ret, size_t cap)
{
    size_t connecting = fleet->by_state[QHCP_CONNECTING], healthy = fleet_healthy_count(fleet);

    if (fleet->n == 0)
        snprintf(ret, cap, "there are no servers");
    else if (fleet->n == 1 && healthy == 0)
        snprintf(ret, cap, connecting ? "the server is still connecting" : "the server is not up");
    else if (connecting == fleet->n)
        snprintf(ret, cap, "the %zu servers are still connecting", fleet->n);
    else if (healthy == 0)
        snprintf(ret, cap, "none of the %zu servers is up", fleet->n);
    else if (fleet->use == QHCP_USE_NONE)
        snprintf(ret, cap, "%zu of %zu %s are up, and none may be used (--panic-mode none)",
                 healthy, fleet->n, fleet->n == 1 ? "server" : "servers");
    else if (services == 0)
        snprintf(ret, cap, "no server offers a service: start the agents with --service tcp:PORT");
    else
        snprintf(ret, cap, "no server that offers a service is up");
}

static void say(enum turned_away_kind kind, unsigned long long n, const char *why)
{
    const char *clients = n == 1 ? "client was" : "clients were";

    switch (kind) {
    case TURNED_AWAY_NOBODY:
        log_say(QHCP_LOG_WARNING, "%llu %s closed: %s", n, clients, why);
        break;
    case TURNED_AWAY_CROWDED:
        log_say(QHCP_LOG_WARNING,
                "%llu %s closed at once: their address has as many connections as "
                "--max-per-source allows",
                n, clients);
        break;
    case TURNED_AWAY_NO_PORT:
        log_say(QHCP_LOG_WARNING,
                "%s: no source port is left for it; %llu %s sent to other servers if possible: "
                "widen net.ipv4.ip_local_port_range, or give the server more addresses",
                why, n, clients);
        break;
    default:
        log_say(QHCP_LOG_WARNING, "%llu %s not logged: too many ended at once", n,
                n == 1 ? "connection was" : "connections were");
    }
}

static void look(struct turned_away *t, const struct proxy *p)
{
    uint64_t crowded = proxy_crowded(p), unlogged = proxy_ended_lost(p);

    t->waiting[TURNED_AWAY_CROWDED] += crowded - t->crowded;
    t->waiting[TURNED_AWAY_UNLOGGED] += unlogged - t->unlogged;
    t->crowded = crowded;
    t->unlogged = unlogged;
}

void turned_away_say(struct turned_away *t, qhcp_nsec now, const struct proxy *p,
                     const struct fleet_self *fleet, size_t services)
{
    look(t, p);
    for (unsigned kind = 0; kind < TURNED_AWAY_KINDS; kind++) {
        char why[WHY] = "";

        if (t->waiting[kind] == 0 || now < t->not_before[kind])
            continue;
        if (kind == TURNED_AWAY_NOBODY)
            explain(fleet, services, why, sizeof why);
        else if (kind == TURNED_AWAY_NO_PORT)
            snprintf(why, sizeof why, "%s", t->where);
        say((enum turned_away_kind)kind, t->waiting[kind], why);
        t->waiting[kind] = 0;
        t->not_before[kind] = nsec_add(now, TELL);
    }
}

qhcp_nsec turned_away_deadline(const struct turned_away *t)
{
    qhcp_nsec at = NSEC_NEVER;

    for (unsigned kind = 0; kind < TURNED_AWAY_KINDS; kind++)
        if (t->waiting[kind] > 0)
            at = nsec_min(at, t->not_before[kind]);
    return at;
}
