/* `qhcp lb`: the load balancer's core on the event loop.
 *
 * In: options (and the configuration file again on SIGHUP), datagrams, addresses of names.  Out:
 * datagrams, status and events, the log.  It must never wait for a reader, a name server or a disk
 * while it watches servers. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/log.h"
#include "base/text.h"
#include "daemon/capacity.h"
#include "daemon/daemon.h"
#include "daemon/lb.h"
#include "daemon/lb_config.h"
#include "daemon/listen.h"
#include "daemon/needs.h"
#include "daemon/status_view.h"
#include "daemon/watch.h"

#define LB_WORDS 700
#define LB_DRAIN_LOOK (20 * NSEC_PER_MSEC) /* how often connections are counted before a stop */

const struct args_spec daemon_lb_spec = {
    .options = &lb_options_table,
    .name = "qhcp lb",
    .doc = "Watch servers over QUIC and forward TCP connections to the healthy ones.",
    .usage_status = ARGS_USAGE,
    .look = lb_options_look,
    .convert = lb_options_convert,
};

static qhcp_nsec leaving_deadline(void *ctx)
{
    return ((struct lb *)ctx)->look_at;
}

/* The servers are watched until the last connection has ended, for it may want another of them. */
static void leave_when_drained(void *ctx, qhcp_nsec now)
{
    struct lb *lb = ctx;
    size_t left = forward_connections(&lb->forward);

    lb->look_at = nsec_add(now, LB_DRAIN_LOOK);
    if (left > 0 && now < lb->drained_by)
        return;
    if (left > 0)
        log_say(QHCP_LOG_WARNING, "--max-drain is over: %zu connection%s reset", TEXT_COUNT(left));
    loop_remove(&lb->leaving);
    telling_release(&lb->telling);
    qhcp_lb_stop(lb->core, now);
}

static void begin_stop(struct lb *lb, qhcp_nsec now, bool handed_over)
{
    size_t left = forward_connections(&lb->forward);

    lb->stopping = true;
    lb->handed_over = handed_over;
    announce_end(&lb->announce);
    forward_stop(&lb->forward, handed_over);
    if (handed_over) {
        lb_admin_release(&lb->admin);
        recording_silence(&lb->recording);
        wishes_hand_over(&lb->wishes);
        telling_release(&lb->telling);
        qhcp_lb_stop(lb->core, now);
    } else {
        handover_end(&lb->handover);
    }
    if (left > 0)
        log_say(QHCP_LOG_INFO, "waiting for %zu connection%s to end, at most for --max-drain",
                TEXT_COUNT(left));
    lb->drained_by = nsec_add(now, lb->options.max_drain);
    service_stopping("closing the sessions with the servers");
    lb->leaving = (struct loop_part){
        .name = "leaving", .ctx = lb, .deadline = leaving_deadline, .expire = leave_when_drained};
    loop_add(lb->loop, &lb->leaving);
    leave_when_drained(lb, now);
}

static void on_signal(void *ctx, qhcp_nsec now, int signum)
{
    struct lb *lb = ctx;

    if (log_part_signal(signum))
        return;
    if (!lb->stopping && reload_wanted(&lb->reload.reload, signum)) {
        lb_reload_begin(&lb->reload, now);
        return;
    }
    if (lb->stopping) { /* a second signal: no more waiting */
        loop_stop(lb->loop);
        return;
    }
    log_say(QHCP_LOG_INFO, "SIG%s: closing the sessions with %zu server%s", sigabbrev_np(signum),
            TEXT_COUNT(qhcp_lb_count(lb->core)));
    begin_stop(lb, now, false);
}

static int on_reload(void *ctx, qhcp_nsec now, const struct wish *wish, char *words,
                     size_t words_cap)
{
    struct lb *lb = ctx;

    if (lb->stopping || !options_config(&lb->options.head)) {
        snprintf(words, words_cap,
                 lb->stopping ? "the load balancer is stopping"
                              : "there is no configuration file (--config) to read again");
        return QHCP_E_ARG;
    }
    snprintf(words, words_cap, "too many reloads are wanted at once");
    return lb_reload_wish(&lb->reload, now, wish) < 0 ? QHCP_E_FULL : WISHES_LATER;
}

