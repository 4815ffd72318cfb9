/* What a load balancer knows of its servers' health, in a file of the state directory: however the
 * process ends, the next one begins with it, as after a hand-over (inherit.h has the text).
 *
 * In: the table that the forwarder uses.  Out: the text (inherit.h) that another process left,
 * while it is fresh.  The file is replaced whole, and not forced onto the disk: it is to survive
 * the process, not the machine.  A long text is made in slices, between which the loop does its
 * work.  While the process lives the file's time is renewed every second; a file older than
 * RESTART_FILE_FRESH does not count.  The thread that serves writes, so that a slow disk delays no
 * check. */
#ifndef QHCP_DAEMON_RESTART_FILE_H
#define QHCP_DAEMON_RESTART_FILE_H

#include "base/text.h"
#include "daemon/serve.h"
#include "proxy/proxy.h"
#include "state/state.h"

#define RESTART_FILE_FRESH (10 * NSEC_PER_SEC)
#define RESTART_FILE_SLICE 1000 /* servers that are described in one go: a millisecond */

struct restart_file {
    struct serve_job job;
    struct serve *serve;
    char path[STATE_PATH]; /* "": there is no state directory, and nothing is kept */
    qhcp_nsec at;          /* when it is looked after next */
    bool written;          /* what is known now, or it is about to be; else the file is old */
    bool told;             /* that it cannot be written */
    bool making;           /* the text is being made ... */
    struct text made;      /* ... so far, ... */
    size_t next;           /* ... up to this row */
    bool busy;             /* the rest is with the thread that serves */
    char *text;            /* to be written; NULL: the time of the file is to be renewed */
    bool done;
    char why[300]; /* not */
};

/* The load balancers of one state directory are told apart by their port.  *ret must stay where it
 * is until restart_file_deinit. */
void restart_file_init(struct restart_file *ret, struct serve *serve, uint16_t port);
/* After serve_stop. */
void restart_file_deinit(struct restart_file *k);
/* What the process before us left: free() it; NULL: nothing that is fresh. */
char *restart_file_take(const struct restart_file *k);
/* The truth has changed; at once: the next restart_file_keep writes it, else one within a second.
 */
void restart_file_news(struct restart_file *k, bool at_once);
/* What is known now: it is written if it has changed, otherwise only its time is renewed.  While
 * the last one is still being made or written, nothing happens: the next call does it. */
void restart_file_keep(struct restart_file *k, qhcp_nsec now, const struct proxy_server *servers,
                       size_t n);
/* When restart_file_expire is to be called, which makes the next slice of the text.  In between
 * rows may change, come and go: who says so (restart_file_news) has the text made anew. */
qhcp_nsec restart_file_deadline(const struct restart_file *k);
void restart_file_expire(struct restart_file *k, const struct proxy_server *servers, size_t n);
/* Another process keeps the file from now on: a text that is being made is dropped. */
void restart_file_drop(struct restart_file *k);

#endif
