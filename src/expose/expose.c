#include "expose/expose.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#include "base/address.h"
#include "base/os/log.h"
#include "expose/expose_conn.h"
#include "expose/grpc.h"
#include "expose/http2.h"

#include <qhcp/error.h>

#define BACKLOG 128
#define RENEW (10 * NSEC_PER_SEC) /* from look to look whether there is another certificate */
#define WORDS 500
#define TIMERS (EXPOSE_CONNS + EXPOSE_CONNS * EXPOSE_STREAMS * 2)

/* ---- what it costs ---- */

/* Of this thread: what others take of the machine is not counted. */
static qhcp_nsec cpu_time(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (qhcp_nsec)ts.tv_sec * NSEC_PER_SEC + (qhcp_nsec)ts.tv_nsec;
}

static void listen_all(struct expose *e, unsigned events)
{
    for (size_t i = 0; i < e->n_doors; i++)
        if (listener_open(&e->doors[i].listener))
            loop_watch_change(&e->doors[i].listener.watch, events);
}

static void pause_all(struct expose *e, qhcp_nsec until)
{
    struct expose_conn *c;

    e->resume_at = until;
    listen_all(e, 0);
    DL_FOREACH(e->conns, c)
    expose_conn_pause(c);
}

static void resume_all(struct expose *e)
{
    struct expose_conn *c;

    e->resume_at = NSEC_NEVER;
    listen_all(e, LOOP_READABLE);
    DL_FOREACH(e->conns, c)
    expose_conn_resume(c);
}

bool expose_work_begin(struct expose *e, qhcp_nsec *ret_cpu)
{
    if (e->resume_at != NSEC_NEVER || !allowance_any(&e->allowance))
        return false;
    *ret_cpu = cpu_time();
    return true;
}

void expose_work_end(struct expose *e, qhcp_nsec cpu)
{
    qhcp_nsec now = loop_now(), pause = allowance_take(&e->allowance, now, cpu_time() - cpu);

    if (pause > 0 && e->resume_at == NSEC_NEVER)
        pause_all(e, nsec_add(now, pause));
}

/* ---- who comes ---- */

/* The one that has waited longest for nothing. */
static struct expose_conn *idlest(const struct expose *e)
{
    struct expose_conn *c, *found = NULL;

    DL_FOREACH(e->conns, c)
    if (expose_conn_idle(c) && (!found || c->active_at <= found->active_at))
        found = c;
    return found;
}

static bool is_crowd(const struct expose *e, const union qhcp_addr *peer)
{
    char ip[ADDRESS_IP], other[ADDRESS_IP];
    const struct expose_conn *c;
    size_t n = 0;

    if (address_is_loopback(peer))
        return false;
    address_ip(peer, ip);
    DL_FOREACH(e->conns, c)
    n += strcmp(address_ip(&c->peer, other), ip) == 0;
    return n >= EXPOSE_OF_ONE;
}

static void on_come(void *ctx, qhcp_nsec now, int fd)
{
    struct expose_door *door = ctx;
    struct expose *e = door->expose;
    struct expose_conn *idle = e->n_conns < EXPOSE_CONNS ? NULL : idlest(e);
    union qhcp_addr peer = {.sa = {.sa_family = AF_UNSPEC}};
    socklen_t n = sizeof peer;
    qhcp_nsec cpu = cpu_time();

    if (idle) {
        expose_conn_end(idle);
        e->counts.evicted++;
    }
    if (e->n_conns == EXPOSE_CONNS || getpeername(fd, &peer.sa, &n) < 0 || is_crowd(e, &peer)) {
        close(fd);
        e->counts.refused++;
    } else if (expose_conn_begin(door, now, fd, &peer) == 0) {
        e->counts.connections++;
    }
    expose_work_end(e, cpu);
}

/* ---- time ---- */

void expose_timer_set(struct expose *e, struct expose_timer *t, qhcp_nsec at)
{
    wheel_set(&e->wheel, &t->timer, at);
}

void expose_facts(const struct expose *e, struct facts *ret)
{
    qhcp_server_status(e->config.core, &ret->view);
    ret->services = e->config.services;
    ret->n_services = e->config.n_services;
}

static qhcp_nsec deadline(void *ctx)
{
    const struct expose *e = ctx;

    return nsec_min(nsec_min(wheel_deadline(&e->wheel), e->resume_at), e->tls_at);
}

