#include "daemon/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "balance/balance.h"
#include "base/address.h"
#include "base/os/log.h"
#include "check/ports.h"
#include "daemon/conn_log.h"
#include "daemon/forward_config.h"
#include "daemon/handover.h"
#include "daemon/inherit.h"
#include "daemon/removed.h"
#include "daemon/reported.h"
#include "daemon/route.h"
#include "fleet/fleet.h"
#include "sources/servers.h"

#define FORWARD_WORDS 400
#define REFRESH NSEC_PER_SEC          /* from table to table, when nothing happens */
#define PUBLISH_PART 20               /* parts of our time, of which tables take one at most */
#define SOON (5 * NSEC_PER_MSEC)      /* after an event: several of a moment make one table */
#define INHERITED (10 * NSEC_PER_SEC) /* what another load balancer knew counts so long */

struct target {
    UT_hash_handle hh;
    size_t id;   /* the proxy's */
    size_t slot; /* the prober's */
    bool probed; /* connections to it have failed: the prober looks */
    bool shut;   /* and has found it so */
    bool told;   /* that a service of its was refused */
    bool down;   /* as published last */
    struct listed listed;
    union qhcp_addr address; /* of its data port; AF_UNSPEC: none is known */
    char key[ADDRESS_KEY];
};

static void on_port(void *ctx, qhcp_nsec now, size_t slot, bool open, const char *why)
{
    struct forward *f = ctx;
    struct target *t = f->slots.at[slot];
    char where[ADDRESS_TEXT], words[QHCP_TEXT];

    address_format(&t->address, where, sizeof where);
    snprintf(words, sizeof words, "%s: %s", where, why);
    t->shut = !open;
    (void)qhcp_lb_data_port(f->core, now, t->key, open, words);
    if (open) {
        ports_forget(f->ports, slot);
        t->probed = false;
    }
}

static struct target *find_id(const struct forward *f, size_t id)
{
    struct target *t = f->table;

    while (t && t->id != id)
        t = t->hh.next;
    return t;
}

/* One connection that fails proves nothing: the port is looked at. */
static void on_server(void *ctx, size_t id, int error)
{
    struct forward *f = ctx;
    struct target *t = find_id(f, id);

    if (!t || t->address.sa.sa_family == AF_UNSPEC)
        return;
    if (error == EADDRNOTAVAIL) { /* which says nothing of the server */
        f->turned_away.waiting[TURNED_AWAY_NO_PORT]++;
        memcpy(f->turned_away.where, t->listed.address, sizeof f->turned_away.where);
        return;
    }
    if (error == 0 && t->probed && !t->shut) {
        ports_forget(f->ports, t->slot);
        t->probed = false;
    } else if (error != 0 && !t->probed) {
        t->probed = ports_watch(f->ports, loop_now(), t->slot, &t->address) == 0;
    }
}

static void on_nobody(void *ctx, uint64_t clients)
{
    struct forward *f = ctx;

    f->turned_away.waiting[TURNED_AWAY_NOBODY] += clients;
}

static void say_turned_away(struct forward *f, qhcp_nsec now)
{
    size_t services = 0;

    for (const struct target *t = f->table; t; t = t->hh.next)
        services += t->address.sa.sa_family != AF_UNSPEC;
    turned_away_say(&f->turned_away, now, f->proxy, f->core, services);
}

static void on_reports(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct forward *f = ctx;

    (void)ready;
    proxy_ready(f->proxy);
    proxy_ended_ready(f->proxy);
    say_turned_away(f, now);
}

static void on_ports(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)ready;
    ports_ready(((struct forward *)ctx)->ports, now);
}

static void drop(struct forward *f, struct target *t)
{
    ports_forget(f->ports, t->slot);
    slots_give_back(&f->slots, t->slot);
    HASH_DEL(f->table, t);
    free(t);
}

void forward_deinit(struct forward *f)
{
    loop_remove(&f->part);
    for (size_t i = 0; i < sizeof f->watches / sizeof f->watches[0]; i++)
        loop_unwatch(&f->watches[i]);
    while (f->table)
        drop(f, f->table);
    proxy_free(f->proxy);
    ports_free(f->ports);
    slots_deinit(&f->slots);
    inherit_free(f->inherited);
    known_deinit(&f->known);
    removed_free(&f->removed);
    free(f->servers);
    *f = (struct forward){.proxy = NULL};
}

