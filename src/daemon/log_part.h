/* The log on the loop: what other threads say is written, what was left out is told, and signals
 * change its level. */
#ifndef QHCP_DAEMON_LOG_PART_H
#define QHCP_DAEMON_LOG_PART_H

#include "loop/loop.h"

struct log_part {
    struct loop_part part;
    struct loop_watch watch;
};

/* On the thread that watches.  *p was zeroed, and stays where it is until log_part_end, which is
 * for one that is zeroed, too. */
void log_part_begin(struct log_part *p, struct loop *loop);
void log_part_end(struct log_part *p);

/* SIGUSR1: more is logged, down to debug; SIGUSR2: less.  False: another signal. */
bool log_part_signal(int signum);

#endif
