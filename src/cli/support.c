/* `qhcp support`: one text with what a bug report needs, and no secret in it. */
#include "cli/support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/os/file.h"
#include "check/spawn.h"
#include "cli/cli.h"
#include "cli/past.h"
#include "cli/redact.h"
#include "history/history_table.h"
#include "state/owner.h"
#include "state/state.h"

#define SUPPORT_WORDS 700
#define COMMAND_MOST (1 << 20)
#define COMMAND_MS 10000
#define CONFIG_MOST (1 << 20)
#define EVENTS 300

#define SUPPORT_OPTIONS(X)                                                                         \
    X(out, "out", TEXT, .arg = "FILE", .min = 1, .max = 1000,                                      \
      .doc = "The file to write, which must not exist; - is standard output. By default "          \
             "qhcp-support-TIME.txt in the current directory.")                                    \
    X(port, "port", PORT,                                                                          \
      .doc = "The load balancer's port, which is in the default name of its history. By default "  \
             "4242, or that of the only history there is.")                                        \
    X(history, "history", TEXT, .arg = "PATH", .min = 1, .max = 1000,                              \
      .doc = "The history's file. By default history-PORT.db in the state directory.")             \
    X(config, "config", ITEM, .arg = "FILE", .max = 8,                                             \
      .doc = "A configuration file to put in. Repeatable. By default /etc/qhcp/lb.yaml and "       \
             "/etc/qhcp/server.yaml.")

struct support_options {
    struct options head;
    SUPPORT_OPTIONS(OPTIONS_MEMBER)
};

#define ROW(...) OPTIONS_ROW(struct support_options, __VA_ARGS__)
static const struct options_row rows[] = {SUPPORT_OPTIONS(ROW)};

static const struct options_table support_options_table =
    OPTIONS_TABLE(struct support_options, NULL);

const struct args_spec cli_support_spec = {
    .options = &support_options_table,
    .name = "qhcp support",
    .doc = "Write a text for a bug report: versions, the machine, limits, configuration, the state "
           "of servers, and what happened. Keys, tokens and passwords are left out; read it before "
           "you send it.",
    .usage_status = ARGS_USAGE,
};

void support_title(struct text *t, const char *title)
{
    text_printf(t, "\n== %s ==\n", title);
}

void support_file(struct text *t, const char *path, size_t most)
{
    char words[SUPPORT_WORDS] = "", *content;
    size_t n;

    if (file_read(path, true, most, &content, &n, &(struct words){words, sizeof words}) != 0) {
        text_printf(t, "(%s)\n", words);
        return;
    }
    text_add(t, content);
    if (t->n > 0 && t->at && t->at[t->n - 1] != '\n')
        text_add(t, "\n");
    file_wipe(content, n);
}

/* What comes on fd until its end, or until time or room is over. */
static void read_all(struct text *t, int fd)
{
    const int64_t until = clock_wall_ms() + COMMAND_MS;
    char piece[4096];
    size_t left = COMMAND_MOST;

    while (left > 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t wait = until - clock_wall_ms();
        ssize_t n;

        if (wait <= 0 || poll(&p, 1, wait < COMMAND_MS ? (int)wait : COMMAND_MS) <= 0) {
            text_add(t, "(no more within 10 s)\n");
            return;
        }
        n = read(fd, piece, sizeof piece < left ? sizeof piece : left);
        if (n <= 0)
            return;
        text_bytes(t, piece, (size_t)n);
        left -= (size_t)n;
    }
    text_add(t, "\n(and more)\n");
}

void support_command(struct text *t, char *const argv[])
{
    int ends[2], error;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    error = spawn_command(argv, ends[1], ends[1], &pid);
    close(ends[1]);
    if (error == 0) {
        read_all(t, ends[0]);
        kill(-pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    } else {
        text_printf(t, "(%s: %s)\n", argv[0], strerror(error));
    }
    close(ends[0]);
}

/* What this program prints with these arguments, n of them. */
static void add_own(struct text *t, const char *const *arguments, size_t n)
{
    char self[1024], *argv[8] = {self};
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size <= 0)
        return;
    self[size] = '\0';
    for (size_t i = 0; i < n && i + 2 < sizeof argv / sizeof argv[0]; i++)
        argv[i + 1] = (char *)arguments[i];
    support_command(t, argv);
}

/* A file, and what is in force by it: of a server if its name says so, else of a load balancer. */
static void add_file(struct text *t, const char *path)
{
    const char *name = strrchr(path, '/');
    const char *const print[] = {strstr(name ? name : path, "server") ? "server" : "lb", "--config",
                                 path, "--print-config"};

    text_printf(t, "# %s\n", path);
    support_file(t, path, CONFIG_MOST);
    if (access(path, R_OK) != 0)
        return;
    text_printf(t, "\n# qhcp %s --config %s --print-config\n", print[0], path);
    add_own(t, print, sizeof print / sizeof print[0]);
}

