#include "daemon/probes.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* else a table without memory would end the process */
#define uthash_nonfatal_oom(element) ((element)->left_out = true)
#include <uthash.h>

#include "base/address.h"
#include "base/os/log.h"
#include "check/spec.h"
#include "sources/listed.h"
#include "sources/servers.h"

#define PROBES_WHY 400

struct probed {
    UT_hash_handle hh;
    size_t id;
    bool left_out;            /* of the table, for lack of memory */
    enum listed_probe listed; /* of its entry in the list, */
    uint16_t listed_port;     /* and the port there; 0: that of its service */
    bool told;                /* that it names no service */
    bool shut;                /* the core was told so */
    bool open;                /* the core is to be told so: it is another port now */
    char target[ADDRESS_TEXT];
    char key[ADDRESS_KEY]; /* servers_key: a reload may spell it otherwise */
};

static void on_verdict(void *ctx, qhcp_nsec now, size_t id, bool open, const char *why)
{
    struct probes *p = ctx;
    struct probed *server = p->slots.at[id];
    char words[QHCP_TEXT];

    server->shut = !open;

    snprintf(words, sizeof words, "%s: %s", server->target, why);
    (void)qhcp_lb_data_port(p->core, now, server->key, open, words);
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)ready;
    ports_ready(((struct probes *)ctx)->ports, now);
}

static qhcp_nsec deadline(void *ctx)
{
    return ports_deadline(((struct probes *)ctx)->ports);
}

static void expire(void *ctx, qhcp_nsec now)
{
    ports_expire(((struct probes *)ctx)->ports, now);
}

/* Tells of those that are open. */
static void turn(void *ctx, qhcp_nsec now)
{
    struct probes *p = ctx;

    for (struct probed *s = p->open ? p->table : NULL; s; s = s->hh.next) {
        if (!s->open)
            continue;
        s->open = false;
        (void)qhcp_lb_data_port(p->core, now, s->key, true, "");
    }
    p->open = false;
}

static int start(struct probes *p)
{
    int r = p->ports ? 0 : ports_new(&p->config, &p->ports);

    if (r < 0 || p->part.loop)
        return r;
    p->part = (struct loop_part){
        .name = "probes", .ctx = p, .deadline = deadline, .expire = expire, .turn = turn};
    loop_add(p->loop, &p->part);
    loop_watch(p->loop, &p->watch, ports_fd(p->ports), LOOP_READABLE, on_ready, p);
    return 0;
}

int probes_init(struct probes *ret, const struct lb_options *o, struct qhcp_lb *core,
                struct loop *loop, char *words, size_t words_cap)
{
    const struct list *l = &o->probe;
    char why[PROBES_WHY];
    struct spec spec;
    int r;

    *ret = (struct probes){.core = core, .loop = loop, .all = l->n > 0};
    r = spec_probe(ret->all ? l->at[0] : "tcp", &spec, why, sizeof why);
    if (r < 0) {
        snprintf(words, words_cap, "--probe: %s", why);
        return r;
    }
    ret->port = spec.address.port;
    ret->config = (struct ports_config){.ctx = ret,
                                        .verdict = on_verdict,
                                        .every = spec.every,
                                        .timeout = spec.timeout,
                                        .fall = spec.fall,
                                        .rise = spec.rise,
                                        .local_header = o->send_proxy_v2};
    if (ret->all && (r = start(ret)) < 0)
        snprintf(words, words_cap, "--probe cannot start: %s", qhcp_strerror(r));
    return r;
}

static void drop(struct probes *p, struct probed *server)
{
    ports_forget(p->ports, server->id);
    HASH_DEL(p->table, server);
    slots_give_back(&p->slots, server->id);
    free(server);
}

void probes_deinit(struct probes *p)
{
    loop_remove(&p->part);
    loop_unwatch(&p->watch);
    while (p->table)
        drop(p, p->table);
    slots_deinit(&p->slots);
    ports_free(p->ports);
    *p = (struct probes){.ports = NULL};
}

static struct probed *find(const struct probes *p, const char *address)
{
    struct probed *server;
    char key[ADDRESS_KEY];

    servers_key(address, key);
    HASH_FIND_STR(p->table, key, server);
    return server;
}

void probes_forget(struct probes *p, const char *address)
{
    struct probed *server = find(p, address);

    if (server)
        drop(p, server);
}

