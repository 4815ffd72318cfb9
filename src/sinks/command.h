/* One run of an operator's command, by /bin/sh -c, on the loop: it does not wait for it.
 *
 * Nothing on standard input, a process group of its own.  When its time is up, and when it has
 * ended itself, all that is left of the group is killed.  Of what it writes the beginning is kept.
 */
#ifndef QHCP_SINKS_COMMAND_H
#define QHCP_SINKS_COMMAND_H

#include <sys/types.h>

#include "loop/loop.h"

#define COMMAND_KEPT 4096 /* bytes of its output */

struct command {
    /* The owner's, set before the first run. */
    struct loop *loop;
    qhcp_nsec timeout;
    void *ctx;
    /* It has ended, or could not run.  failure: NULL for exit status 0; else why, with the most
     * telling line that it wrote.  May begin the next run. */
    void (*done)(void *ctx, qhcp_nsec now, const char *failure);

    /* command.c's; zero. */
    struct loop_part part;
    struct loop_watch output, process;
    int pipe, pidfd; /* while `running` */
    pid_t pid;
    bool running;
    bool late; /* its time was up: it only has to die */
    qhcp_nsec until;
    size_t n;
    char kept[COMMAND_KEPT];
};

/* One that runs already is not begun again (an error of the caller's). */
void command_run(struct command *c, qhcp_nsec now, char *line);
/* Ends it without a word, if it runs. */
void command_stop(struct command *c);

#endif
