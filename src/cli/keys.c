/* `qhcp keys`: certificates and keys, shown and carried between machines.  The work is
 * src/state/keys.c's; here are the command line and the words around it. */
#include "cli/keys.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/value.h"
#include "cli/cli.h"
#include "state/keys.h"

#define KEYS_WORDS 4096

enum given {
    OPTION_SERVER = 1 << 0,
    OPTION_OUT = 1 << 1,
    OPTION_LB = 1 << 2,
    OPTION_FORCE = 1 << 3,
    OPTION_GRACE = 1 << 4,
    OPTION_FORMAT = 1 << 5,
    OPTION_ALL = 1 << 6,
    OPTION_DIR = 1 << 7,
    OPTION_REVOKED = 1 << 8,
    OPTION_CHECK = 1 << 9,
    OPTION_LAST = OPTION_CHECK,
};

struct request {
    const struct action *action;
    const char *file; /* the operand */
    const char *server, *out, *dir;
    bool json;
    int64_t grace;  /* seconds */
    unsigned given; /* enum given */
};

struct action {
    const char *name;
    unsigned may, must; /* enum given */
    bool file;          /* wants an operand */
    bool makes;         /* works on a directory that it makes where there is none */
    int (*run)(const struct request *r, const struct state *s, char *words, size_t cap);
};