static struct probed *find_or_add(struct probes *p, const char *address)
{
    struct probed *server;
    char key[ADDRESS_KEY];

    servers_key(address, key);
    HASH_FIND_STR(p->table, key, server);
    if (server)
        return server;
    server = calloc(1, sizeof *server);
    if (!server || slots_take(&p->slots, server, &server->id) != 0) {
        free(server);
        return NULL;
    }
    memcpy(server->key, key, sizeof key);
    HASH_ADD_STR(p->table, key, server);
    if (!server->left_out)
        return server;
    slots_give_back(&p->slots, server->id);
    free(server);
    return NULL;
}

/* The first service of the server's that is on its own address: tcp:PORT.  A service elsewhere is
 * not probed for a server's word alone. */
static uint16_t own_service(const struct probes *p, size_t index)
{
    char services[QHCP_SERVICES][QHCP_SERVICE];
    size_t n = qhcp_lb_services(p->core, index, services, QHCP_SERVICES);
    char ignored[PROBES_WHY];
    union qhcp_addr at;
    uint16_t port;

    for (size_t i = 0; i < n; i++)
        if (listed_service(services[i], &at, &port, ignored, sizeof ignored) == 0 &&
            at.sa.sa_family == AF_UNSPEC)
            return port;
    return 0;
}

/* What is known of another port does not count for this one.  The core gets it later: we are called
 * from within it. */
static void take_back(struct probes *p, struct probed *server)
{
    if (!server->shut)
        return;
    server->shut = false;
    server->open = p->open = true;
}

/* Its port is not probed, or no longer. */
static void leave(struct probes *p, struct probed *server)
{
    take_back(p, server);
    ports_forget(p->ports, server->id);
    server->target[0] = '\0';
}

/* The server's entry, if its data port is to be probed; NULL.  *ret_port 0: that of its service. */
static struct probed *wanted(struct probes *p, const char *address, uint16_t *ret_port)
{
    struct probed *server = find(p, address);
    enum listed_probe listed = server ? server->listed : LISTED_AS_ALL;

    *ret_port = listed == LISTED_PROBE ? server->listed_port : p->port;
    if (listed == LISTED_PROBE || (listed == LISTED_AS_ALL && p->all))
        return server ? server : find_or_add(p, address);
    if (server)
        leave(p, server);
    return NULL;
}

void probes_session(struct probes *p, qhcp_nsec now, size_t index)
{
    struct probed *server;
    struct qhcp_view view;
    char target[ADDRESS_TEXT];
    uint16_t port;

    if (!p->ports || qhcp_lb_view(p->core, index, &view) != 0 ||
        view.remote.sa.sa_family == AF_UNSPEC)
        return;
    server = wanted(p, view.address, &port);
    if (!server)
        return;
    port = port ? port : own_service(p, index);
    if (port == 0) {
        if (!server->told)
            log_say(QHCP_LOG_WARNING,
                    "%s names no service tcp:PORT, so its data port is not probed: start its agent "
                    "with --service tcp:PORT, or use --probe tcp:PORT",
                    view.address);
        server->told = true;
        leave(p, server);
        return;
    }
    view.remote.in.sin_port = htons(port); /* at the same place in both families */
    address_format(&view.remote, target, sizeof target);
    if (strcmp(target, server->target) != 0)
        take_back(p, server);
    memcpy(server->target, target, sizeof target);
    if (ports_watch(p->ports, now, server->id, &view.remote) != 0)
        log_say(QHCP_LOG_ERROR, "%s: its data port is not probed: out of memory", view.address);
}

void probes_listed(struct probes *p, qhcp_nsec now, const struct listed *listed)
{
    struct probed *server = find(p, listed->address);
    size_t index;

    if (!server && listed->probe == LISTED_AS_ALL)
        return;
    if (listed->probe == LISTED_PROBE && start(p) < 0)
        log_say(QHCP_LOG_ERROR, "%s: its data port is not probed: out of memory", listed->address);
    if (!p->ports)
        return;
    server = server ? server : find_or_add(p, listed->address);
    if (!server || (server->listed == listed->probe && server->listed_port == listed->probe_port))
        return;
    server->listed = listed->probe;
    server->listed_port = listed->probe_port;
    if (qhcp_lb_find(p->core, listed->address, &index) == 0)
        probes_session(p, now, index);
}