static int on_give(void *ctx, struct handover_gift *ret)
{
    struct lb *lb = ctx;

    return forward_give(&lb->forward, ret);
}

static void on_taken(void *ctx, qhcp_nsec now)
{
    struct lb *lb = ctx;

    log_say(QHCP_LOG_INFO, "another load balancer took over the port; %zu connection%s left here",
            TEXT_COUNT(forward_connections(&lb->forward)));
    if (!lb->stopping)
        begin_stop(lb, now, true);
}

/* The forwarder's sockets, where the service manager has opened them. */
static int take_activated(struct lb *lb, struct handover_gift *ret, char *words, size_t words_cap)
{
    const struct activated *a = &lb->activated;

    if (a->n_tcp == 0)
        return 0;
    if (lb->options.take_over || lb->options.no_forward) {
        snprintf(words, words_cap,
                 "the service manager opened a TCP socket: --%s does not go with that",
                 lb->options.take_over ? "take-over" : "no-forward");
        return QHCP_E_ARG;
    }
    memcpy(ret->listeners, a->tcp, a->n_tcp * sizeof a->tcp[0]);
    ret->n_listeners = a->n_tcp;
    ret->shared = true;
    ret->port = activated_port(a);
    return 0;
}

/* The gift of the one that has the port, where that is asked for and there is one. */
static int take_over(struct lb *lb, struct handover_gift *ret, int *ret_to, char *words,
                     size_t words_cap)
{
    uint16_t port = lb->options.port;
    int r = take_activated(lb, ret, words, words_cap);

    if (r < 0 || !lb->options.take_over)
        return r;
    words[0] = '\0';
    r = handover_ask(port, ret, ret_to, words, words_cap);
    if (r != QHCP_E_NOT_FOUND)
        return r;
    log_say(QHCP_LOG_INFO, "no load balancer has port %u: nothing to take over", port);
    return 0;
}

static int listen_udp(struct lb *lb, char *words, size_t words_cap)
{
    size_t n;
    int r = activated_udp(&lb->activated, lb->loop, lb->options.port, &n, NULL, words, words_cap);

    return r < 0 || n > 0 ? r : listen_any(lb->loop, lb->options.port, words, words_cap);
}

/* The load balancer before us gives its UDP port up last, when its clients are ours already: ending
 * for lack of the port would leave them without a load balancer. */
static void take_udp(struct lb *lb, int to, char *words, size_t words_cap)
{
    handover_done(to);
    if (listen_udp(lb, words, words_cap) == 0)
        return;
    log_say(QHCP_LOG_WARNING,
            "%s; watching servers from another UDP port, which firewalls may not let pass", words);
    loop_unbind(lb->loop);
    if (listen_any(lb->loop, 0, words, words_cap) < 0)
        log_say(QHCP_LOG_ERROR, "cannot watch servers: %s", words);
}

/* All is there: it begins. */
static int begin(struct lb *lb, int to, char *words, size_t words_cap)
{
    const struct handover_owner owner = {.ctx = lb, .give = on_give, .taken = on_taken};
    int r;

    recording_remember(&lb->options, lb->publisher.feed);
    publisher_configure(&lb->publisher, &lb->options);
    large_pages_begin(&lb->large_pages, serve_loop(lb->serve));
    recording_begin(&lb->recording, &lb->options, lb->publisher.feed, lb->serve);
    r = telling_begin(&lb->telling, &lb->options, &lb->publisher, lb->loop, lb->serve, words,
                      words_cap);
    if (r < 0)
        return r;
    r = serve_start(lb->serve);
    if (r < 0)
        snprintf(words, words_cap, "cannot start a second thread: %s", qhcp_strerror(r));
    if (r == 0)
        r = forward_start(&lb->forward, words, words_cap);
    listen_steer(lb->loop, qhcp_lb_steering(lb->core));
    if (r == 0 && to >= 0) {
        take_udp(lb, to, words, words_cap);
        wishes_take_over(&lb->wishes, loop_now());
    }
    needs_room(lb->loop, lb->follow.count);
    if (r == 0 && lb->forward.proxy)
        handover_offer(&lb->handover, lb->options.port, &owner, lb->loop);
    return r;
}

