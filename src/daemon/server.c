/* `qhcp server`: the server's core on the event loop.
 *
 * In: options, datagrams, signals, the results of checks, the operator's word.  Out: answers and
 * the log.  SIGTERM says "draining" to every load balancer and waits for them, at most
 * --drain-timeout. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "admin/control_socket.h"
#include "admin/intent.h"
#include "base/address.h"
#include "base/os/clock.h"
#include "base/os/log.h"
#include "base/text.h"
#include "base/version.h"
#include "daemon/activated.h"
#include "daemon/checks.h"
#include "daemon/daemon.h"
#include "daemon/listen.h"
#include "daemon/log_part.h"
#include "daemon/needs.h"
#include "daemon/reload.h"
#include "daemon/server_options.h"
#include "daemon/service.h"
#include "expose/agent.h"
#include "expose/expose.h"
#include "loop/loop.h"
#include "metrics/application.h"

#include <qhcp/server.h>

#define SERVER_WORDS 700
#define SERVER_DESCRIPTORS 24             /* it has 12, and for each check some for a moment */
#define SERVER_MEMORY (10 << 20)          /* bytes that it takes without sessions */
#define SERVER_WATCHERS 16                /* load balancers, for what it says of its needs */
#define SERVER_UNSENT (60 * NSEC_PER_SEC) /* between two lines about answers that do not leave */

const struct args_spec daemon_server_spec = {
    .options = &server_options_table,
    .name = "qhcp server",
    .doc = "Answer the health checks of load balancers: tell them that this machine lives, how "
           "loaded it is, and when it wants to drain.",
    .usage_status = ARGS_USAGE,
    .look = server_options_look,
};

struct server {
    struct reload reload;
    struct server_options options;
    struct qhcp_server *core;
    struct loop *loop;
    struct loop_part part; /* the core's */
    struct service service;
    struct log_part log;
    struct checks checks;
    struct control_socket control;
    struct expose expose;
    struct agent agent;
    union qhcp_addr bound;
    bool silent; /* it waits for first results, so that the first answer is true and complete */
    bool stopping;
    qhcp_nsec unsent_told; /* the next line about answers that do not leave: not before */
};

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct server *s = ctx;

    qhcp_server_receive(s->core, now, packets, n);
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct server *s = ctx;

    return qhcp_server_send(s->core, now, packets, n);
}

static const char *unsent_words(int error)
{
    switch (error) {
    case EPERM:
        return "the local firewall refuses them";
    case EMSGSIZE:
        return "QUIC needs an interface with an MTU of at least 1228 bytes";
    default:
        return strerror(error);
    }
}

/* What the network says of a load balancer does not matter. What this machine itself does not send
 * does: from outside the server looks silent. */
static void on_unreachable(void *ctx, qhcp_nsec now, const union qhcp_addr *remote, int error,
                           const uint8_t *quoted, size_t quoted_len)
{
    char text[ADDRESS_TEXT];
    struct server *s = ctx;

    (void)quoted_len;
    if (quoted || now < s->unsent_told)
        return;
    s->unsent_told = nsec_add(now, SERVER_UNSENT);
    address_format(remote, text, sizeof text);
    log_say(QHCP_LOG_WARNING, "answers to %s do not leave this machine: %s", text,
            unsent_words(error));
}

static qhcp_nsec core_deadline(void *ctx)
{
    const struct server *s = ctx;

    if (s->stopping && qhcp_server_stopped(s->core)) /* with what has just been sent */
        return 0;
    return qhcp_server_deadline(s->core);
}

static void core_expire(void *ctx, qhcp_nsec now)
{
    qhcp_server_expire(((struct server *)ctx)->core, now);
}

/* The first results of checks, and the first figures. */
static bool awaited(struct server *s, qhcp_nsec now)
{
    return checks_awaited(&s->checks, now) || !qhcp_server_measured(s->core);
}

/* From now on it answers. */
static void say_ready(struct server *s)
{
    char text[ADDRESS_TEXT], status[100];

    address_format(&s->bound, text, sizeof text);
    snprintf(status, sizeof status, "listening on UDP %s", text);
    log_say(QHCP_LOG_INFO, "%s", status);
    service_ready(&s->service, s->loop, status);
    expose_open(&s->expose);
    agent_open(&s->agent);
}

static void core_turn(void *ctx, qhcp_nsec now)
{
    struct server *s = ctx;

    if (s->silent && !awaited(s, now)) {
        s->silent = false;
        loop_hold(s->loop, false);
        say_ready(s);
    }
    if (s->stopping && qhcp_server_stopped(s->core))
        loop_stop(s->loop);
}

/* Certificates and keys. */
static int read_again(void *ctx, char *words, size_t words_cap)
{
    struct server *s = ctx;

    expose_renew(&s->expose);
    return qhcp_server_reload(s->core, loop_now(), words, words_cap);
}

