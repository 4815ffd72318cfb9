/* The subcommands of `qhcp`, one file each.  Each gets its own arguments (argv[0] is its name) and
 * returns the exit status of the process. */
#ifndef QHCP_CLI_CLI_H
#define QHCP_CLI_CLI_H

#include "conf/args.h"

enum cli_status {
    CLI_OK = 0,
    CLI_FAILURE = 1, /* it could not start, or failed on the way */
    CLI_USAGE = 2,   /* the command line or the configuration is wrong */
};

extern const struct args_spec cli_lb_spec, cli_server_spec, cli_check_spec, cli_control_spec;

int cli_lb(int argc, char **argv);
int cli_server(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_control(int argc, char **argv);
int cli_keys(int argc, char **argv); /* keys.c */

#endif
