/* `qhcp control drain --wait`: until no load balancer sends the server anything. */
#ifndef QHCP_CLI_DRAIN_H
#define QHCP_CLI_DRAIN_H

#include <stddef.h>

#include "base/time.h"

#define DRAIN_LEFT                                                                                 \
    3 /* exit status: time is up, and connections go on or somebody has not heard                  \
       */
#define DRAIN_UNKNOWN 4 /* exit status: time is up, and somebody does not say what goes on */

/* Asks the server, whose answer to "drained" ask() gives, until its drain is over or `wait` is.  On
 * a terminal one line says how far it is.  Prints what it came to.  0, DRAIN_*, or 1 with words.
 * ask: 0 with the answer in ret, or QHCP_E_* with words. */
int drain_wait(int (*ask)(void *ctx, char *ret, size_t cap, char *words, size_t words_cap),
               void *ctx, qhcp_nsec wait, char *words, size_t words_cap);

#endif
