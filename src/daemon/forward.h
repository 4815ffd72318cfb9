/* The load balancer's own traffic: src/proxy beside the core.  What the core knows of its servers
 * becomes the forwarder's table; what the forwarder meets becomes the core's verdict on data ports,
 * once a probe has confirmed it. */
#ifndef QHCP_DAEMON_FORWARD_H
#define QHCP_DAEMON_FORWARD_H

#include "daemon/lb_options.h"
#include "daemon/removed.h"
#include "daemon/restart_file.h"
#include "daemon/targets.h"
#include "daemon/turned_away.h"
#include "loop/loop.h"
#include "proxy/proxy.h"

#include <qhcp/lb.h>

struct feed;
struct handover_gift;
struct ports;

struct forward {
    struct proxy *proxy; /* NULL: nothing is forwarded */
    struct ports *ports; /* confirms what connections have met */
    struct qhcp_lb *core;
    const struct lb_options *options;
    struct targets targets;
    qhcp_nsec inherited_until;
    struct restart_file restart_file; /* for the one after us */
    bool stopping;
    bool handed_over;        /* no more tables: what is known of servers ends with their sessions */
    bool shared;             /* the listening sockets stay open without us (handover.h) */
    uint16_t port;           /* our own */
    union qhcp_addr bind[2]; /* its addresses; none: all */
    qhcp_nsec not_before;    /* no table earlier, whatever happens */
    qhcp_nsec publish_at;    /* the next table */
    struct removed_all removed;
    size_t *fell; /* ids: down, to be reset once no table leads to them (--on-down) */
    size_t n_fell, cap_fell;
    struct turned_away turned_away;
    struct loop_part part;
    struct loop_watch watch_ports, watch_reports, watch_ended;
};

/* What the forwarder lives with. */
struct forward_host {
    struct qhcp_lb *core;
    struct feed *feed;
    struct loop *loop;
    struct serve *serve;
};

/* Opens the port, or takes over the gift's sockets, which are ours then, also on failure (NULL:
 * there is none).  On failure words names what and why.  *ret and *o must stay where they are; end
 * it with forward_deinit, after serve_stop and before the loop, also after a failure. */
int forward_init(struct forward *ret, const struct lb_options *o, const struct forward_host *host,
                 const struct handover_gift *gift, char *words, size_t words_cap);
/* Serves clients, from now on; the servers are listed. */
int forward_start(struct forward *f, char *words, size_t words_cap);
void forward_deinit(struct forward *f);

/* For the one that takes our place: the listening sockets, and what is known of servers.
 * QHCP_E_NOMEM. */
int forward_give(struct forward *f, struct handover_gift *ret);

/* What the list says of a server, which the fleet has by now. */
void forward_listed(struct forward *f, qhcp_nsec now, const struct listed *listed);
/* Live options have changed. */
void forward_configure(struct forward *f, const struct lb_options *o);

/* Connections that still go to this server, which leaves.  over: they are ended. */
size_t forward_leaving(struct forward *f, const char *address, bool over);
/* False: none were counted. */
bool forward_counts(const struct forward *f, const char *address, struct proxy_counts *ret);

/* The same in short, for the fleet; ctx: a struct forward. */
struct fleet_traffic forward_traffic(void *ctx, const char *address);

/* Accepts nothing more; existing connections go on. handed_over: another process does. */
void forward_stop(struct forward *f, bool handed_over);
/* Connections that go on, and after forward_stop one more while somebody may still come. */
size_t forward_connections(const struct forward *f);

#endif
