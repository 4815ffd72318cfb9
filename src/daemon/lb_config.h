/* Options of `qhcp lb` that somebody changes while it runs (conf/patch.h), by a wish; and what is
 * told of that, and of reloads: an event, and the copy that other threads read. */
#ifndef QHCP_DAEMON_LB_CONFIG_H
#define QHCP_DAEMON_LB_CONFIG_H

#include <stddef.h>

#include "base/time.h"

struct lb;
struct options;
struct wish;

/* Puts wish->with, a struct patch, in force, whole or not at all; words say what has changed, or
 * why not.  QHCP_E_AGAIN: it was made from options that are not in force any more; QHCP_E_ARG; or
 * that of a live function. */
int lb_config_change(void *ctx, qhcp_nsec now, const struct wish *wish, char *words,
                     size_t words_cap);

/* A reload has put other options in force than `before`: the log names what admin interface had
 * changed and is gone now. */
void lb_config_reloaded(struct lb *lb, const struct options *before);

/* An event: the options have changed.  who: "" for nobody that is known. */
void lb_config_tell(struct lb *lb, qhcp_nsec now, const char *words, const char *who);

#endif