void forward_event(struct forward *f, qhcp_nsec now)
{
    qhcp_nsec soon = nsec_max(nsec_add(now, SOON), f->not_before);

    if (!f->proxy || f->handed_over)
        return;
    f->publish_at = nsec_min(f->publish_at, soon);
    f->known.at = 0;
}

static struct target *find(const struct forward *f, const char *address)
{
    struct target *t;
    char key[ADDRESS_KEY];

    servers_key(address, key);
    HASH_FIND_STR(f->table, key, t);
    return t;
}

void forward_forget(struct forward *f, const char *address)
{
    struct target *t = find(f, address);

    if (!t)
        return;
    removed_add(&f->removed, t->id, address, nsec_add(loop_now(), f->options->max_drain));
    drop(f, t);
    forward_event(f, loop_now()); /* the table still names it */
}

static struct target *find_or_add(struct forward *f, const char *address)
{
    struct target *t = find(f, address);

    if (t)
        return t;
    t = calloc(1, sizeof *t);
    if (!t || slots_take(&f->slots, t, &t->slot) != 0) {
        free(t);
        return NULL;
    }
    t->id = f->next_id++;
    servers_key(address, t->key);
    snprintf(t->listed.address, sizeof t->listed.address, "%s", address);
    t->listed.weight = 1;
    HASH_ADD_STR(f->table, key, t);
    return t;
}

static void say_refused(struct target *t, const char *refused)
{
    if (refused[0] != '\0' && !t->told)
        log_say(QHCP_LOG_WARNING, "%s: a service is refused: %s", t->listed.address, refused);
    t->told = refused[0] != '\0';
}

/* Where its connections go, from now on. */
static void find_address(struct forward *f, qhcp_nsec now, size_t index,
                         const struct qhcp_view *view, struct target *t)
{
    char services[QHCP_SERVICES][QHCP_SERVICE], refused[QHCP_TEXT];
    size_t n = qhcp_lb_services(f->core, index, services, QHCP_SERVICES);
    union qhcp_addr address;

    route_find(&t->listed, &view->remote, services, n, &f->options->allow_service, &address,
               refused, sizeof refused);
    if (!address_equal(&address, &t->address) && route_is_own(f->bind, f->port, &address)) {
        snprintf(refused, sizeof refused, "port %u is this load balancer's own: it would be a loop",
                 f->port);
        address = (union qhcp_addr){0};
    }
    say_refused(t, refused);
    if (address_equal(&address, &t->address))
        return;
    if (t->shut) /* what was found of another port says nothing of this one */
        (void)qhcp_lb_data_port(f->core, now, t->key, true, "");
    if (t->probed)
        ports_forget(f->ports, t->slot);
    t->probed = t->shut = false;
    t->address = address;
}

/* What the load balancer before us knew counts until we have a verdict of our own. */
static const struct inherit_server *inherited(const struct forward *f, qhcp_nsec now,
                                              const struct qhcp_view *view, const struct target *t)
{
    if (view->state != QHCP_CONNECTING || now >= f->inherited_until)
        return NULL;
    return inherit_find(f->inherited, t->key);
}

static struct proxy_server make_server(const struct forward *f, qhcp_nsec now,
                                       const struct qhcp_view *view, const struct target *t,
                                       bool panic)
{
    const struct inherit_server *old = inherited(f, now, view, t);
    struct proxy_server s = {.id = t->id,
                             .name = t->key,
                             .target = t->address,
                             .weight = t->listed.weight,
                             .priority = t->listed.priority,
                             .share = t->address.sa.sa_family == AF_UNSPEC ? 0 : view->share,
                             .degraded = view->state == QHCP_DEGRADED && !panic,
                             .utilization = reported_utilization(view),
                             .rate = reported_value(view, "requests_per_second"),
                             .in_flight = reported_value(view, "requests_in_flight"),
                             .report = view->reports,
                             .latency_us = reported_value(view, "request_latency_p50_us")};

    if (old) {
        s.share = old->share;
        s.degraded = old->degraded;
        s.target = t->address.sa.sa_family != AF_UNSPEC ? t->address : old->target;
        if (t->listed.port > 0)
            s.target.in.sin_port = htons(t->listed.port); /* at the same place in both families */
    }
    return s;
}

