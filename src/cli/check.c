/* `qhcp check`: one server, one verdict, one line, an exit status. */
#include "cli/check_line.h"

#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "base/value.h"
#include "cli/check_options.h"
#include "cli/check_rules.h"
#include "cli/cli.h"
#include "daemon/listen.h"
#include "loop/loop.h"
#include "loop/resolve.h"
#include "state/state.h"

#define CHECK_WORDS 700

#define CHECK_FIGURES NSEC_PER_SEC /* how long they are waited for: a check and its repetition */

const struct args_spec cli_check_spec = {
    .options = &check_options_table,
    .name = "qhcp check",
    .doc = "Make one health check of one server. Exit status: 0 up, 1 degraded, draining or in "
           "maintenance, 2 down, 3 unknown (wrong usage, or no trust).",
    .positional = "HOST:PORT",
    .operands = 1,
    .optional = true,
    .usage_status = CHECK_LINE_UNKNOWN,
    .plugin = "QHCP UNKNOWN - ",
};

struct check {
    struct check_options options;
    char address[QHCP_TEXT];
    struct qhcp_lb *core;
    struct loop *loop;
    struct loop_part part; /* the core's */
    struct resolve *resolve;
    qhcp_nsec give_up; /* when no verdict means down */
    qhcp_nsec figures; /* until when they are waited for, once the state is known */
    bool done;         /* there is one: what is left is to take leave */
    bool unresolved;   /* a matter of this machine, not of the server */
    struct check_rules rules;
    struct qhcp_view view;
};

static void on_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct check *c = ctx;

    qhcp_lb_receive(c->core, now, packets, n);
}

static size_t on_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct check *c = ctx;

    return qhcp_lb_send(c->core, now, packets, n);
}

static void on_unreachable(void *ctx, qhcp_nsec now, const union qhcp_addr *remote, int error,
                           const uint8_t *quoted, size_t quoted_len)
{
    struct check *c = ctx;

    qhcp_lb_unreachable(c->core, now, remote, error, quoted, quoted_len);
}

static qhcp_nsec core_deadline(void *ctx)
{
    const struct check *c = ctx;

    if (c->done && qhcp_lb_stopped(c->core)) /* with what has just been sent */
        return 0;
    return nsec_min(qhcp_lb_deadline(c->core),
                    c->done ? NSEC_NEVER : nsec_min(c->give_up, c->figures));
}

static void core_expire(void *ctx, qhcp_nsec now)
{
    struct check *c = ctx;

    if (qhcp_lb_deadline(c->core) <= now)
        qhcp_lb_expire(c->core, now);
}

/* The view when time is up: whatever is known of the reason goes along. */
static void no_verdict(struct check *c)
{
    char limit[32], why[QHCP_TEXT];

    value_duration_text(c->options.timeout, limit, sizeof limit);
    snprintf(why, sizeof why, "%s", c->view.reason);
    snprintf(c->view.reason, sizeof c->view.reason, "no answer within %s%s%.200s", limit,
             why[0] != '\0' ? ": " : "", why);
    c->view.state = QHCP_DOWN;
    c->view.n_values = 0;
}

/* A state that the server told by itself comes before the answer, which has its figures. */
static bool awaits_figures(struct check *c, qhcp_nsec now)
{
    if (c->view.state == QHCP_DOWN || c->view.reports > 0)
        return false;
    if (c->figures == NSEC_NEVER)
        c->figures = nsec_add(now, CHECK_FIGURES);
    return now < c->figures;
}

static void core_turn(void *ctx, qhcp_nsec now)
{
    struct check *c = ctx;

    if (!c->done) {
        if (qhcp_lb_view(c->core, 0, &c->view) < 0)
            return;
        if (now < c->give_up && (c->view.state == QHCP_CONNECTING || awaits_figures(c, now)))
            return;
        if (c->view.state == QHCP_CONNECTING)
            no_verdict(c);
        c->done = true;
        qhcp_lb_stop(c->core, now);
    }
    if (qhcp_lb_stopped(c->core))
        loop_stop(c->loop);
}

static void on_signal(void *ctx, qhcp_nsec now, int signum)
{
    struct check *c = ctx;

    (void)signum;
    c->give_up = now;
}

static void on_resolved(void *ctx, const struct resolve_answer *answer)
{
    struct check *c = ctx;

    c->unresolved = answer->n == 0;
    qhcp_lb_resolved(c->core, loop_now(), answer->index, answer->addrs, answer->n, answer->words);
}

static void on_resolve(void *ctx, size_t id, const char *host, uint16_t port)
{
    struct check *c = ctx;

    if (resolve_start(c->resolve, id, host, port) < 0)
        qhcp_lb_resolved(c->core, loop_now(), id, NULL, 0, "cannot resolve: out of memory");
}

static int start_core(struct check *c, char *words, size_t words_cap)
{
    char names[LIMIT_METRICS - 2][LIMIT_NAME + 1];
    const char *metrics[LIMIT_METRICS - 2];
    size_t n = check_rules_metrics(&c->rules, names, LIMIT_METRICS - 2);
    const struct check_options *o = &c->options;
    const struct qhcp_lb_config config = {
        .liveness_interval = NSEC_PER_SEC,
        .cert_file = o->cert_file,
        .client_cert_file = o->client_cert,
        .client_key_file = o->client_key,
        .token_file = o->token_file,
        .insecure = o->insecure,
        .once = true,
        .metrics = metrics,
        .n_metrics = n,
        .ctx = c,
        .wall_clock = clock_unix,
        .resolve = on_resolve,
        .log = log_callback,
    };
    int r;

    for (size_t i = 0; i < n; i++)
        metrics[i] = names[i];
    r = qhcp_lb_new(&config, loop_now(), &c->core, words, words_cap);
    return r == 0 ? qhcp_lb_add(c->core, loop_now(), c->address, words, words_cap) : r;
}