static int follow_servers(struct lb *lb, char *words, size_t words_cap)
{
    const struct follow_host host = {.loop = lb->loop,
                                     .serve = lb->serve,
                                     .core = lb->core,
                                     .publisher = &lb->publisher,
                                     .forward = &lb->forward,
                                     .probes = &lb->probes,
                                     .wishes = &lb->wishes};
    int r = follow_begin(&lb->follow, &host, &lb->options.servers, &lb->options.sources, words,
                         words_cap);

    lb->follow.ctx = lb;
    lb->follow.done = lb_reload_followed;
    lb->display.changing = &lb->follow.applying;
    return r;
}

/* What was given to this process, and what it needs. */
static int have(struct lb *lb, char *words, size_t words_cap)
{
    int r = activated_take(&lb->activated, words, words_cap);

    if (r == 0)
        r = needs_descriptors(capacity_least(&lb->options), words, words_cap);
    if (r == 0)
        needs_memory(LB_MEMORY, lb->options.servers.n);
    return r;
}

static int open_admin(struct lb *lb, bool take_over, char *words, size_t words_cap)
{
    const struct lb_admin_host host = {.publisher = &lb->publisher,
                                       .sinks = &lb->telling.sinks,
                                       .recorder = &lb->recording.recorder,
                                       .in_force = &lb->in_force,
                                       .loop = lb->loop,
                                       .serve = lb->serve};

    return lb_admin_begin(&lb->admin, &lb->options, take_over, &host, words, words_cap);
}

static int start(struct lb *lb, char *words, size_t words_cap)
{
    struct loop_client client = lb_core_client(lb);
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    struct qhcp_lb_config config = lb_core_config(lb);
    struct handover_gift gift = {.known = NULL};
    int r, to = -1;

    client.signal = on_signal;
    r = have(lb, words, words_cap);
    if (r < 0)
        return r;
    r = loop_new(&client, &lb->loop);
    if (r == 0)
        r = publisher_init(&lb->publisher, lb->loop, lb->options.servers.n);
    if (r == 0) {
        log_part_begin(&lb->log, lb->loop);
        lb_core_join(lb);
        r = display_begin(&lb->display, lb->loop, &lb->publisher);
        if (r == 0)
            wishes_begin(
                &lb->wishes, lb->loop, lb->publisher.feed,
                &(struct wishes_host){.ctx = lb, .reload = on_reload, .config = lb_config_change});
    }
    if (r == 0)
        r = serve_new(lb->loop, &lb->serve);
    if (r == 0)
        r = hosts_new(lb->loop, lb->serve, lb_core_resolved, lb, &lb->hosts);
    if (r < 0) {
        snprintf(words, words_cap, "cannot start: %s", qhcp_strerror(r));
        return r;
    }
    r = take_over(lb, &gift, &to, words, words_cap);
    if (r == 0 && to < 0)
        r = listen_udp(lb, words, words_cap);
    if (r == 0)
        r = qhcp_lb_new(&config, loop_now(), &lb->core, words, words_cap);
    lb->publisher.core = lb->core;
    if (r == 0)
        r = probes_init(&lb->probes, &lb->options, lb->core, lb->loop, words, words_cap);
    if (r == 0)
        r = forward_init(&lb->forward, &lb->options,
                         &(struct forward_host){lb->core, lb->publisher.feed, lb->loop, lb->serve},
                         to >= 0 || gift.shared ? &gift : NULL, words, words_cap);
    if (r == 0 && !lb->options.no_forward) {
        lb->publisher.traffic = forward_traffic;
        lb->publisher.traffic_ctx = &lb->forward;
    }
    if (r == 0)
        r = open_admin(lb, to >= 0, words, words_cap);
    wishes_keep(&lb->wishes, lb->serve, lb->options.port);
    if (r == 0)
        r = follow_servers(lb, words, words_cap);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0] && r == 0; i++)
        if ((r = loop_catch(lb->loop, signals[i])) < 0)
            snprintf(words, words_cap, "cannot catch signals: %s", strerror(errno));
    if (r == 0)
        watch_network(lb->core, lb->loop, &lb->route);
    free(gift.known);
    return r == 0 ? begin(lb, to, words, words_cap) : r;
}