static bool make_room(struct forward *f, size_t n)
{
    struct proxy_server *grown;

    if (n <= f->cap)
        return true;
    grown = realloc(f->servers, n * sizeof *grown);
    if (!grown)
        return false;
    f->servers = grown;
    f->cap = n;
    return true;
}

/* --on-down reset: once, when it goes down.  In panic it may get connections all the same. */
static void notice_down(struct forward *f, const struct qhcp_view *view, struct target *t)
{
    bool was = t->down;
    size_t n;

    t->down = view->state == QHCP_DOWN;
    if (was || !t->down || !f->options->on_down)
        return;
    n = proxy_in_flight(f->proxy, t->id);
    if (n > 0)
        log_say(QHCP_LOG_INFO, "%s is down: %zu %s reset (--on-down)", view->address, n,
                n == 1 ? "connection to it is" : "connections to it are");
    proxy_evict(f->proxy, t->id, PROXY_DOWN);
}

static void publish(struct forward *f, qhcp_nsec now)
{
    size_t n = qhcp_lb_count(f->core), used = 0;
    qhcp_nsec begun = loop_now(), took;
    bool undecided = false;
    struct qhcp_view view;
    struct qhcp_self self;

    qhcp_lb_self(f->core, now, &self);
    for (size_t i = 0; i < n && make_room(f, n); i++) {
        struct target *t;

        if (qhcp_lb_view(f->core, i, &view) != 0 || !(t = find_or_add(f, view.address)))
            continue;
        find_address(f, now, i, &view, t);
        f->servers[used++] = make_server(f, now, &view, t, self.panic.on);
        undecided = undecided || view.state == QHCP_CONNECTING;
        notice_down(f, &view, t);
    }
    if (proxy_publish(f->proxy, now, f->servers, used, undecided) != 0)
        log_say(QHCP_LOG_ERROR, "the forwarder's table could not be made: out of memory");
    known_keep(&f->known, now, f->servers, used);
    took = loop_now() - begun;
    f->not_before = nsec_add(begun, took * PUBLISH_PART);
    f->publish_at = nsec_max(nsec_add(now, REFRESH), f->not_before);
}

/* What the list says of each server.  (It was checked before: what does not parse is not there.) */
static void take_list(struct forward *f, const struct list *servers)
{
    char ignored[FORWARD_WORDS];
    struct listed listed;

    for (size_t i = 0; i < servers->n; i++) {
        struct target *t = listed_parse(servers->at[i], &listed, ignored, sizeof ignored) == 0
                               ? find_or_add(f, listed.address)
                               : NULL;

        if (t)
            t->listed = listed;
    }
}

void forward_configure(struct forward *f, const struct lb_options *o)
{
    if (!f->proxy)
        return;
    f->options = o;
    take_list(f, &o->servers);
    proxy_algorithm(f->proxy, balance_at(o->balance));
    forward_event(f, loop_now());
}

static qhcp_nsec deadline(void *ctx)
{
    const struct forward *f = ctx;
    qhcp_nsec at = nsec_min(f->publish_at, turned_away_deadline(&f->turned_away));

    return nsec_min(at, nsec_min(removed_deadline(f->removed), ports_deadline(f->ports)));
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct forward *f = ctx;

    if (ports_deadline(f->ports) <= now)
        ports_expire(f->ports, now);
    if (f->publish_at <= now)
        publish(f, now);
    removed_expire(&f->removed, now, f->proxy);
    say_turned_away(f, now);
}

static void join(struct forward *f, const struct lb_options *o, struct loop *loop)
{
    f->part =
        (struct loop_part){.name = "forward", .ctx = f, .deadline = deadline, .expire = expire};
    loop_add(loop, &f->part);
    loop_watch(loop, &f->watches[0], ports_fd(f->ports), LOOP_READABLE, on_ports, f);
    loop_watch(loop, &f->watches[1], proxy_fd(f->proxy), LOOP_READABLE, on_reports, f);
    if (proxy_ended_fd(f->proxy) >= 0)
        loop_watch(loop, &f->watches[2], proxy_ended_fd(f->proxy), LOOP_READABLE, on_reports, f);
    forward_configure(f, o);
}

