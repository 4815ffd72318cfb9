/* When a server is dialled, and dialled again. */
#ifndef QHCP_HEALTH_DIAL_H
#define QHCP_HEALTH_DIAL_H

#include <stdbool.h>

#include "base/time.h"

/* How long an attempt may take until the owner must report its result.  The owner times the
 * addresses of a name itself; this only guards against a forgotten attempt. */
#define DIAL_TIMEOUT (60 * NSEC_PER_SEC)
#define DIAL_RETRY                                                                                 \
    (50 * NSEC_PER_MSEC)         /* after the first failure; doubled after each further one */
#define DIAL_RETURN NSEC_PER_SEC /* an attempt that a return began is left alone so long */

/* Zeroed: never dialled. */
struct dial {
    qhcp_nsec at;          /* the newest attempt began */
    qhcp_nsec redial_from; /* no redial at once before */
    bool returned;         /* the server is there again (dial_returned), and not dialled yet */
    bool by_return;        /* the newest attempt was begun by that */
    bool closed;           /* the last connection was closed by the peer */
};

void dial_begin(struct dial *d, qhcp_nsec now);
/* It waited, and begins only now: no time that is counted from its begin contains the wait. */
void dial_turn(struct dial *d, qhcp_nsec now);

/* When the newest attempt counts as failed whatever the owner says. */
qhcp_nsec dial_timeout(const struct dial *d);

/* An attempt failed just now.  When the next one is due: of a server that is not down yet, after so
 * many failures before this one, ... */
qhcp_nsec dial_retry(qhcp_nsec now, qhcp_nsec interval, unsigned failures);
/* ... and of one that is down. */
qhcp_nsec dial_reconnect(const struct dial *d, qhcp_nsec now, qhcp_nsec reconnect_interval);

/* A connection has ended, and nothing says that the server has.  When the next attempt is due: at
 * once, but no faster than the interval when connections end every time. */
qhcp_nsec dial_again(struct dial *d, qhcp_nsec now, qhcp_nsec interval);

/* The server is there again.  True: dial now; false: an attempt is under way that began so lately
 * that it will find the server by itself.  dialing: an attempt is under way. */
bool dial_returned(struct dial *d, qhcp_nsec now, bool dialing);

#endif
