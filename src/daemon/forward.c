#include "daemon/forward.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balance/balance.h"
#include "base/address.h"
#include "base/os/log.h"
#include "check/ports.h"
#include "daemon/conn_log.h"
#include "daemon/handover.h"
#include "daemon/inherit.h"
#include "loop/loop.h"

#define FORWARD_WORDS 400
#define REFRESH NSEC_PER_SEC          /* from table to table, when nothing happens */
#define PUBLISH_PART 20               /* parts of our time, of which tables take one at most */
#define SOON (5 * NSEC_PER_MSEC)      /* after an event: several of a moment make one table */
#define INHERITED (10 * NSEC_PER_SEC) /* what another load balancer knew counts so long */

static void on_port(void *ctx, qhcp_nsec now, size_t slot, bool open, const char *why)
{
    struct forward *f = ctx;
    struct target *t = targets_of_slot(&f->targets, (uint32_t)slot);
    char where[ADDRESS_TEXT], words[QHCP_TEXT];

    address_format(&t->address, where, sizeof where);
    snprintf(words, sizeof words, "%s: %s", where, why);
    t->shut = !open;
    (void)qhcp_lb_data_port(f->core, now, t->name, open, words);
    if (open) {
        ports_forget(f->ports, slot);
        t->probed = false;
    }
}

/* One connection that fails proves nothing: the port is looked at. */
static void on_server(void *ctx, size_t id, int error)
{
    struct forward *f = ctx;
    struct target *t = targets_of_id(&f->targets, id);

    if (!t || t->address.sa.sa_family == AF_UNSPEC)
        return;
    if (error == EADDRNOTAVAIL) { /* which says nothing of the server */
        f->turned_away.waiting[TURNED_AWAY_NO_PORT]++;
        snprintf(f->turned_away.where, sizeof f->turned_away.where, "%s", t->name);
        return;
    }
    if (error == 0 && t->probed && !t->shut) {
        ports_forget(f->ports, (uint32_t)t->id);
        t->probed = false;
    } else if (error != 0 && !t->probed) {
        t->probed = ports_watch(f->ports, loop_now(), (uint32_t)t->id, &t->address) == 0;
    }
}

static void on_nobody(void *ctx, uint64_t clients)
{
    struct forward *f = ctx;

    f->turned_away.waiting[TURNED_AWAY_NOBODY] += clients;
}