int server_live_log(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    const struct server *s = ctx;

    (void)before, (void)words, (void)words_cap;
    log_level((enum qhcp_log_level)s->options.log_level);
    log_form((enum log_format)s->options.log_format);
    return 0;
}

static void on_signal(void *ctx, qhcp_nsec now, int signum)
{
    struct server *s = ctx;
    qhcp_nsec timeout = s->options.drain_timeout;
    char reason[32];

    if (log_part_signal(signum))
        return;
    if (!s->stopping && reload_wanted(&s->reload, signum)) {
        if (reload(&s->reload, now)) {
            log_say(QHCP_LOG_INFO, "configuration, certificates and keys read again");
            service_reloaded(&s->service, "serving");
        }
        return;
    }
    snprintf(reason, sizeof reason, "SIG%s", sigabbrev_np(signum));
    if (s->stopping) {
        log_say(QHCP_LOG_WARNING, "%s again: exiting at once", reason);
        loop_stop(s->loop);
        return;
    }
    s->stopping = s->control.stopping = true;
    log_say(QHCP_LOG_INFO, "%s: draining; telling %zu load balancer%s", reason,
            TEXT_COUNT(qhcp_server_sessions(s->core)));
    service_stopping("draining");
    qhcp_server_stop(s->core, now, timeout, reason);
}

static int start_core(struct server *s, const union qhcp_addr *bound, char *words, size_t words_cap)
{
    const struct server_options *o = &s->options;
    const struct list *services = &o->service;
    const char *names[LIMIT_SERVICES];
    char ip[INET6_ADDRSTRLEN] = "";
    struct qhcp_server_config config = {
        .id = o->id,
        .address = ip,
        .port = ntohs(bound->in.sin_port), /* at the same place in both families */
        .key_file = o->key_file,
        .cert_file = o->cert_file,
        .keys_file = o->keys_file,
        .client_ca_file = o->client_ca,
        .services = names,
        .n_services = services->n,
        .ctx = s,
        .wall_clock = clock_unix,
        .log = log_callback,
    };

    address_ip(bound, ip);
    for (size_t i = 0; i < services->n; i++)
        names[i] = services->at[i];
    return qhcp_server_new(&config, loop_now(), &s->core, words, words_cap);
}

/* What the operator wanted of the process before, which ended without a word. */
static void restore_intent(struct server *s)
{
    enum qhcp_status status;
    char reason[QHCP_TEXT];

    if (!intent_take(s->control.path, &status, reason))
        return;
    log_say(QHCP_LOG_WARNING, "still %s, as before the crash of the last process: %s",
            status == QHCP_STATUS_MAINTENANCE ? "in maintenance" : "draining", reason);
    qhcp_server_set_status(s->core, loop_now(), status, reason);
}

/* A socket that was not asked for by name is no reason not to serve. */
static int start_control(struct server *s, char *words, size_t words_cap)
{
    const char *wanted = s->options.control;
    char path[CONTROL_PATH], why[SERVER_WORDS / 2];
    int r = control_socket_path(wanted, s->options.port, path, why, sizeof why);

    if (r == 0)
        r = control_socket_init(&s->control, path, s->core, s->loop, why, sizeof why);
    if (r == 0)
        restore_intent(s);
    if (r < 0 && !wanted) {
        log_say(QHCP_LOG_WARNING, "qhcp control cannot reach this server: %s", why);
        return 0;
    }
    if (r < 0)
        snprintf(words, words_cap, "--control: %s", why);
    return r;
}

/* Load balancers learn at the beginning of a session which metrics there are. */
static int declare_metrics(struct server *s, char *words, size_t words_cap)
{
    const struct list *names = &s->options.metrics;

    for (size_t i = 0; i < names->n; i++) {
        int r = qhcp_server_set_metric(s->core, names->at[i], application_unit(names->at[i]), 0);

        if (r < 0) {
            snprintf(
                words, words_cap, "--metrics: %.80s: %s", names->at[i],
                r == QHCP_E_FULL
                    ? "too many metrics"
                    : "not a metric's name (a-z, 0-9, _), or one that the server measures itself");
            return r;
        }
    }
    return 0;
}

static int listen_all(struct server *s, const struct list *places, const char *option,
                      bool pages_only, char *words, size_t words_cap)
{
    int r = 0;

    for (size_t i = 0; i < places->n && r == 0; i++)
        r = expose_listen(&s->expose, places->at[i], option, pages_only, words, words_cap);
    return r;
}

