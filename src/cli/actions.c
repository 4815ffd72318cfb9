/* `qhcp drain`, `undrain`, `maintenance`, `weight`, `algorithm` and `reload`: what an operator
 * wants of a running load balancer.  (`qhcp control drain` is another thing: the word of a server
 * to all of its load balancers.) */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "balance/algorithms.h"
#include "base/os/clock.h"
#include "base/value.h"
#include "cli/admin_client.h"
#include "cli/cli.h"

#include <qhcp/error.h>

#define ACT_WORDS 700
#define WEIGHT_MOST 1000
#define REASON_MOST 199 /* bytes, as the admin interface has it */

#define PLAIN_OPTIONS(X)                                                                           \
    ADMIN_CLIENT_OPTIONS(X)                                                                        \
    X(reason, "reason", TEXT, .arg = "WORDS", .min = 1, .max = REASON_MOST,                        \
      .doc = "Why: it is shown with the server, in events and in the log.")

#define LASTING_OPTIONS(X)                                                                         \
    PLAIN_OPTIONS(X)                                                                               \
    X(lasts, "for", DURATION, .min = NSEC_PER_SEC, .max = 366 * OPTIONS_DAY,                       \
      .doc = "End it by itself after so long.")

struct plain_options {
    struct options head;
    PLAIN_OPTIONS(OPTIONS_MEMBER)
};

struct lasting_options {
    struct options head;
    LASTING_OPTIONS(OPTIONS_MEMBER)
};

#define PLAIN_ROW(...) OPTIONS_ROW(struct plain_options, __VA_ARGS__)
static const struct options_row plain_rows[] = {PLAIN_OPTIONS(PLAIN_ROW)};
#define LASTING_ROW(...) OPTIONS_ROW(struct lasting_options, __VA_ARGS__)
static const struct options_row lasting_rows[] = {LASTING_OPTIONS(LASTING_ROW)};

static const struct options_table plain_table = {
    .rows = plain_rows,
    .n = sizeof plain_rows / sizeof plain_rows[0],
    .size = sizeof(struct plain_options),
};
static const struct options_table lasting_table = {
    .rows = lasting_rows,
    .n = sizeof lasting_rows / sizeof lasting_rows[0],
    .size = sizeof(struct lasting_options),
};

#define AS_LONG                                                                                    \
    " It lasts until it is taken back, its time is over, or the load balancer ends. On the "       \
    "server's own machine, qhcp control tells every load balancer."

const struct args_spec cli_drain_spec = {
    .options = &lasting_table,
    .name = "qhcp drain",
    .doc = "Have a running load balancer of this machine give a server no new traffic, while what "
           "is open goes on." AS_LONG,
    .positional = "SERVER",
    .operands = 1,
    .usage_status = ARGS_USAGE,
};

const struct args_spec cli_maintenance_spec = {
    .options = &lasting_table,
    .name = "qhcp maintenance",
    .doc = "Have a running load balancer of this machine give a server no new traffic, and show it "
           "as in maintenance, whether it answers or not." AS_LONG,
    .positional = "SERVER",
    .operands = 1,
    .usage_status = ARGS_USAGE,
};

const struct args_spec cli_undrain_spec = {
    .options = &plain_table,
    .name = "qhcp undrain",
    .doc = "Have a running load balancer of this machine use a server again: the end of qhcp drain "
           "and of qhcp maintenance.",
    .positional = "SERVER",
    .operands = 1,
    .usage_status = ARGS_USAGE,
};

const struct args_spec cli_weight_spec = {
    .options = &plain_table,
    .name = "qhcp weight",
    .doc = "Have a running load balancer of this machine give a server another weight, until it "
           "reads its list of servers again.",
    .positional = "SERVER WEIGHT",
    .operands = 2,
    .usage_status = ARGS_USAGE,
};

const struct args_spec cli_algorithm_spec = {
    .options = &plain_table,
    .name = "qhcp algorithm",
    .doc = "Have a running load balancer of this machine pick servers for new connections by "
           "another algorithm, as with --balance, until it reads its configuration again.",
    .positional = "NAME",
    .choices = BALANCE_NAMES,
    .operands = 1,
    .usage_status = ARGS_USAGE,
};