static void say_turned_away(struct forward *f, qhcp_nsec now)
{
    turned_away_say(&f->turned_away, now, f->proxy, &feed_current(f->targets.feed)->self,
                    f->targets.services);
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

/* --on-down reset: those that went down. */
static void collect_fallen(struct forward *f)
{
    const struct target *t;

    while ((t = targets_fell(&f->targets))) {
        size_t cap = f->cap_fell ? 2 * f->cap_fell : 16, *grown = f->fell;

        if (f->n_fell == f->cap_fell && (grown = realloc(f->fell, cap * sizeof *grown))) {
            f->fell = grown;
            f->cap_fell = cap;
        }
        if (grown && f->options->on_down)
            f->fell[f->n_fell++] = t->id;
    }
}

/* Their clients try again, and are not sent there any more. */
static void on_in_force(void *ctx)
{
    struct forward *f = ctx;

    for (size_t i = 0; i < f->n_fell; i++) {
        const struct target *t = targets_of_id(&f->targets, f->fell[i]);
        size_t n = proxy_in_flight(f->proxy, f->fell[i]);

        if (t && n > 0)
            log_say(QHCP_LOG_INFO, "%s is down: %zu %s reset (--on-down)", t->name, n,
                    n == 1 ? "connection to it is" : "connections to it are");
        proxy_evict(f->proxy, f->fell[i], PROXY_DOWN);
    }
    f->n_fell = 0;
}

/* A new table for the forwarding threads. */
static void publish(struct forward *f, qhcp_nsec now)
{
    struct targets *t = &f->targets;
    struct proxy_rows rows;
    qhcp_nsec begun = loop_now(), took;

    if (t->inherited && now >= f->inherited_until)
        targets_disinherit(t, now);
    collect_fallen(f);
    rows = (struct proxy_rows){
        .at = t->rows, .n = t->n, .changed = t->changed, .undecided = targets_undecided(t)};
    if (proxy_publish(f->proxy, now, &rows) == 0)
        targets_seen(t);
    else
        log_say(QHCP_LOG_ERROR, "the forwarder's table could not be made: out of memory");
    if (t->news || t->shares)
        restart_file_news(&f->restart_file, t->news);
    t->news = t->shares = false;
    restart_file_keep(&f->restart_file, now, t->rows, t->n);
    took = loop_now() - begun;
    f->not_before = nsec_add(begun, took * PUBLISH_PART);
    f->publish_at = nsec_max(nsec_add(now, REFRESH), f->not_before);
}

static qhcp_nsec deadline(void *ctx)
{
    const struct forward *f = ctx;
    qhcp_nsec at = nsec_min(f->publish_at, turned_away_deadline(&f->turned_away));

    at = nsec_min(at, restart_file_deadline(&f->restart_file));
    return nsec_min(at, nsec_min(removed_deadline(&f->removed), ports_deadline(f->ports)));
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct forward *f = ctx;

    if (ports_deadline(f->ports) <= now)
        ports_expire(f->ports, now);
    restart_file_expire(&f->restart_file, f->targets.rows, f->targets.n);
    if (f->publish_at <= now)
        publish(f, now);
    removed_expire(&f->removed, now, f->proxy);
    say_turned_away(f, now);
}

/* What the fleet has published in this turn.  (It publishes the addresses that are found now in the
 * next one.) */
static void turn(void *ctx, qhcp_nsec now)
{
    struct forward *f = ctx;

    if (f->handed_over)
        return;
    targets_follow(&f->targets, now);
    if (f->targets.found)
        loop_again(f->part.loop);
    f->targets.found = false;
    if (f->proxy && f->targets.news)
        f->publish_at = nsec_min(f->publish_at, nsec_max(nsec_add(now, SOON), f->not_before));
}

static void inherit(struct forward *f, const struct handover_gift *gift, struct proxy_config *proxy)
{
    const char *known = gift ? gift->known : NULL;
    char *left = known ? NULL : restart_file_take(&f->restart_file);

    if (gift) {
        proxy->listeners = gift->listeners;
        proxy->n_listeners = gift->n_listeners;
        proxy->shared = f->shared = gift->shared;
    }
    f->targets.inherited = known || left ? inherit_read(known ? known : left) : NULL;
    f->inherited_until = nsec_add(loop_now(), INHERITED);
    free(left);
}

/* Without a forwarder: where the servers' services are is known to the fleet alike.  No port is our
 * own, so that no service is a loop. */
static void follow_only(struct forward *f, struct loop *loop)
{
    f->targets.own_port = 0;
    f->part.deadline = NULL;
    loop_add(loop, &f->part);
}

static void watch(struct forward *f, struct loop *loop)
{
    loop_watch(loop, &f->watch_ports, ports_fd(f->ports), LOOP_READABLE, on_ports, f);
    loop_watch(loop, &f->watch_reports, proxy_fd(f->proxy), LOOP_READABLE, on_reports, f);
    if (proxy_ended_fd(f->proxy) >= 0)
        loop_watch(loop, &f->watch_ended, proxy_ended_fd(f->proxy), LOOP_READABLE, on_reports, f);
    loop_add(loop, &f->part);
}

/* Its own wait ends; connections to it may go on for a while. */
static void on_gone(void *ctx, qhcp_nsec now, const struct target *t)
{
    struct forward *f = ctx;

    if (!f->proxy)
        return;
    ports_forget(f->ports, (uint32_t)t->id);
    removed_add(&f->removed, t->id, t->name, nsec_add(now, f->options->max_drain));
}

/* What was found of another port says nothing of this one. */
static void on_moves(void *ctx, qhcp_nsec now, const struct target *t)
{
    struct forward *f = ctx;

    if (t->shut)
        (void)qhcp_lb_data_port(f->core, now, t->name, true, "");
    if (t->probed)
        ports_forget(f->ports, (uint32_t)t->id);
}

static void init(struct forward *ret, const struct lb_options *o, struct qhcp_lb *core,
                 struct feed *feed)
{
    *ret = (struct forward){
        .core = core,
        .options = o,
        .port = o->port,
        .publish_at = NSEC_NEVER,
        .targets = {.feed = feed, .ctx = ret, .gone = on_gone, .moves = on_moves},
        .part = {
            .name = "forward", .ctx = ret, .deadline = deadline, .expire = expire, .turn = turn}};
    ret->targets.own_port = ret->port;
    ret->targets.own = ret->bind;
}

int forward_init(struct forward *ret, const struct lb_options *o, const struct forward_host *host,
                 const struct handover_gift *gift, char *words, size_t words_cap)
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

    init(ret, o, host->core, host->feed);
    if (o->no_forward) {
        follow_only(ret, host->loop);
        return 0;
    }
    proxy = lb_options_proxy(o);
    proxy.ctx = ret;
    proxy.server = on_server;
    proxy.nobody = on_nobody;
    proxy.in_force = on_in_force;
    proxy.ended = o->log_connections ? conn_log_say : NULL;
    memcpy(ret->bind, proxy.bind, sizeof ret->bind);
    restart_file_init(&ret->restart_file, host->serve, proxy.port);
    inherit(ret, gift, &proxy);
    if (gift && gift->port != 0)
        ret->targets.own_port = ret->port = gift->port;
    r = proxy_new(&proxy, &ret->proxy, words, words_cap);
    if (r < 0)
        return r;
    r = ports_new(&ports, &ret->ports);
    if (r < 0)
        snprintf(words, words_cap, "cannot start to forward: %s", qhcp_strerror(r));
    else
        watch(ret, host->loop);
    return r;
}