static void add_config(struct text *t, const struct support_options *o)
{
    for (size_t i = 0; i < o->config.n; i++)
        add_file(t, o->config.at[i]);
    if (o->config.n > 0)
        return;
    add_file(t, "/etc/qhcp/lb.yaml");
    add_file(t, "/etc/qhcp/server.yaml");
}

static bool on_event(void *ctx, const struct query_event *e)
{
    history_table_event(ctx, e);
    return true;
}

static void add_history(struct text *t, const struct support_options *o)
{
    const struct query_range newest = {.until_ms = QUERY_ALWAYS, .limit = EVENTS};
    char words[SUPPORT_WORDS] = "";
    struct query *q = NULL;

    if (past_open(o->history, o->port, &q, &(struct words){words, sizeof words}) != 0)
        text_printf(t, "(%s)\n", words);
    else if (query_events(q, &newest, on_event, t) != 0)
        text_printf(t, "(%s)\n", query_words(q));
    query_close(q);
}

/* Public parts of keys and certificates alone. */
static void add_keys(struct text *t)
{
    static const char *const show[] = {"keys", "show"};

    add_own(t, show, sizeof show / sizeof show[0]);
}

static void add_journal(struct text *t)
{
    static char path[] = "/usr/bin/journalctl", a[] = "--no-pager", b[] = "-n500",
                c[] = "-oshort-iso", d[] = "-uqhcp-lb", e[] = "-uqhcp-server";
    char *const argv[] = {path, a, b, c, d, e, NULL};

    if (access(path, X_OK) == 0)
        support_command(t, argv);
    else
        text_add(t, "(this machine has no journal)\n");
}

/* What is the directory's owner's. */
static void collect_state(struct text *t, const struct support_options *o)
{
    char words[SUPPORT_WORDS] = "";
    struct state state;

    support_title(t, "state directory");
    if (state_find(&state, words, sizeof words) == 0) {
        support_directory(t, state.dir);
        support_title(t, "what the processes say");
        support_sockets(t, state.dir);
        state_close(&state);
    } else {
        text_printf(t, "(%s)\n", words);
    }
    support_title(t, "history");
    add_history(t, o);
}

static void collect(struct text *t, const struct support_options *o)
{
    char time[CLOCK_TEXT];

    text_printf(t, "qhcp support, %s\n", clock_rfc3339_local(clock_wall_ms(), time));
    support_title(t, "build");
    support_build(t);
    support_title(t, "machine");
    support_machine(t);
    support_title(t, "processes");
    support_processes(t);
    support_title(t, "configuration");
    add_config(t, o);
    support_title(t, "keys and certificates");
    add_keys(t);
    owner_inside();
    collect_state(t, o);
    owner_outside();
    support_title(t, "journal");
    add_journal(t);
}

/* To the file, which only its owner may read: what servers are called is nobody else's affair. */
static int put(const struct text *t, const char *path, const struct words *w)
{
    const struct slice content = {(const uint8_t *)t->at, t->n};
    int r;

    if (strcmp(path, "-") == 0)
        return fwrite(t->at, 1, t->n, stdout) == t->n && fflush(stdout) == 0
                   ? 0
                   : words_fail(w, QHCP_E_IO, "standard output cannot be written");
    r = file_create(path, content, 0600, w);
    if (r == 0)
        printf("%s has what a bug report needs; read it before you send it\n", path);
    return r;
}

int cli_support(int argc, char **argv)
{
    char words[SUPPORT_WORDS] = "", name[64];
    const struct words w = {words, sizeof words};
    struct text all = {0}, clean = {0};
    struct support_options o;
    time_t now = time(NULL);
    struct tm tm;
    int r;

    args_parse(&cli_support_spec, argc, argv, &o.head, NULL);
    strftime(name, sizeof name, "qhcp-support-%Y%m%d-%H%M%S.txt", localtime_r(&now, &tm));
    r = state_as_owner(words, sizeof words);
    if (r == 0) {
        owner_outside();
        collect(&all, &o);
        redact_text(&clean, all.at ? all.at : "");
        r = all.failed || clean.failed ? words_fail(&w, QHCP_E_NOMEM, "out of memory")
                                       : put(&clean, o.out ? o.out : name, &w);
    }
    if (r != 0)
        fprintf(stderr, "%s: %s\n", cli_support_spec.name, words);
    file_wipe(all.at, all.n);
    text_deinit(&clean);
    options_deinit(&o.head);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
