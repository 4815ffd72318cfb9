/* `qhcp keys`: certificates and keys, shown and carried between machines.  The work is
 * src/state/keys.c's; here are the command line and the words around it. */
#include "cli/keys.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/value.h"
#include "cli/cli.h"
#include "state/keys.h"
#include "state/stored.h"

#define KEYS_WORDS 4096
#define KEYS_TEXT 8192 /* bytes of a path, or of names */

#define KEYS_OPTIONS(X)                                                                            \
    X(server, "server", TEXT, .arg = "NAME[,NAME]", .max = KEYS_TEXT, .letter = 's',               \
      .doc =                                                                                       \
          "export: the names or addresses that load balancers use for the server, without port.")  \
    X(out, "out", TEXT, .arg = "FILE", .max = KEYS_TEXT, .letter = 'o',                            \
      .doc = "export, request, accept: the file to write; - is standard output.")                  \
    X(lb, "lb", SWITCH, .letter = 'l', .doc = "request: for this machine's load balancers.")       \
    X(force, "force", SWITCH, .letter = 'f',                                                       \
      .doc = "import: replace also an imported CA, a CA that others use, or a newer bundle; "      \
             "export: replace files that exist; rotate, revoke: also if servers are lost by it; "  \
             "revoke: also what is not listed.")                                                   \
    X(grace, "grace", TEXT, .arg = "DURATION", .def = "7d", .max = KEYS_TEXT,                      \
      .check = check_grace, .letter = 'g',                                                         \
      .doc = "rotate: how long the old key stays accepted: 90m, 36h, 14d; 0 ends it at once.")     \
    X(format, "format", CHOICE, .arg = "text|json", .def = "text", .letter = 'F',                  \
      .doc = "show: a table, or JSON.")                                                            \
    X(all, "all", SWITCH, .letter = 'a', .doc = "export: for every server that has a bundle.")     \
    X(dir, "dir", TEXT, .arg = "DIR", .max = KEYS_TEXT, .letter = 'd',                             \
      .doc = "export --all: the directory for the files.")                                         \
    X(revoked, "revoked", SWITCH, .letter = 'r', .doc = "export: the list of revocations.")        \
    X(check, "check", SWITCH, .letter = 'c',                                                       \
      .doc = "request: for `qhcp check`, which may do nothing else.")                              \
    X(scope, "scope", CHOICE, .arg = "read|admin", .def = "read", .letter = 'S',                   \
      .doc = "token: what it allows over the admin interface of this machine's load balancers: "   \
             "to read, or to change things as well.")                                              \
    X(lifetime, "for", TEXT, .arg = "DURATION", .def = "8h", .max = KEYS_TEXT,                     \
      .check = check_lifetime, .letter = 't', .doc = "token: how long it is valid, as 8h or 30d.") \
    X(name, "name", TEXT, .max = 64, .letter = 'n',                                                \
      .doc = "token: whom it is for, which the log and the events of what is done with it say. "   \
             "By default the user who makes it.")

struct keys_options {
    struct options head;
    KEYS_OPTIONS(OPTIONS_MEMBER)
};

struct request {
    const struct keys_options *options;
    const struct action *action;
    const char *file; /* the operand, or a name; NULL: none */
};

struct action {
    const char *name;
    const char *may, *must; /* names of options */
    bool file;              /* wants an operand */
    bool makes;             /* works on a directory that it makes if there is none */
    int (*run)(const struct request *r, const struct state *s, char *words, size_t cap);
};

static int parse_grace(const char *text, int64_t *ret, char *words, size_t cap)
{
    qhcp_nsec ns;
    int error = value_duration(text, 0, KEYS_GRACE_MAX * NSEC_PER_SEC, &ns, words, cap);

    if (!error)
        *ret = (int64_t)(ns / NSEC_PER_SEC);
    return error;
}

static int parse_lifetime(const char *text, int64_t *ret, char *words, size_t cap)
{
    qhcp_nsec ns;
    int error = value_duration(text, NSEC_PER_SEC, KEYS_TOKEN_MAX * NSEC_PER_SEC, &ns, words, cap);

    if (!error)
        *ret = (int64_t)(ns / NSEC_PER_SEC);
    return error;
}

static int check_lifetime(const char *text, char *words, size_t cap)
{
    int64_t ignored;

    return parse_lifetime(text, &ignored, words, cap);
}

static int check_grace(const char *text, char *words, size_t cap)
{
    int64_t ignored;

    return parse_grace(text, &ignored, words, cap);
}

static int run_show(const struct request *r, const struct state *s, char *words, size_t cap)
{
    json_t *shown;
    int error = keys_show(s, time(NULL), &shown, words, cap);

    if (error)
        return error;
    words[0] = '\0';
    if (r->options->format == 1) {
        json_dumpf(shown, stdout, JSON_INDENT(2));
        fputc('\n', stdout);
    } else {
        keys_table_print(shown, stdout);
    }
    if (json_array_size(json_object_get(shown, "problems")) > 0) {
        snprintf(words, cap, "cannot read some of %s", s->dir);
        error = QHCP_E_IO;
    }
    json_decref(shown);
    return error;
}

