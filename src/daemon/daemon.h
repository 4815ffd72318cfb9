/* The commands that run until they are stopped.  Each gets its own arguments (argv[0] is its name)
 * and returns the exit status of the process. */
#ifndef QHCP_DAEMON_DAEMON_H
#define QHCP_DAEMON_DAEMON_H

#include "conf/args.h"

extern const struct args_spec daemon_lb_spec, daemon_server_spec;

int daemon_lb(int argc, char **argv);
int daemon_server(int argc, char **argv);

/* What a running process does when options change (conf/options.h: live). */
int daemon_lb_live_watch(void *ctx, const struct options *before, char *words, size_t words_cap);
int daemon_lb_live_forward(void *ctx, const struct options *before, char *words, size_t words_cap);
int daemon_lb_live_status(void *ctx, const struct options *before, char *words, size_t words_cap);
int daemon_lb_live_log(void *ctx, const struct options *before, char *words, size_t words_cap);
int daemon_server_live_log(void *ctx, const struct options *before, char *words, size_t words_cap);

#endif
