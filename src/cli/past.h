/* What the commands that look at a history have in common. */
#ifndef QHCP_CLI_PAST_H
#define QHCP_CLI_PAST_H

#include "conf/options.h"
#include "history/query.h"

#define PAST_OPTIONS(X)                                                                            \
    X(port, "port", PORT,                                                                          \
      .doc = "The load balancer's port, which is in the default name of the history. By default "  \
             "4242, or that of the only history there is.")                                        \
    X(history, "history", TEXT, .arg = "PATH", .min = 1, .max = 1000,                              \
      .doc = "The history's file. By default history-PORT.db in the state directory.")             \
    X(json, "json", SWITCH, .doc = "Print JSON, one object a line.")

/* Opens the history that the options name, with all that has happened until now, if the load
 * balancer of that port runs and its admin interface has the usual socket.  The errors are
 * query_open's. */
int past_open(const char *history, uint16_t port, struct query **ret, const struct words *w);

#endif