void forward_deinit(struct forward *f)
{
    loop_remove(&f->part);
    loop_unwatch(&f->watch_ports);
    loop_unwatch(&f->watch_reports);
    loop_unwatch(&f->watch_ended);
    proxy_free(f->proxy);
    ports_free(f->ports);
    targets_deinit(&f->targets);
    restart_file_deinit(&f->restart_file);
    removed_free(&f->removed);
    free(f->fell);
    *f = (struct forward){.proxy = NULL};
}

void forward_listed(struct forward *f, qhcp_nsec now, const struct listed *listed)
{
    targets_listed(&f->targets, now, listed);
    f->targets.news = true;
}

void forward_configure(struct forward *f, const struct lb_options *o)
{
    f->options = o;
    f->targets.allowed = &o->allow_service;
    targets_look_again(&f->targets);
    if (!f->proxy)
        return;
    proxy_algorithm(f->proxy, balance_at(o->balance));
    f->targets.news = true;
}

size_t forward_leaving(struct forward *f, const char *address, bool over)
{
    const struct target *t = f->proxy ? targets_find(&f->targets, address) : NULL;
    size_t n = t ? proxy_in_flight(f->proxy, t->id) : 0;

    if (over && n > 0) {
        log_say(QHCP_LOG_WARNING, "%s: the time of its drain is over: %zu %s reset", address, n,
                n == 1 ? "connection is" : "connections are");
        proxy_evict(f->proxy, t->id, PROXY_DRAINED);
    }
    return n;
}

bool forward_counts(const struct forward *f, const char *address, struct proxy_counts *ret)
{
    const struct target *t = f->proxy ? targets_find(&f->targets, address) : NULL;

    return t && proxy_counts(f->proxy, loop_now(), t->id, ret);
}

struct fleet_traffic forward_traffic(void *ctx, const char *address)
{
    struct proxy_counts c;
    struct fleet_traffic t = {0};

    if (!forward_counts(ctx, address, &c))
        return t;
    t = (struct fleet_traffic){.forwarded = true,
                               .errors = (uint16_t)c.errors,
                               .in_flight = c.in_flight,
                               .latency_us = c.latency_us,
                               .connects = c.connects,
                               .bytes_in = c.bytes_in,
                               .bytes_out = c.bytes_out};
    for (size_t i = 0; i < PROXY_FAILURES; i++)
        t.failures += c.failures[i];
    return t;
}

void forward_stop(struct forward *f, bool handed_over)
{
    if (!f->proxy)
        return;
    f->stopping = true;
    f->handed_over = handed_over;
    if (handed_over) {
        f->publish_at = NSEC_NEVER;
        restart_file_drop(&f->restart_file);
    }
    proxy_stop(f->proxy, handed_over || f->shared);
}

int forward_start(struct forward *f, char *words, size_t words_cap)
{
    int r = 0;

    forward_configure(f, f->options);
    if (!f->proxy)
        return 0;
    targets_follow(&f->targets, loop_now());
    publish(f, loop_now()); /* or a client that waits already would find no server */
    r = proxy_start(f->proxy);
    if (r < 0)
        snprintf(words, words_cap, "cannot start to forward: %s", strerror(errno));
    return r;
}

int forward_give(struct forward *f, struct handover_gift *ret)
{
    struct text known = {0};

    ret->n_listeners = proxy_listeners(f->proxy, ret->listeners, HANDOVER_LISTENERS);
    for (size_t i = 0; i < f->targets.n; i++) {
        const struct proxy_server *row = &f->targets.rows[i];

        if (row->share > 0 && row->target.sa.sa_family != AF_UNSPEC)
            inherit_write(&known, row->name,
                          &(struct inherit_server){.share = row->share,
                                                   .degraded = row->degraded,
                                                   .target = row->target});
    }
    text_add(&known, ""); /* so that there is one */
    ret->known = known.failed ? NULL : known.at;
    return ret->known ? 0 : QHCP_E_NOMEM;
}

size_t forward_connections(const struct forward *f)
{
    return f->proxy ? proxy_connections(f->proxy) + (f->stopping && proxy_accepting(f->proxy)) : 0;
}
