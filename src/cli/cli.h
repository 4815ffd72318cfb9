/* The commands that end, one file each (daemon/daemon.h has those that run).  Each gets its own
 * arguments (argv[0] is its name) and returns the exit status of the process. */
#ifndef QHCP_CLI_CLI_H
#define QHCP_CLI_CLI_H

#include "conf/args.h"

extern const struct args_spec cli_algorithm_spec, cli_check_spec, cli_control_spec, cli_drain_spec,
    cli_events_spec, cli_history_spec, cli_keys_spec, cli_maintenance_spec, cli_reload_spec,
    cli_status_spec, cli_support_spec, cli_top_spec, cli_undrain_spec, cli_weight_spec,
    cli_why_spec;

int cli_check(int argc, char **argv);
int cli_control(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_history(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_support(int argc, char **argv);
int cli_top(int argc, char **argv);
int cli_why(int argc, char **argv);
int cli_keys(int argc, char **argv); /* keys.c */

/* actions.c */
int cli_algorithm(int argc, char **argv);
int cli_drain(int argc, char **argv);
int cli_maintenance(int argc, char **argv);
int cli_reload(int argc, char **argv);
int cli_undrain(int argc, char **argv);
int cli_weight(int argc, char **argv);

#endif