void expose_renew(struct expose *e)
{
    char words[WORDS];

    if (!e->tls.pair || !expose_tls_changed(&e->tls))
        return;
    if (expose_tls_load(&e->tls, words, sizeof words) < 0)
        log_say(QHCP_LOG_WARNING, "the HTTP listener keeps its former certificate: %s", words);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct expose *e = ctx;
    size_t most = e->wheel.count;
    struct wheel_timer *due;
    qhcp_nsec cpu = cpu_time();

    if (e->resume_at <= now)
        resume_all(e);
    if (e->tls_at <= now) {
        e->tls_at = nsec_add(now, RENEW);
        expose_renew(e);
    }
    while (most-- > 0 && (due = wheel_due(&e->wheel, now))) {
        wheel_set(&e->wheel, due, NSEC_NEVER);
        ((struct expose_timer *)due)->fn((struct expose_timer *)due, now);
    }
    expose_work_end(e, cpu);
}

static void push_dirty(struct expose *e, qhcp_nsec now)
{
    struct expose_conn *c, *next;
    qhcp_nsec cpu = cpu_time();

    e->dirty = false;
    DL_FOREACH_SAFE(e->conns, c, next)
    if (c->dirty)
        expose_conn_push(c, now);
    expose_work_end(e, cpu);
}

static void turn(void *ctx, qhcp_nsec now)
{
    struct expose *e = ctx;

    grpc_turn(e, now);
    if (e->dirty)
        push_dirty(e, now);
    allowance_turn(&e->allowance);
}

/* ---- doors ---- */

int expose_init(struct expose *ret, const struct expose_config *config, char *words,
                size_t words_cap)
{
    *ret = (struct expose){.config = *config, .resume_at = NSEC_NEVER, .tls_at = NSEC_NEVER};
    ret->tls.cert_file = config->cert_file;
    ret->tls.key_file = config->key_file;
    allowance_init(&ret->allowance, loop_now());
    ret->part = (struct loop_part){
        .name = "expose", .ctx = ret, .deadline = deadline, .expire = expire, .turn = turn};
    loop_add(config->loop, &ret->part);
    if (wheel_reserve(&ret->wheel, TIMERS) == 0)
        return 0;
    snprintf(words, words_cap, "out of memory");
    return QHCP_E_NOMEM;
}

/* Off this machine: TLS, or a warning. */
static int secure(struct expose *e, struct expose_door *door, const union qhcp_addr *addr,
                  const char *text, const char *option, char *words, size_t words_cap)
{
    char why[WORDS];
    int r;

    if (address_is_loopback(addr))
        return 0;
    if (e->config.insecure) {
        log_say(QHCP_LOG_WARNING,
                "--http-insecure: %s %s has no TLS: anyone on the path can read and change what it "
                "says",
                option, text);
        return 0;
    }
    door->tls = true;
    if (e->tls.pair)
        return 0;
    r = expose_tls_load(&e->tls, why, sizeof why);
    if (r < 0)
        snprintf(words, words_cap, "%s %s needs a certificate for TLS: %s", option, text, why);
    else
        e->tls_at = nsec_add(loop_now(), RENEW);
    return r;
}

int expose_listen(struct expose *e, const char *text, const char *option, bool pages_only,
                  char *words, size_t words_cap)
{
    struct expose_door *door = &e->doors[e->n_doors];
    union qhcp_addr addr;
    int r = address_parse_listen(text, &addr, words, words_cap);

    if (r == 0 && e->n_doors == EXPOSE_DOORS) {
        snprintf(words, words_cap, "%s: more than %d addresses", option, EXPOSE_DOORS);
        r = QHCP_E_FULL;
    }
    if (r < 0)
        return r;
    *door = (struct expose_door){.expose = e, .fd = -1, .pages_only = pages_only};
    r = secure(e, door, &addr, text, option, words, words_cap);
    if (r == 0)
        r = listener_tcp(&addr, BACKLOG, option, &door->fd, words, words_cap);
    if (r == 0)
        e->n_doors++;
    return r;
}

void expose_open(struct expose *e)
{
    for (size_t i = 0; i < e->n_doors; i++) {
        struct expose_door *door = &e->doors[i];

        if (door->fd >= 0)
            listener_begin(e->config.loop, &door->listener, door->fd, on_come, door);
        door->fd = -1;
    }
}

void expose_deinit(struct expose *e)
{
    struct expose_conn *c, *next;

    if (!e->config.loop)
        return;
    for (size_t i = 0; i < e->n_doors; i++) {
        listener_end(&e->doors[i].listener);
        if (e->doors[i].fd >= 0)
            close(e->doors[i].fd);
    }
    DL_FOREACH_SAFE(e->conns, c, next)
    if (c->http2) {
        http2_goaway(c->http2);
        expose_conn_push(c, loop_now());
    }
    while (e->conns)
        expose_conn_end(e->conns);
    loop_remove(&e->part);
    wheel_deinit(&e->wheel);
    expose_tls_deinit(&e->tls);
    *e = (struct expose){.n_doors = 0};
}