static void run(struct lb *lb)
{
    const struct lb_options *o = &lb->options;
    char words[80];

    snprintf(words, sizeof words, "watching %zu server%s", TEXT_COUNT(qhcp_lb_count(lb->core)));
    log_say(QHCP_LOG_INFO, "%s from UDP port %llu", words, (unsigned long long)o->port);
    if (o->insecure)
        log_say(QHCP_LOG_WARNING,
                "--insecure: the certificates of the servers are NOT verified; anyone on the path "
                "can pose as one of them");
    if (lb->display.status.terminal && lb->display.status.tells)
        log_divert(status_log_line, &lb->display.status);
    announce_begin(&lb->announce, lb->loop, &lb->service, lb->publisher.feed);
    loop_run(lb->loop);
    log_divert(NULL, NULL);
}

static void end(struct lb *lb, int status)
{
    announce_end(&lb->announce);
    service_deinit(&lb->service);
    handover_end(&lb->handover);
    if (!serve_stop(lb->serve)) { /* nothing here is worth waiting for it */
        log_say(QHCP_LOG_WARNING,
                "a name server or the disk does not answer: leaving without an answer");
        _exit(status);
    }
    lb_admin_end(&lb->admin);
    large_pages_end(&lb->large_pages);
    recording_end(&lb->recording);
    telling_end(&lb->telling);
    follow_end(&lb->follow);
    lb_reload_deinit(&lb->reload);
    forward_deinit(&lb->forward);
    probes_deinit(&lb->probes);
    route_unwatch(&lb->route);
    hosts_free(lb->hosts);
    display_end(&lb->display);
    wishes_end(&lb->wishes);
    log_part_end(&lb->log);
    loop_remove(&lb->leaving);
    loop_remove(&lb->part);
    qhcp_lb_free(lb->core);
    publisher_deinit(&lb->publisher);
    serve_free(lb->serve);
    loop_free(lb->loop);
    status_deinit(&lb->display.status);
    log_deinit();
    in_force_deinit(&lb->in_force);
    options_deinit(&lb->options.head);
}

int daemon_lb(int argc, char **argv)
{
    struct lb lb = {.reload = {.reload = {.spec = &daemon_lb_spec,
                                          .argc = argc,
                                          .argv = argv,
                                          .options = &lb.options.head,
                                          .service = &lb.service,
                                          .ctx = &lb},
                               .lb = &lb}};
    const struct status_view watched = {.publisher = &lb.publisher,
                                        .forward = &lb.forward,
                                        .follow = &lb.follow,
                                        .telling = &lb.telling};
    const struct status_fleet fleet = status_view_fleet(&watched);
    char words[LB_WORDS] = "cannot start: out of memory";
    int r;

    args_parse(&daemon_lb_spec, argc, argv, &lb.options.head, NULL);
    in_force_init(&lb.in_force);
    in_force_put(&lb.in_force, &lb.options.head);
    log_init((enum qhcp_log_level)lb.options.log_level, (enum log_format)lb.options.log_format);
    status_init(&lb.display.status, (enum status_format)lb.options.status_format, STDOUT_FILENO,
                lb_options_status_interval(&lb.options), &fleet, loop_now());
    lb.display.status.fleet.insecure = lb.options.insecure;
    r = start(&lb, words, sizeof words);
    if (r == 0)
        run(&lb);
    else
        fprintf(stderr, "%s: %s\n", daemon_lb_spec.name, words);
    end(&lb, r == 0 ? ARGS_OK : ARGS_FAILURE);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