const struct args_spec cli_reload_spec = {
    .options = &plain_table,
    .name = "qhcp reload",
    .doc =
        "Have a running load balancer of this machine read its configuration file and its "
        "list of servers again, as after SIGHUP. If something in them is wrong, nothing changes, "
        "and each error is printed.",
    .usage_status = ARGS_USAGE,
};

/* What is wanted: of the options, whichever table they are of. */
struct act {
    const struct args_spec *spec;
    const char *verb;      /* of the admin interface */
    const char *server;    /* NULL: of all */
    const char *algorithm; /* NULL: none */
    const char *reason;    /* NULL: none */
    qhcp_nsec lasts;       /* 0: no end */
    bool weighs;
    uint64_t weight; /* if it does */
};

/* NULL: out of memory. */
static json_t *make_body(const struct act *a)
{
    json_t *body = json_object();
    char lasts[32];
    bool well = body != NULL;

    value_duration_text(a->lasts, lasts, sizeof lasts);
    if (a->reason)
        well = well && json_object_set_new(body, "reason", json_string(a->reason)) == 0;
    if (a->algorithm)
        well = well && json_object_set_new(body, "algorithm", json_string(a->algorithm)) == 0;
    if (a->lasts > 0)
        well = well && json_object_set_new(body, "for", json_string(lasts)) == 0;
    if (a->weighs)
        well =
            well && json_object_set_new(body, "weight", json_integer((json_int_t)a->weight)) == 0;
    if (well)
        return body;
    json_decref(body);
    return NULL;
}

/* ---- what is in force now ---- */

static void add_member(struct text *t, const char *before, const json_t *object, const char *name)
{
    const char *value = admin_client_text(object, name);

    if (value[0] == '\0')
        return;
    text_add(t, before);
    text_plain(t, value);
}

static void add_intent(struct text *t, const json_t *intent)
{
    int64_t until = admin_client_time(admin_client_text(intent, "until"));
    char time[CLOCK_TEXT];

    text_add(t, "  wanted: ");
    if (strcmp(admin_client_text(intent, "use"), "in_use") == 0)
        text_add(t, "in use");
    else
        text_plain(t, admin_client_text(intent, "use"));
    text_printf(t, ", weight %" JSON_INTEGER_FORMAT,
                json_integer_value(json_object_get(intent, "weight")));
    if (until >= 0)
        text_printf(t, ", until %s", clock_local(until, time));
    add_member(t, ", by ", intent, "who");
    add_member(t, ": ", intent, "reason");
    text_add(t, "\n");
}

static void add_server(struct text *t, const json_t *server)
{
    const json_t *forward = json_object_get(server, "forward");
    json_int_t open = json_integer_value(json_object_get(forward, "in_flight"));

    add_member(t, "", server, "name");
    add_member(t,
               strcmp(admin_client_text(server, "state"), "maintenance") == 0 ? " is in " : " is ",
               server, "state");
    add_member(t, ": ", server, "reason");
    text_add(t, "\n");
    add_intent(t, json_object_get(server, "intent"));
    text_printf(t, "  now: %" JSON_INTEGER_FORMAT " %% of its weight",
                json_integer_value(json_object_get(server, "share")) / 10);
    if (json_is_object(forward))
        text_printf(t, ", %" JSON_INTEGER_FORMAT " connection%s open", open, open == 1 ? "" : "s");
    text_add(t, "\n");
}

static int print(const struct act *a, const json_t *answer, const struct words *w)
{
    struct text t = {0};
    int r = 0;

    if (a->server) {
        add_server(&t, answer);
    } else {
        text_add(&t, a->algorithm ? "" : "reloaded: ");
        add_member(&t, "", answer, "done");
        add_member(&t, "\n", answer, "note");
        text_add(&t, "\n");
    }
    if (t.failed || fwrite(t.at, 1, t.n, stdout) != t.n || fflush(stdout) == EOF)
        r = words_fail(w, QHCP_E_IO, "it is done, but standard output cannot be written");
    text_deinit(&t);
    return r;
}

/* ---- doing it ---- */

