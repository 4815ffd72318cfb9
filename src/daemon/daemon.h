/* The commands that run until they are stopped.  Each gets its own arguments (argv[0] is its name)
 * and returns the exit status of the process. */
#ifndef QHCP_DAEMON_DAEMON_H
#define QHCP_DAEMON_DAEMON_H

#include "conf/args.h"

extern const struct args_spec daemon_lb_spec, daemon_server_spec;

int daemon_lb(int argc, char **argv);
int daemon_server(int argc, char **argv);

#endif