static int run_export(const struct request *r, const struct state *s, char *words, size_t cap)
{
    if (r->options->revoked)
        return keys_export_revoked(s, r->options->out, r->options->force, time(NULL), words, cap);
    const struct keys_export what = {.names = r->options->server,
                                     .out = r->options->all ? r->options->dir : r->options->out,
                                     .force = r->options->force};

    return keys_export(s, &what, time(NULL), words, cap);
}

static int run_import(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_import(s, r->file, r->options->force, time(NULL), words, cap);
}

static int run_request(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_request(s, r->options->check, r->options->out, time(NULL), words, cap);
}

static int run_accept(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_accept(s, r->file, r->options->out, time(NULL), words, cap);
}

static int run_rotate(const struct request *r, const struct state *s, char *words, size_t cap)
{
    int64_t grace = 0;
    int error = parse_grace(r->options->grace, &grace, words, cap);

    return error ? error : keys_rotate(s, grace, r->options->force, time(NULL), words, cap);
}

static int run_revoke(const struct request *r, const struct state *s, char *words, size_t cap)
{
    return keys_revoke(s, r->file, r->options->force, time(NULL), words, cap);
}

/* Standard output gets the token alone: TOKEN=$(qhcp keys token). */
static int run_token(const struct request *r, const struct state *s, char *words, size_t cap)
{
    const char *sudo = getenv("SUDO_USER"), *user = sudo ? sudo : getenv("USER");
    struct keys_token what = {.scopes =
                                  AUTH_SCOPE_READ | (r->options->scope ? AUTH_SCOPE_ADMIN : 0),
                              .subject = r->options->name ? r->options->name : user};
    char *token;
    int error = parse_lifetime(r->options->lifetime, &what.lifetime, words, cap);

    if (!error)
        error = keys_token_make(s, &what, time(NULL), &token, words, cap);
    if (error)
        return error;
    words[0] = '\0';
    puts(token);
    auth_token_free(token);
    return 0;
}

