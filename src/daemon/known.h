/* What a load balancer knows of its servers' health, in a file of the state directory: whatever
 * ends the process, the next one begins with it, as after a hand-over (inherit.h has the text).
 *
 * In: the table that the forwarder uses.  Out: the text (inherit.h) that another process left,
 * while it is fresh.  The file is replaced whole, and not forced onto the disk: it is to survive
 * the process, not the machine, and nothing here may wait.  While the process lives the file's time
 * is renewed every second; one that is older than KNOWN_FRESH is nobody's knowledge any more. */
#ifndef QHCP_DAEMON_KNOWN_H
#define QHCP_DAEMON_KNOWN_H

#include "base/time.h"
#include "proxy/proxy.h"
#include "state/state.h"

#define KNOWN_FRESH (10 * NSEC_PER_SEC)

struct known {
    char path[STATE_PATH]; /* "": there is no state directory, and nothing is kept */
    bool written; /* what is known now; else the file says something else, or is not there */
    qhcp_nsec at; /* when it is looked after next */
    bool told;    /* that it cannot be written */
};

/* The load balancers of one state directory are told apart by their port. */
void known_init(struct known *ret, uint16_t port);
void known_deinit(struct known *k);
/* What the process before us left: free() it; NULL: nothing that is fresh. */
char *known_take(const struct known *k);
/* The truth has changed; at once: the next known_keep writes it, else one within a second. */
void known_news(struct known *k, bool at_once);
/* The truth now: written where it has changed, else only its time is. */
void known_keep(struct known *k, qhcp_nsec now, const struct proxy_server *servers, size_t n);

#endif