/* For others than load balancers of QHCP, where that is asked for. */
static int start_expose(struct server *s, char *words, size_t words_cap)
{
    const struct server_options *o = &s->options;
    const struct expose_config config = {.loop = s->loop,
                                         .core = s->core,
                                         .id = qhcp_server_id(s->core),
                                         .version = BASE_VERSION,
                                         .cert_file = o->cert_file,
                                         .key_file = o->key_file,
                                         .services = (const char *const *)o->service.at,
                                         .n_services = o->service.n,
                                         .insecure = o->http_insecure};
    int r;

    if (o->http_listen.n + o->metrics_listen.n == 0)
        return 0;
    r = expose_init(&s->expose, &config, words, words_cap);
    if (r == 0)
        r = listen_all(s, &o->http_listen, "--http-listen", false, words, words_cap);
    if (r == 0)
        r = listen_all(s, &o->metrics_listen, "--metrics-listen", true, words, words_cap);
    return r;
}

static int start_doors(struct server *s, char *words, size_t words_cap)
{
    int r = start_control(s, words, words_cap);

    if (r == 0)
        r = start_expose(s, words, words_cap);
    if (r == 0 && s->options.haproxy_agent)
        r = agent_begin(&s->agent, s->loop, s->core, s->options.haproxy_agent, words, words_cap);
    return r;
}

/* Whoever comes to --http-listen takes no descriptor from the checks. */
static size_t descriptors(const struct server_options *o)
{
    size_t doors = o->http_listen.n + o->metrics_listen.n;

    return SERVER_DESCRIPTORS + (o->haproxy_agent ? RESPONDER_WAITING + 1 : 0) +
           (doors > 0 ? doors + EXPOSE_CONNS : 0);
}

static int start(struct server *s, char *words, size_t words_cap)
{
    const struct loop_client client = {.ctx = s,
                                       .receive = on_receive,
                                       .send = on_send,
                                       .flooded = listen_flooded,
                                       .unreachable = on_unreachable,
                                       .signal = on_signal};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    uint16_t port = s->options.port;
    union qhcp_addr addr;
    struct activated given;
    size_t n_given;
    int r = activated_take(&given, words, words_cap);

    if (r == 0)
        r = needs_descriptors(descriptors(&s->options), words, words_cap);
    if (r < 0)
        return r;
    needs_memory(SERVER_MEMORY, SERVER_WATCHERS);
    r = loop_new(&client, &s->loop);
    if (r < 0) {
        snprintf(words, words_cap, "cannot start: %s", qhcp_strerror(r));
        return r;
    }
    log_part_begin(&s->log, s->loop);
    s->part = (struct loop_part){.name = "core",
                                 .ctx = s,
                                 .deadline = core_deadline,
                                 .expire = core_expire,
                                 .turn = core_turn};
    loop_add(s->loop, &s->part);
    r = activated_udp(&given, s->loop, port, &n_given, &s->bound, words, words_cap);
    if (r == 0)
        r = address_parse_ip(s->options.ip, port, &addr, words, words_cap);
    if (r == 0 && n_given == 0)
        r = listen_one(s->loop, &addr, &s->bound, words, words_cap);
    if (r == 0)
        r = start_core(s, &s->bound, words, words_cap);
    if (r == 0) {
        needs_room(s->loop, SERVER_WATCHERS);
        listen_steer(s->loop, qhcp_server_steering(s->core));
        r = declare_metrics(s, words, words_cap);
    }
    if (r == 0)
        r = checks_init(&s->checks, &s->options, s->core, s->loop, words, words_cap);
    if (r == 0)
        r = start_doors(s, words, words_cap);
    s->silent = r == 0 && awaited(s, loop_now());
    if (s->silent)
        loop_hold(s->loop, true);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0] && r == 0; i++)
        if ((r = loop_catch(s->loop, signals[i])) < 0)
            snprintf(words, words_cap, "cannot catch signals: %s", strerror(errno));
    if (r < 0)
        return r;
    if (!s->silent)
        say_ready(s);
    return 0;
}

int daemon_server(int argc, char **argv)
{
    struct server s = {.reload = {.spec = &daemon_server_spec,
                                  .argc = argc,
                                  .argv = argv,
                                  .options = &s.options.head,
                                  .service = &s.service,
                                  .ctx = &s,
                                  .again = read_again}};
    char words[SERVER_WORDS] = "cannot start: out of memory";
    int r;

    args_parse(&daemon_server_spec, argc, argv, &s.options.head, NULL);
    log_init((enum qhcp_log_level)s.options.log_level, (enum log_format)s.options.log_format);
    r = start(&s, words, sizeof words);
    if (r == 0)
        loop_run(s.loop);
    else
        fprintf(stderr, "%s: %s\n", daemon_server_spec.name, words);
    if (r == 0) {
        intent_drop(s.control.path);
        log_say(QHCP_LOG_INFO, "stopped");
    }
    service_deinit(&s.service);
    log_part_end(&s.log);
    expose_deinit(&s.expose);
    agent_end(&s.agent);
    control_socket_deinit(&s.control);
    checks_deinit(&s.checks);
    loop_remove(&s.part);
    qhcp_server_free(s.core);
    loop_free(s.loop);
    log_deinit();
    options_deinit(&s.options.head);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
