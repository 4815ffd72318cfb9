/* `qhcp control`: the operator's word to a running `qhcp server` of this machine. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "admin/control_socket.h"
#include "base/value.h"
#include "cli/cli.h"
#include "cli/drain.h"
#include "daemon/shared_options.h"
#include "metrics/application.h"

#define CONTROL_WORDS 700
#define CONTROL_WAIT 5 /* seconds for an answer */
#define CONTROL_ANSWER 65536

#define CONTROL_OPTIONS(X)                                                                         \
    SHARED_CONTROL(X)                                                                              \
    X(port, "port", PORT, .def = "4243",                                                           \
      .doc = "The server's UDP port, which is in the default name of the socket.")                 \
    X(reason, "reason", TEXT, .arg = "WORDS", .min = 1, .max = 200,                                \
      .doc = "A reason that load balancers show with the state.")                                  \
    X(wait, "wait", DURATION, .max = OPTIONS_DAY,                                                  \
      .doc = "Wait so long at most until every load balancer has acknowledged, and none of its "   \
             "connections is open; for drain and maintenance.")                                    \
    X(metric, "metric", ITEM, .arg = "NAME=VALUE", .max = 16, .check = check_value,                \
      .doc = "A value of the application's own, for report. Repeatable.")

struct control_options {
    struct options head;
    CONTROL_OPTIONS(OPTIONS_MEMBER)
};

static int check_value(const char *text, char *words, size_t words_cap)
{
    struct application_value ignored;

    return application_parse(text, &ignored, words, words_cap);
}

#define ROW(...) OPTIONS_ROW(struct control_options, __VA_ARGS__)
static const struct options_row rows[] = {CONTROL_OPTIONS(ROW)};

static const struct options_table control_options_table =
    OPTIONS_TABLE(struct control_options, NULL);

const struct args_spec cli_control_spec = {
    .options = &control_options_table,
    .name = "qhcp control",
    .doc =
        "Drain the qhcp server of this machine, set it to maintenance or back to serving, report "
        "the application's own metrics, or show its status. Load balancers learn it at once. It "
        "lasts until the server is stopped.",
    .positional = "drain|undrain|maintenance|serving|report|show",
    .operands = 1,
    .usage_status = ARGS_USAGE,
};

/* Is the verb one, and do the options go with it? */
static int check_verb(const struct control_options *o, const char *verb, char *words,
                      size_t words_cap)
{
    bool values = o->metric.n > 0, reason = o->reason != NULL, wait = o->wait > 0;
    static const char *const known[] = {"drain",   "maintenance", "undrain",
                                        "serving", "report",      "show"};
    char quote[VALUE_QUOTE + 8];

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], verb) != 0)
            continue;
        if (values != (strcmp(verb, "report") == 0)) {
            snprintf(
                words, words_cap,
                "--metric goes with report: qhcp control report --metric requests_in_flight=12");
            return QHCP_E_ARG;
        }
        if ((!reason && !wait) || i < 2)
            return 0;
        snprintf(words, words_cap, "--%s goes with drain and maintenance, not with %s",
                 reason ? "reason" : "wait", verb);
        return QHCP_E_ARG;
    }
    snprintf(words, words_cap,
             "%s is not a command of qhcp control: use drain, undrain, maintenance, serving, "
             "report or show",
             value_quote(verb, quote));
    return QHCP_E_ARG;
}

static int dial(const char *path, int *ret, char *words, size_t words_cap)
{
    const struct timeval wait = {.tv_sec = CONTROL_WAIT};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

    memcpy(at.sun_path, path, strlen(path) + 1);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        error = errno;
        snprintf(words, words_cap, "%s: %s", path,
                 error == ENOENT || error == ECONNREFUSED
                     ? "no server runs there (choose another with --port or --control)"
                     : strerror(error));
        if (fd >= 0)
            close(fd);
        return QHCP_E_NOT_FOUND;
    }
    *ret = fd;
    return 0;
}

/* Asks one line: 0 with what came, or QHCP_E_* with words. */
static int converse(const char *path, const char *line, size_t n, char *ret, size_t cap,
                    char *words, size_t words_cap)
{
    char answer[CONTROL_ANSWER];
    size_t have = 0;
    ssize_t r = 1;
    int fd, error = dial(path, &fd, words, words_cap);

    if (error < 0)
        return error;
    (void)!send(fd, line, n, MSG_NOSIGNAL); /* who is refused unheard is told why anyway */
    while (r > 0 && have < sizeof answer - 1) {
        r = recv(fd, answer + have, sizeof answer - 1 - have, 0);
        have += r > 0 ? (size_t)r : 0;
    }
    close(fd);
    answer[have] = '\0';
    if (strncmp(answer, "ok\n", 3) == 0 && r == 0) {
        snprintf(ret, cap, "%s", answer + 3);
        return 0;
    }
    if (strncmp(answer, "error: ", 7) == 0)
        snprintf(words, words_cap, "refused: %.*s", (int)strcspn(answer + 7, "\n"), answer + 7);
    else
        snprintf(words, words_cap, "the server did not answer within %d s", CONTROL_WAIT);
    return QHCP_E_IO;
}

/* "VERB", "VERB REASON" or "report NAME=VALUE ..."; its bytes, or QHCP_E_FULL. */
static int make_line(const struct control_options *o, const char *verb, char *ret, size_t cap)
{
    size_t n = (size_t)snprintf(ret, cap, "%s%s%s", verb, o->reason ? " " : "",
                                o->reason ? o->reason : "");

    for (size_t i = 0; i < o->metric.n && n < cap; i++)
        n += (size_t)snprintf(ret + n, cap - n, " %s", o->metric.at[i]);
    if (n + 1 >= cap)
        return QHCP_E_FULL;
    ret[n] = '\n';
    return (int)n + 1;
}

/* How far is the drain?  For drain_wait. */
static int ask_drained(void *ctx, char *ret, size_t cap, char *words, size_t words_cap)
{
    return converse(ctx, "drained\n", sizeof "drained\n" - 1, ret, cap, words, words_cap);
}

/* An exit status, with words unless it is 0. */
static int tell(const struct control_options *o, const char *verb, char *words, size_t words_cap)
{
    char path[CONTROL_PATH], line[CONTROL_LINE], answer[CONTROL_ANSWER];
    int n = make_line(o, verb, line, sizeof line);

    if (n < 0) {
        snprintf(words, words_cap, "more than %d bytes at once", CONTROL_LINE);
        return ARGS_FAILURE;
    }
    if (control_socket_path(o->control, o->port, path, words, words_cap) < 0 ||
        converse(path, line, (size_t)n, answer, sizeof answer, words, words_cap) < 0)
        return ARGS_FAILURE;
    if (o->wait > 0)
        return drain_wait(ask_drained, path, o->wait, words, words_cap);
    return fputs(answer, stdout) == EOF || fflush(stdout) == EOF ? ARGS_FAILURE : ARGS_OK;
}

int cli_control(int argc, char **argv)
{
    char words[CONTROL_WORDS] = "standard output cannot be written";
    struct control_options options;
    const char *verb;
    int status = ARGS_USAGE;

    args_parse(&cli_control_spec, argc, argv, &options.head, &verb);
    if (check_verb(&options, verb, words, sizeof words) == 0)
        status = tell(&options, verb, words, sizeof words);
    if (status != ARGS_OK)
        fprintf(stderr, "%s: %s\n", cli_control_spec.name, words);
    options_deinit(&options.head);
    return status;
}