static int run_show(const struct request *r, const struct state *s, char *words, size_t cap)
{
    json_t *shown;
    int error = keys_show(s, time(NULL), &shown, words, cap);

    if (error)
        return error;
    words[0] = '\0';
    if (r->json) {
        json_dumpf(shown, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
    } else {
        keys_table_print(shown, stdout);
    }
    if (json_array_size(json_object_get(shown, "problems")) > 0) {
        snprintf(words, cap, "some of %s cannot be read", s->dir);
        error = QHCP_E_IO;
    }
    json_decref(shown);
    return error;
}

static int run_export(const struct request *r, const struct state *s, char *words, size_t cap)
{
    if (r->given & OPTION_REVOKED)
        return keys_export_revoked(s, r->out, r->given & OPTION_FORCE, time(NULL), words, cap);
    const struct keys_export what = {.names = r->server,
                                     .out = r->given & OPTION_ALL ? r->dir : r->out,
                                     .force = r->given & OPTION_FORCE};

    return keys_export(s, &what, time(NULL), words, cap);
}

static int run_import(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_import(s, r->file, r->given & OPTION_FORCE, time(NULL), words, cap);
}

static int run_request(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_request(s, r->given & OPTION_CHECK, r->out, time(NULL), words, cap);
}

static int run_accept(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_accept(s, r->file, r->out, time(NULL), words, cap);
}

static int run_rotate(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_rotate(s, r->grace, r->given & OPTION_FORCE, time(NULL), words, cap);
}

static int run_revoke(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_revoke(s, r->file, r->given & OPTION_FORCE, time(NULL), words, cap);
}

static const struct action actions[] = {
    {"show", OPTION_FORMAT, 0, false, false, run_show},
    {"export", OPTION_SERVER | OPTION_OUT | OPTION_ALL | OPTION_DIR | OPTION_REVOKED | OPTION_FORCE,
     0, false, true, run_export},
    {"import", OPTION_FORCE, 0, true, true, run_import},
    {"request", OPTION_LB | OPTION_CHECK | OPTION_OUT, OPTION_OUT, false, true, run_request},
    {"accept", OPTION_OUT, OPTION_OUT, true, true, run_accept},
    {"rotate", OPTION_GRACE | OPTION_FORCE, 0, false, true, run_rotate},
    {"revoke", OPTION_FORCE, 0, true, true, run_revoke},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct argp_option options[] = {
    {"server", 's', "NAME[,NAME]", 0,
     "export: the names or addresses that load balancers use for the server, without port", 0},
    {"out", 'o', "FILE", 0, "export, request, accept: the file to write; - is standard output", 0},
    {"lb", 'l', NULL, 0, "request: for this machine's load balancers", 0},
    {"force", 'f', NULL, 0,
     "import: replace also an imported CA, a CA that others use, or a newer bundle; export: "
     "replace "
     "files that exist; rotate, revoke: also if servers are lost by it; revoke: also what is not "
     "listed",
     0},
    {"grace", 'g', "DURATION", 0,
     "rotate: how long the old key stays accepted: 90m, 36h, 14d; 0 ends it at once. Default: 7d",
     0},
    {"format", 'F', "text|json", 0, "show: a table, or JSON. Default: text", 0},
    {"all", 'a', NULL, 0, "export: for every server that has a bundle", 0},
    {"dir", 'd', "DIR", 0, "export --all: the directory for the files", 0},
    {"revoked", 'r', NULL, 0, "export: the list of revocations", 0},
    {"check", 'c', NULL, 0, "request: for `qhcp check`, which may do nothing else", 0},
    {.key = 'h', .flags = OPTION_HIDDEN}, /* as -?, --help */
    {0}};

static const char usage[] = "show [--format text|json]\n"
                            "export --server NAME[,NAME] --out FILE [--force]\n"
                            "export --all --dir DIR [--force]\n"
                            "export --revoked --out FILE [--force]\n"
                            "import FILE [--force]\n"
                            "request --lb|--check --out FILE\n"
                            "accept FILE --out FILE\n"
                            "rotate [--grace DURATION] [--force]\n"
                            "revoke NAME|KID|FINGERPRINT [--force]";

static const char doc[] =
    "Manage the certificates and keys of this machine, and share them with other machines.\v"
    "A server on another machine:\n"
    "  load balancer's machine:  qhcp keys export --server b.example --out b.qhcp\n"
    "  server's machine:         qhcp keys import b.qhcp\n"
    "A second load balancer:\n"
    "  second machine:           qhcp keys request --lb --out r.qhcp\n"
    "  first machine:            qhcp keys accept r.qhcp --out a.qhcp\n"
    "  second machine:           qhcp keys import a.qhcp\n"
    "  then export and import each server's bundle again, which brings it the new key\n"
    "A monitoring host, or a separate user: the same with --check instead of --lb.\n"
    "Something was lost, stolen or given away:\n"
    "  machine with the CA:      qhcp keys revoke b.example\n\n"
    "Exit status: 0 done, 1 refused or failed (nothing was changed), 2 wrong command line.";

/* A duration as everywhere, or in days, which suit a rotation. */
static int parse_grace(const char *text, int64_t *ret, char *words, size_t cap)
{
    size_t n = strlen(text);
    char number[VALUE_QUOTE];
    uint64_t days;
    qhcp_nsec ns;
    int error;

    if (n > 1 && n < sizeof number && text[n - 1] == 'd') {
        slice_to_cstr(slice_of(text, n - 1), number, sizeof number);
        error = value_count(number, "days", 0, KEYS_GRACE_MAX / 86400, &days, words, cap);
        if (!error)
            *ret = (int64_t)days * 86400;
        return error;
    }
    error = value_duration(text, 0, KEYS_GRACE_MAX * NSEC_PER_SEC, &ns, words, cap);
    if (!error)
        *ret = (int64_t)(ns / NSEC_PER_SEC);
    return error;
}

static void take_operand(struct request *r, const char *arg, struct argp_state *state)
{
    char quote[VALUE_QUOTE + 8];

    if (r->action) {
        if (r->file || !r->action->file)
            argp_error(state, "%s is one argument too many", value_quote(arg, quote));
        r->file = arg;
        return;
    }
    for (size_t i = 0; i < COUNT(actions); i++)
        if (strcmp(actions[i].name, arg) == 0)
            r->action = &actions[i];
    if (!r->action)
        argp_error(state,
                   "%s is not a command of qhcp keys: use show, export, import, request, accept, "
                   "rotate or revoke",
                   value_quote(arg, quote));
}

static const char *option_name(unsigned bit)
{
    size_t i = 0;

    while (i < COUNT(options) - 3 && bit != 1U << i)
        i++;
    return options[i].name;
}

/* One server into a file, or all of them into a directory. */
static void check_export(const struct request *r, struct argp_state *state)
{
    bool all = r->given & OPTION_ALL, revoked = r->given & OPTION_REVOKED;

    if (revoked && r->given & (OPTION_SERVER | OPTION_ALL | OPTION_DIR))
        argp_error(state, "export --revoked takes only --out");
    if (all && r->given & (OPTION_SERVER | OPTION_OUT))
        argp_error(state, "export takes --all with --dir, or --server with --out");
    if (all && !(r->given & OPTION_DIR))
        argp_error(state, "export --all needs --dir");
    if (!all && r->given & OPTION_DIR)
        argp_error(state, "--dir is for export --all");
    if (!all && !revoked && !(r->given & OPTION_SERVER))
        argp_error(state, "export needs --server, or --all");
    if (!all && !(r->given & OPTION_OUT))
        argp_error(state, "export needs --out");
}

static void check_request(const struct request *r, struct argp_state *state)
{
    if (!r->action)
        argp_error(state, "the command is missing: use show, export, import, request, accept, "
                          "rotate or revoke");
    for (unsigned bit = 1; bit <= OPTION_LAST; bit <<= 1) {
        if (r->given & bit & ~r->action->may)
            argp_error(state, "%s takes no --%s", r->action->name, option_name(bit));
        if (r->action->must & bit & ~r->given)
            argp_error(state, "%s needs --%s", r->action->name, option_name(bit));
    }
    if (r->action->file && !r->file)
        argp_error(state,
                   r->action->run == run_revoke ? "%s needs a name, a kid or a fingerprint"
                                                : "%s needs a file",
                   r->action->name);
    if (r->action->run == run_export)
        check_export(r, state);
    if (r->action->run == run_request && !(r->given & OPTION_LB) == !(r->given & OPTION_CHECK))
        argp_error(state, "request needs --lb or --check");
}

static void take_value(struct request *r, int key, char *arg, struct argp_state *state)
{
    char words[256] = "", quote[VALUE_QUOTE + 8];

    if (key == 's')
        r->server = arg;
    if (key == 'o')
        r->out = arg;
    if (key == 'd')
        r->dir = arg;
    if (key == 'g' && parse_grace(arg, &r->grace, words, sizeof words) != 0)
        argp_error(state, "--grace: %s", words);
    r->json = key == 'F' ? strcmp(arg, "json") == 0 : r->json;
    if (key == 'F' && !r->json && strcmp(arg, "text") != 0)
        argp_error(state, "--format: %s is not a format: use text or json",
                   value_quote(arg, quote));
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *r = state->input;

    for (size_t i = 0; options[i].name; i++) {
        if (options[i].key != key)
            continue;
        if (r->given & 1U << i)
            argp_error(state, "--%s is given twice", options[i].name);
        r->given |= 1U << i;
        take_value(r, key, arg, state);
        return 0;
    }
    if (key == 'h')
        argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
    else if (key == ARGP_KEY_ARG)
        take_operand(r, arg, state);
    else if (key == ARGP_KEY_END)
        check_request(r, state);
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

/* `show` makes nothing, and a forced import may be the repair of a directory that does not open. */
static int open_state(const struct request *r, struct state *ret, char *words, size_t cap)
{
    int error;

    if (!r->action->makes) {
        error = state_find(ret, words, cap);
        if (error == QHCP_E_NOT_FOUND)
            snprintf(words, cap,
                     "there is no state yet: the first `qhcp server`, `qhcp lb` or `qhcp keys "
                     "export` makes it (QHCP_STATE_DIR names the directory)");
        return error;
    }
    error = state_open(ret, words, cap);
    if (error && (r->given & OPTION_FORCE)) {
        char why[KEYS_WORDS];

        if (state_find(ret, why, sizeof why) == 0)
            return 0;
    }
    return error;
}

int cli_keys(int argc, char **argv)
{
    const struct argp argp = {options, parse, usage, doc, NULL, NULL, NULL};
    struct request r = {.grace = KEYS_GRACE};
    static char name[] = "qhcp keys";
    char words[KEYS_WORDS] = "";
    struct state s;
    int error;

    argv[0] = name;
    argp_err_exit_status = ARGS_USAGE;
    argp_parse(&argp, argc, argv, 0, NULL, &r);
    error = open_state(&r, &s, words, sizeof words);
    if (!error) {
        words[0] = '\0';
        error = r.action->run(&r, &s, words, sizeof words);
        state_close(&s);
    }
    if (error)
        fprintf(stderr, "qhcp keys %s: %s\n", r.action->name,
                words[0] ? words : qhcp_strerror(error));
    else if (words[0]) /* not beside a bundle on standard output */
        fprintf(r.out && strcmp(r.out, "-") == 0 ? stderr : stdout, "%s\n", words);
    if (!error && fflush(stdout) != 0) {
        perror("qhcp keys: standard output");
        return ARGS_FAILURE;
    }
    return error ? ARGS_FAILURE : ARGS_OK;
}