static void inherit(struct forward *f, const struct handover_gift *gift, struct proxy_config *proxy)
{
    char *left = gift ? NULL : known_take(&f->known);

    if (gift) {
        proxy->listeners = gift->listeners;
        proxy->n_listeners = gift->n_listeners;
    }
    f->inherited = gift || left ? inherit_read(gift ? gift->known : left) : NULL;
    f->inherited_until = nsec_add(loop_now(), INHERITED);
    free(left);
}

int forward_init(struct forward *ret, const struct lb_options *o, struct qhcp_lb *core,
                 struct loop *loop, const struct handover_gift *gift, char *words, size_t words_cap)
{
    const struct ports_config ports = {.every = NSEC_PER_SEC,
                                       .timeout = o->connect_timeout,
                                       .fall = 2,
                                       .rise = 1,
                                       .local_header = o->send_proxy_v2,
                                       .ctx = ret,
                                       .verdict = on_port};
    struct proxy_config proxy;
    int r;

    *ret = (struct forward){.core = core, .port = (uint16_t)o->port, .publish_at = NSEC_NEVER};
    if (o->no_forward)
        return 0;
    proxy = forward_config(o);
    proxy.ctx = ret;
    proxy.server = on_server;
    proxy.nobody = on_nobody;
    proxy.ended = o->log_connections ? conn_log_say : NULL;
    memcpy(ret->bind, proxy.bind, sizeof ret->bind);
    known_init(&ret->known, proxy.port);
    inherit(ret, gift, &proxy);
    r = proxy_new(&proxy, &ret->proxy, words, words_cap);
    if (r < 0)
        return r;
    r = ports_new(&ports, &ret->ports);
    if (r < 0)
        snprintf(words, words_cap, "cannot start to forward: %s", qhcp_strerror(r));
    else
        join(ret, o, loop);
    return r;
}

size_t forward_leaving(struct forward *f, const char *address, bool over)
{
    const struct target *t = f->proxy ? find(f, address) : NULL;
    size_t n = t ? proxy_in_flight(f->proxy, t->id) : 0;

    if (over && n > 0) {
        log_say(QHCP_LOG_WARNING, "%s leaves, and its time is over: %zu %s reset", address, n,
                n == 1 ? "connection is" : "connections are");
        proxy_evict(f->proxy, t->id, PROXY_DRAINED);
    }
    return n;
}

bool forward_counts(const struct forward *f, const char *address, struct proxy_counts *ret)
{
    const struct target *t = f->proxy ? find(f, address) : NULL;

    return t && proxy_counts(f->proxy, loop_now(), t->id, ret);
}

void forward_stop(struct forward *f, bool handed_over)
{
    if (!f->proxy)
        return;
    f->stopping = true;
    f->handed_over = handed_over;
    if (handed_over)
        f->publish_at = NSEC_NEVER;
    proxy_stop(f->proxy, handed_over);
}

int forward_start(struct forward *f, char *words, size_t words_cap)
{
    int r = 0;

    if (!f->proxy)
        return 0;
    publish(f, loop_now()); /* or whoever waits already would find nobody */
    r = proxy_start(f->proxy);
    if (r < 0)
        snprintf(words, words_cap, "cannot start to forward: %s", strerror(errno));
    return r;
}

int forward_give(struct forward *f, struct handover_gift *ret)
{
    struct text known = {0};
    struct qhcp_view view;

    ret->n_listeners = proxy_listeners(f->proxy, ret->listeners, HANDOVER_LISTENERS);
    for (size_t i = 0, n = qhcp_lb_count(f->core); i < n; i++) {
        const struct target *t =
            qhcp_lb_view(f->core, i, &view) == 0 ? find(f, view.address) : NULL;

        if (t && t->address.sa.sa_family != AF_UNSPEC && view.share > 0)
            inherit_write(&known, t->key,
                          &(struct inherit_server){.share = view.share,
                                                   .degraded = view.state == QHCP_DEGRADED,
                                                   .target = t->address});
    }
    text_add(&known, ""); /* so that there is one */
    ret->known = known.failed ? NULL : known.at;
    return ret->known ? 0 : QHCP_E_NOMEM;
}

size_t forward_connections(const struct forward *f)
{
    return f->proxy ? proxy_connections(f->proxy) + (f->stopping && proxy_accepting(f->proxy)) : 0;
}