/* What is wrong with the configuration, a line for each fault, as editors want it. */
static void print_faults(const json_t *answer)
{
    const json_t *faults = json_object_get(json_object_get(answer, "error"), "faults");
    struct text t = {0};

    for (size_t i = 0; i < json_array_size(faults); i++) {
        text_plain(&t, admin_client_text(json_array_get(faults, i), "message"));
        text_add(&t, "\n");
    }
    if (t.n > 0 && !t.failed)
        fputs(t.at, stderr);
    text_deinit(&t);
}

/* *answer is valid in each case. */
static int ask(const struct act *a, const struct admin_client *c, struct admin_answer *answer,
               const struct words *w)
{
    json_t *body = make_body(a);
    struct text path = {0};
    int r;

    if (a->server) {
        admin_client_path(&path, "/api/v1/servers/", a->server, "/");
        text_add(&path, a->verb);
    } else {
        text_printf(&path, "/api/v1/%s", a->verb);
    }
    if (!body || path.failed)
        r = words_fail(w, QHCP_E_NOMEM, "out of memory");
    else
        r = admin_client_ask(c, path.at, body, answer, w);
    if (r == 0)
        r = print(a, answer->json, w);
    text_deinit(&path);
    json_decref(body);
    return r;
}

static int run(const struct act *a, const char *path, uint16_t port)
{
    char words[ACT_WORDS] = "";
    const struct words w = {words, sizeof words};
    struct admin_answer answer = {.status = 0};
    struct admin_client c;
    int r = admin_client_find(&c, path, port, &w);

    if (r == 0)
        r = ask(a, &c, &answer, &w);
    if (r != 0)
        fprintf(stderr, "%s: %s\n", a->spec->name, words);
    print_faults(answer.json);
    admin_client_release(&answer);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}

static int run_lasting(struct act a, int argc, char **argv)
{
    struct lasting_options o;
    int status;

    args_parse(a.spec, argc, argv, &o.head, &a.server);
    a.reason = o.reason;
    a.lasts = o.lasts;
    status = run(&a, o.admin_socket, o.port);
    options_deinit(&o.head);
    return status;
}

static int run_plain(struct act a, int argc, char **argv)
{
    struct plain_options o;
    int status;

    args_parse(a.spec, argc, argv, &o.head, a.spec->operands > 0 ? &a.server : NULL);
    a.reason = o.reason;
    status = run(&a, o.admin_socket, o.port);
    options_deinit(&o.head);
    return status;
}

int cli_drain(int argc, char **argv)
{
    return run_lasting((struct act){.spec = &cli_drain_spec, .verb = "drain"}, argc, argv);
}

int cli_maintenance(int argc, char **argv)
{
    return run_lasting((struct act){.spec = &cli_maintenance_spec, .verb = "maintenance"}, argc,
                       argv);
}

int cli_undrain(int argc, char **argv)
{
    return run_plain((struct act){.spec = &cli_undrain_spec, .verb = "undrain"}, argc, argv);
}

int cli_reload(int argc, char **argv)
{
    return run_plain((struct act){.spec = &cli_reload_spec, .verb = "reload"}, argc, argv);
}

int cli_algorithm(int argc, char **argv)
{
    struct act a = {.spec = &cli_algorithm_spec, .verb = "algorithm"};
    struct plain_options o;
    int status;

    args_parse(a.spec, argc, argv, &o.head, &a.algorithm);
    a.reason = o.reason;
    status = run(&a, o.admin_socket, o.port);
    options_deinit(&o.head);
    return status;
}

int cli_weight(int argc, char **argv)
{
    struct act a = {.spec = &cli_weight_spec, .verb = "weight", .weighs = true};
    char words[ACT_WORDS] = "WEIGHT is missing: qhcp weight SERVER WEIGHT";
    const char *operands[2];
    struct plain_options o;
    int status = ARGS_USAGE;

    args_parse(a.spec, argc, argv, &o.head, operands);
    a.server = operands[0];
    a.reason = o.reason;
    if (operands[1] &&
        value_count(operands[1], "WEIGHT", 0, WEIGHT_MOST, &a.weight, words, sizeof words) == 0)
        status = run(&a, o.admin_socket, o.port);
    else
        args_refuse(a.spec, words);
    options_deinit(&o.head);
    return status;
}
