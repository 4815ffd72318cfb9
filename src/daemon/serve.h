/* The thread that serves does the work that may be slow, so that the thread that watches never
 * waits.
 *
 * It has a loop of its own.  Work goes there as jobs and comes back answered; nothing else is
 * shared but the log, to which any thread may say something.  As many jobs as there is room for may
 * be on their way, so that neither thread ever waits for the other, and an answer always has a
 * place. */
#ifndef QHCP_DAEMON_SERVE_H
#define QHCP_DAEMON_SERVE_H

#include <stdbool.h>

#include "loop/mailbox.h"

#define SERVE_JOBS 256 /* given and not answered yet */

struct loop;
struct serve;

/* The head of a job.  Its memory stays the giver's matter, and stays where it is until done. */
struct serve_job {
    /* On the thread that serves.  It calls serve_answer, at once or later. */
    void (*work)(struct serve_job *job, qhcp_nsec now);
    /* On the thread that watches, once: the job is the giver's again.  Not called for a job that
     * serve_stop has overtaken. */
    void (*done)(struct serve_job *job, qhcp_nsec now);
    /* The thread's own. */
    struct mail mail;
    struct serve *serve;
};

/* Makes the thread's loop and both ways; `watching` is the loop of the caller's thread.
 * QHCP_E_NOMEM, QHCP_E_IO with errno. */
int serve_new(struct loop *watching, struct serve **ret);
/* Starts it, with all signals blocked.  QHCP_E_NOMEM: no thread can be had. */
int serve_start(struct serve *s);
/* Ends it after what it is at just now, and forgets all jobs; then their memory may be freed, and
 * its loop's parts removed.  False: that takes longer than a second (a name server's file on a disk
 * that does not answer), and the thread still runs: all that it may touch must stay, so that the
 * process can only end as a whole (_exit).  May be NULL, or not running. */
bool serve_stop(struct serve *s);
/* Stopped, and with no part or watch left on its loop; before `watching` is freed. */
void serve_free(struct serve *s);

/* The loop of the thread that serves: for its own thread, or while it does not run. */
struct loop *serve_loop(struct serve *s);

/* From the thread that watches, also before serve_start.  QHCP_E_FULL. */
int serve_give(struct serve *s, struct serve_job *job);
/* From the thread that serves, once a job. */
void serve_answer(struct serve_job *job);

#endif
