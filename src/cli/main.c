/* `qhcp`: finds the subcommand. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/value.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/options_doc.h"
#include "daemon/daemon.h"

#ifndef __has_feature /* clang's */
#define __has_feature(x) 0
#endif

/* argp finds it only where it can be seen from its library. */
__attribute__((visibility("default"))) const char *argp_program_version = "qhcp " BASE_VERSION;

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const struct args_spec *spec;
    const char *doc;
} commands[] = {
    {"lb", daemon_lb, &daemon_lb_spec, "watch servers and forward TCP connections to them"},
    {"server", daemon_server, &daemon_server_spec, "answer the health checks of load balancers"},
    {"check", cli_check, &cli_check_spec,
     "check one server once, as a Nagios plugin or a liveness probe"},
    {"control", cli_control, &cli_control_spec,
     "drain this machine's server for every load balancer, or show it"},
    {"status", cli_status, &cli_status_spec,
     "show the servers of a running load balancer, and how it is itself"},
    {"top", cli_top, &cli_top_spec, "show the servers as they change, and act on them"},
    {"events", cli_events, &cli_events_spec,
     "show what changes in the fleet of a running load balancer"},
    {"drain", cli_drain, &cli_drain_spec, "have a load balancer give a server no new traffic"},
    {"undrain", cli_undrain, &cli_undrain_spec, "have a load balancer use a server again"},
    {"maintenance", cli_maintenance, &cli_maintenance_spec,
     "have a load balancer take a server out, also while it answers"},
    {"weight", cli_weight, &cli_weight_spec, "have a load balancer give a server another weight"},
    {"algorithm", cli_algorithm, &cli_algorithm_spec,
     "have a load balancer pick servers by another algorithm"},
    {"reload", cli_reload, &cli_reload_spec,
     "have a load balancer read its configuration file again"},
    {"history", cli_history, &cli_history_spec,
     "show what happened to the servers of a load balancer"},
    {"why", cli_why, &cli_why_spec, "tell why a server went down"},
    {"support", cli_support, &cli_support_spec, "write a text for a bug report, without secrets"},
    {"keys", cli_keys, &cli_keys_spec, "show, export, import and rotate certificates and keys"},
};

static void print_help(FILE *out)
{
    fprintf(out, "Usage: qhcp COMMAND [OPTION...]\n"
                 "QHCP, the Quick Health Check Protocol over QUIC.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].doc);
    fprintf(out, "\nFor more, run 'qhcp help COMMAND' or 'qhcp COMMAND --help'.\n"
                 "'qhcp --version' tells the version.\n");
}

static int run(const char *name, int argc, char **argv)
{
    char quote[VALUE_QUOTE + 8];

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc, argv);
    fprintf(stderr, "qhcp: there is no command %s\n", value_quote(name, quote));
    print_help(stderr);
    return ARGS_USAGE;
}

/* A list of a manual page (docs/man), which a test compares. */
static int print_mdoc(const char *what)
{
    if (strcmp(what, "metrics") == 0) {
        options_doc_metrics(stdout);
        return ARGS_OK;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(what, commands[i].name) == 0) {
            options_doc_mdoc(stdout, what, commands[i].spec->options);
            return ARGS_OK;
        }
    }
    fprintf(stderr, "qhcp: help --mdoc takes a command, or metrics\n");
    return ARGS_USAGE;
}

static int print_completion(const char *shell)
{
    struct completion_command known[sizeof commands / sizeof commands[0]];
    size_t n = sizeof commands / sizeof commands[0];

    for (size_t i = 0; i < n; i++)
        known[i] = (struct completion_command){commands[i].name, commands[i].doc, commands[i].spec};
    if (completion_print(stdout, shell, known, n))
        return ARGS_OK;
    fprintf(stderr, "qhcp: help --completion takes a shell: bash, zsh or fish\n");
    return ARGS_USAGE;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-?") == 0 || strcmp(word, "-h") == 0;
}

static int help(int argc, char **argv)
{
    char option[] = "--help", *help_argv[] = {NULL, option, NULL};

    if (argc == 3 && strcmp(argv[1], "--mdoc") == 0)
        return print_mdoc(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--completion") == 0)
        return print_completion(argv[2]);
    if (argc == 1 || is_help(argv[1])) {
        print_help(stdout);
        return ARGS_OK;
    }
    help_argv[0] = argv[1]; /* what follows is a word of that command's: `help keys export` */
    return run(argv[1], 2, help_argv);
}

/* Descriptors 0 to 2 must be open, or a socket would become "standard output". */
static void fill_standard_descriptors(void)
{
    int fd = open("/dev/null", O_RDWR);

    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = dup(fd);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Every command holds keys: they go into no core file, and other processes of the same user read no
 * memory.  LeakSanitizer has to. */
static void keep_memory_private(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !(__has_feature(address_sanitizer))
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* What was printed and could not be written is a failure, in every command: argp's help, too. */
static void end_output(void)
{
    bool told = ferror(stdout);

    if (fflush(stdout) == 0 && !told)
        return;
    if (!told && errno != EPIPE)
        fprintf(stderr, "qhcp: standard output: %s\n", strerror(errno));
    _exit(ARGS_FAILURE);
}

int main(int argc, char **argv)
{
    keep_memory_private();
    atexit(end_output);
    fill_standard_descriptors();
    signal(SIGCHLD, SIG_DFL); /* our parent may ignore it: then no child has an exit status */
    signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error of write(2), reported once */
    if (argc < 2) {
        print_help(stderr);
        return ARGS_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0 ||
        strcmp(argv[1], "version") == 0) {
        puts(argp_program_version);
        return ARGS_OK;
    }
    if (strcmp(argv[1], "help") == 0)
        return help(argc - 1, argv + 1);
    if (is_help(argv[1]))
        return help(1, argv + 1);
    return run(argv[1], argc - 1, argv + 1);
}