static const struct action actions[] = {
    {"show", "format", "", false, false, run_show},
    {"export", "server out all dir revoked force", "", false, true, run_export},
    {"import", "force", "", true, true, run_import},
    {"request", "lb check out", "out", false, true, run_request},
    {"accept", "out", "out", true, true, run_accept},
    {"rotate", "grace force", "", false, true, run_rotate},
    {"revoke", "force", "", true, true, run_revoke},
    {"token", "scope for name", "", false, true, run_token},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define ROW(...) OPTIONS_ROW(struct keys_options, __VA_ARGS__)
static const struct options_row rows[] = {KEYS_OPTIONS(ROW)};
static const struct options_table keys_options_table = OPTIONS_TABLE(struct keys_options, NULL);

const struct args_spec cli_keys_spec = {
    .options = &keys_options_table,
    .name = "qhcp keys",
    .doc = "Manage the certificates and keys of this machine, and share them with other machines.",
    .notes =
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
        "  machine with the CA:      qhcp keys revoke b.example\n"
        "To use the admin interface from another machine, or to change things over TCP:\n"
        "  load balancer's machine:  qhcp keys token --scope admin --for 8h\n\n"
        "Exit status: 0 done, 1 refused or failed (nothing was changed), 2 wrong command line.",
    .positional = "show [--format text|json]\n"
                  "export --server NAME[,NAME] --out FILE [--force]\n"
                  "export --all --dir DIR [--force]\n"
                  "export --revoked --out FILE [--force]\n"
                  "import FILE [--force]\n"
                  "request --lb|--check --out FILE\n"
                  "accept FILE --out FILE\n"
                  "rotate [--grace DURATION] [--force]\n"
                  "revoke NAME|KID|FINGERPRINT [--force]\n"
                  "token [--scope read|admin] [--for DURATION] [--name NAME]",
    .operands = 2,
    .optional = true,
    .usage_status = ARGS_USAGE,
};

static const struct action *find_action(const char *name, char *words, size_t cap)
{
    char quote[VALUE_QUOTE + 8];

    for (size_t i = 0; name && i < COUNT(actions); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    snprintf(words, cap,
             name ? "%s is not a command of qhcp keys: use show, export, import, request, accept, "
                    "rotate, revoke or token"
                  : "the command is missing: use show, export, import, request, accept, rotate, "
                    "revoke or token",
             name ? value_quote(name, quote) : "");
    return NULL;
}

/* One server into a file, or all of them into a directory; NULL, or what is wrong. */
static const char *check_export(const struct keys_options *o)
{
    if (o->revoked && (o->server || o->all || o->dir))
        return "export --revoked takes only --out";
    if (o->all && (o->server || o->out))
        return "export takes --all with --dir, or --server with --out";
    if (o->all && !o->dir)
        return "export --all needs --dir";
    if (!o->all && o->dir)
        return "--dir is for export --all";
    if (!o->all && !o->revoked && !o->server)
        return "export needs --server, or --all";
    return o->all || o->out ? NULL : "export needs --out";
}

/* Is this option's name one of the words? */
static bool names(const char *words, const char *name)
{
    size_t n = strlen(name);

    for (const char *p = words; *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "))
        if (strcspn(p, " ") == n && memcmp(p, name, n) == 0)
            return true;
    return false;
}

/* Do the options and operands go with the command?  Words, where they do not. */
static bool check_request(const struct request *r, char *words, size_t cap)
{
    const struct keys_options *o = r->options;
    const struct action *a = r->action;
    char quote[VALUE_QUOTE + 8];
    const char *wrong = NULL;

    for (size_t i = 0; i < COUNT(rows); i++) {
        bool given = o->head.set[i];

        if (given ? names(a->may, rows[i].name) : !names(a->must, rows[i].name))
            continue;
        snprintf(words, cap, given ? "%s takes no --%s" : "%s needs --%s", a->name, rows[i].name);
        return false;
    }
    if (r->file && !a->file) {
        snprintf(words, cap, "%s is one argument too many", value_quote(r->file, quote));
        return false;
    }
    if (a->file && !r->file) {
        snprintf(words, cap,
                 a->run == run_revoke ? "%s needs a name, a kid or a fingerprint"
                                      : "%s needs a file",
                 a->name);
        return false;
    }
    if (a->run == run_export)
        wrong = check_export(o);
    if (a->run == run_request && o->lb == o->check)
        wrong = "request needs --lb or --check";
    if (wrong)
        snprintf(words, cap, "%s", wrong);
    return !wrong;
}

/* No command has made anything in it yet. */
static bool is_empty(const char *dir)
{
    static const char *const first[] = {STATE_CA,        STATE_CERT,  STATE_TOKEN_KEY,
                                        STATE_CHECK_KEY, STATE_TRUST, STATE_REVOKED,
                                        STATE_IMPORTED};
    bool empty = true;

    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        empty = empty && !stored_have(dir, first[i]);
    return empty;
}

/* `show` makes nothing, and a forced import may be the repair of a directory that does not open. */
static int open_state(const struct request *r, struct state *ret, char *words, size_t cap)
{
    int error;

    if (!r->action->makes) {
        error = state_find(ret, words, cap);
        if (!error && is_empty(ret->dir))
            error = QHCP_E_NOT_FOUND;
        if (error == QHCP_E_NOT_FOUND)
            snprintf(words, cap,
                     "there is no state yet: the first `qhcp server`, `qhcp lb` or `qhcp keys "
                     "export` makes it (QHCP_STATE_DIR names the directory)");
        return error;
    }
    error = state_open(ret, words, cap);
    if (error && r->options->force) {
        char why[KEYS_WORDS];

        if (state_find(ret, why, sizeof why) == 0)
            return 0;
    }
    return error;
}

static int run(const struct request *r, char *words, size_t cap)
{
    struct state s;
    int error = state_as_owner(words, cap);

    if (!error)
        error = open_state(r, &s, words, cap);
    if (error)
        return error;
    words[0] = '\0';
    error = r->action->run(r, &s, words, cap);
    state_close(&s);
    return error;
}

/* Runs it and tells how it went. */
static enum args_status run_and_tell(const struct request *r)
{
    const char *out = r->options->out;
    char words[KEYS_WORDS] = "";
    int error = run(r, words, sizeof words);

    if (error)
        fprintf(stderr, "qhcp keys %s: %s\n", r->action->name,
                words[0] ? words : qhcp_strerror(error));
    else if (words[0]) /* not beside a bundle on standard output */
        fprintf(out && strcmp(out, "-") == 0 ? stderr : stdout, "%s\n", words);
    if (!error && fflush(stdout) != 0) {
        perror("qhcp keys: standard output");
        return ARGS_FAILURE;
    }
    return error ? ARGS_FAILURE : ARGS_OK;
}

int cli_keys(int argc, char **argv)
{
    enum args_status status = ARGS_USAGE;
    struct keys_options options;
    struct request r = {.options = &options};
    const char *operands[2];
    char words[KEYS_WORDS];

    args_parse(&cli_keys_spec, argc, argv, &options.head, operands);
    r.action = find_action(operands[0], words, sizeof words);
    r.file = operands[1];
    if (r.action && check_request(&r, words, sizeof words))
        status = run_and_tell(&r);
    else
        args_refuse(&cli_keys_spec, words);
    options_deinit(&options.head);
    return status;
}
