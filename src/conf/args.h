/* The command line of a subcommand: argp, with the table of options behind it; then the
 * configuration file where --config names one; then what options_check wants. */
#ifndef QHCP_CONF_ARGS_H
#define QHCP_CONF_ARGS_H

#include "conf/options.h"

/* Exit statuses of every command but those of a plugin. */
enum args_status {
    ARGS_OK = 0,
    ARGS_FAILURE = 1, /* it could not start, or failed on the way */
    ARGS_USAGE = 2,   /* the command line or the configuration is wrong */
};

struct args_spec {
    const struct options_table *options;
    const char *name;  /* "qhcp lb", before every message */
    const char *doc;   /* for --help: what it does */
    const char *notes; /* for --help, after the options; NULL: what a duration is */
    const char
        *positional;     /* for --help: "HOST:PORT"; several forms have a line each; NULL: none */
    const char *choices; /* what an operand may be, with | between; NULL: what positional says */
    unsigned operands;   /* how many there may be */
    bool optional;       /* there may be none */
    int usage_status;    /* exit status of a bad command line */
    /* Looks, for --check-config, at what can be known before the command begins: the content of
     * files that are named.  NULL: nothing. */
    void (*look)(const struct options *o, struct faults *f);
    /* Does what an option of OPTIONS_CONVERTS asks for, and returns the exit status; the options
     * are not checked together.  NULL: there is no such option. */
    int (*convert)(const struct options *o);
    const char *plugin; /* "QHCP UNKNOWN - ": what is wrong is told on standard output, in one
                         * line behind this; NULL: on standard error */
};

/* Parses argv (argv[0] is the subcommand) into *ret, the head of a struct of values.  Wrong input
 * is told on standard error and ends the process with usage_status (--check-config: with 1);
 * --help,
 * --version, --print-config and --check-config end it with 0. *ret_positional borrows from argv;
 * NULL where the spec has none. */
void args_parse(const struct args_spec *spec, int argc, char **argv, struct options *ret,
                const char **ret_operands);

/* Tells what is wrong with the command line, where and how the command does that. */
void args_refuse(const struct args_spec *spec, const char *words);

/* Reads the configuration file again and puts the command line of argv over it, into *ret.  A list
 * that came from standard input is taken from old.  Nothing is printed; 0, or the first fault of
 * *f, and *ret is empty. */
int args_reload(const struct args_spec *spec, int argc, char **argv, const struct options *old,
                struct options *ret, struct faults *f);

#endif
