/* What a load balancer knows of its servers' health, in a file of the state directory: however the
 * process ends, the next one begins with it, as after a hand-over (inherit.h has the text).
 *
 * In: the table that the forwarder uses.  Out: the text (inherit.h) that another process left,
 * while it is fresh.  The file is replaced whole, and not forced onto the disk: it is to survive
 * the process, not the machine.  While the process lives the file's time is renewed every second; a
 * file older than KNOWN_FRESH does not count.  The thread that serves writes, so that a slow disk
 * delays no check. */
#ifndef QHCP_DAEMON_KNOWN_H
#define QHCP_DAEMON_KNOWN_H

#include "daemon/serve.h"
#include "proxy/proxy.h"
#include "state/state.h"

#define KNOWN_FRESH (10 * NSEC_PER_SEC)

struct known {
    struct serve_job job;
    struct serve *serve;
    char path[STATE_PATH]; /* "": there is no state directory, and nothing is kept */
    qhcp_nsec at;          /* when it is looked after next */
    bool written;          /* what is known now, or it is about to be; else the file is old */
    bool told;             /* that it cannot be written */
    bool busy;             /* the rest is with the thread that serves */
    char *text;            /* to be written; NULL: the time of the file is to be renewed */
    bool done;
    char why[300]; /* not */
};

/* The load balancers of one state directory are told apart by their port.  *ret must stay where it
 * is until known_deinit. */
void known_init(struct known *ret, struct serve *serve, uint16_t port);
/* After serve_stop. */
void known_deinit(struct known *k);
/* What the process before us left: free() it; NULL: nothing that is fresh. */
char *known_take(const struct known *k);
/* The truth has changed; at once: the next known_keep writes it, else one within a second. */
void known_news(struct known *k, bool at_once);
/* What is known now: it is written if it has changed, otherwise only its time is renewed.  While
 * the last one is still being written, nothing happens: the next call does it. */
void known_keep(struct known *k, qhcp_nsec now, const struct proxy_server *servers, size_t n);

#endif