static int start(struct check *c, char *words, size_t words_cap)
{
    const struct loop_client client = {.ctx = c,
                                       .receive = on_receive,
                                       .send = on_send,
                                       .unreachable = on_unreachable,
                                       .signal = on_signal};
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    bool own_files = c->options.token_file || c->options.client_key;
    int r = own_files ? 0 : state_as_owner(words, words_cap);

    if (r < 0)
        return r;
    r = loop_new(&client, &c->loop);
    if (r == 0)
        r = resolve_new(c->loop, on_resolved, c, &c->resolve);
    if (r < 0) {
        snprintf(words, words_cap, "cannot start: %s", qhcp_strerror(r));
        return r;
    }
    c->part = (struct loop_part){.name = "core",
                                 .ctx = c,
                                 .deadline = core_deadline,
                                 .expire = core_expire,
                                 .turn = core_turn};
    loop_add(c->loop, &c->part);
    r = listen_any(c->loop, c->options.source_port, words, words_cap);
    if (r == 0)
        r = start_core(c, words, words_cap);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0] && r == 0; i++)
        r = loop_catch(c->loop, signals[i]);
    c->give_up = nsec_add(loop_now(), c->options.timeout);
    c->figures = NSEC_NEVER;
    return r;
}

/* HOST:PORT, or --hostname and --port, which is put together to the same. */
static void take_address(struct check *c, const struct args_spec *spec, const char *positional)
{
    const char *host = c->options.hostname, *wrong = NULL;
    bool six = host && strchr(host, ':') && host[0] != '[';

    if (!host && !positional)
        wrong = "HOST:PORT is missing";
    else if (host && positional)
        wrong = "give HOST:PORT or --hostname, not both";
    else if (!host && options_given(&c->options.head, &c->options.port))
        wrong = "--port goes with --hostname; HOST:PORT has one already";
    else if (c->options.alive && c->options.weight_exit)
        wrong = "--alive and --weight-exit exclude each other";
    if (wrong) {
        args_refuse(spec, wrong);
        exit(spec->usage_status);
    }
    if (positional)
        snprintf(c->address, sizeof c->address, "%s", positional);
    else
        snprintf(c->address, sizeof c->address, "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "",
                 c->options.port);
}

/* What the view, and then the rules, say of the server. */
static enum check_line_status judge(struct check *c, char *said, size_t said_cap)
{
    enum check_line_status status = check_line_verdict(&c->view, c->options.alive);
    enum check_line_status ruled = CHECK_LINE_OK;

    said[0] = '\0';
    if (status == CHECK_LINE_CRITICAL && c->unresolved)
        return CHECK_LINE_UNKNOWN;
    if (status == CHECK_LINE_OK || status == CHECK_LINE_WARNING)
        ruled = check_rules_judge(&c->rules, &c->view, said, said_cap);
    return ruled > status ? ruled : status;
}

static enum check_line_status run(struct check *c, char *line, size_t line_cap)
{
    bool insecure = c->options.insecure;
    enum check_line_status status;
    char said[CHECK_WORDS];

    if (insecure)
        log_say(QHCP_LOG_ERROR, "--insecure: the server's certificate is NOT verified");
    loop_run(c->loop);
    c->rules.wall = clock_unix(NULL);
    status = judge(c, said, sizeof said);
    if (insecure)
        snprintf(c->view.notice, sizeof c->view.notice,
                 "the certificate was NOT verified (--insecure)");
    check_line_text(&c->view, status, said, &c->rules, line, line_cap);
    return status;
}

/* A command line that is wrong must not exit with what keepalived takes for a weight. */
static struct args_spec spec_for(int argc, char **argv)
{
    struct args_spec spec = cli_check_spec;

    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--we", 4) == 0) /* a misspelled one too */
            spec.usage_status = CHECK_LINE_FAIL;
    return spec;
}

int cli_check(int argc, char **argv)
{
    const struct args_spec spec = spec_for(argc, argv);
    struct check c = {.done = false};
    char words[CHECK_WORDS] = "cannot start: out of memory", line[3 * CHECK_WORDS];
    enum check_line_status status = CHECK_LINE_UNKNOWN;
    const char *positional;
    int ret;

    args_parse(&spec, argc, argv, &c.options.head, &positional);
    take_address(&c, &spec, positional);
    c.rules = (struct check_rules){.warning = &c.options.warning, .critical = &c.options.critical};
    log_init((enum qhcp_log_level)c.options.log_level, LOG_AUTO);
    if (start(&c, words, sizeof words) == 0)
        status = run(&c, line, sizeof line);
    else
        snprintf(line, sizeof line, "QHCP UNKNOWN - %s\n", words);
    if (fputs(line, stdout) == EOF || fflush(stdout) == EOF)
        fprintf(stderr, "qhcp check: standard output: %s", line);
    clearerr(stdout); /* it has been told, and the status is the verdict's */
    __fpurge(stdout);
    resolve_free(c.resolve);
    loop_remove(&c.part);
    qhcp_lb_free(c.core);
    loop_free(c.loop);
    log_deinit();
    ret = c.options.weight_exit ? check_line_weight(&c.view, status) : (int)status;
    options_deinit(&c.options.head);
    return ret;
}
