/* Load balancers that are gone without a word: killed, or cut off.
 *
 * QUIC finds that out by its idle timeout, two minutes later.  Two things cannot wait for that: a
 * stop, which waits for acknowledgements of TERMINATE, and a load balancer that was restarted and
 * has a new session already.  So from then on the session is looked at: one from which no packet
 * came within SERVER_QUIET, or three of its check intervals, is closed.  A live load balancer
 * acknowledges within a round trip: TERMINATE is repeated, and a doubted session is asked by a
 * PING. A check costs nothing of this. */
#ifndef QHCP_SERVER_QUIET_H
#define QHCP_SERVER_QUIET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define SERVER_QUIET (3 * NSEC_PER_SEC)
#define QUIET_LOOKS 6 /* without a packet, before it is closed */

struct peer;

/* Of a session; only quiet.c changes it. */
struct quiet {
    qhcp_nsec at;    /* when it is looked at; NSEC_NEVER: it is not */
    qhcp_nsec apart; /* from look to look */
    uint32_t heard;  /* packets until the last look */
    unsigned silent; /* looks in a row at which there were no more */
};

void quiet_init(struct quiet *ret);
/* TERMINATE was sent: it is looked at until it ends. */
void quiet_leaving(struct peer *p, qhcp_nsec now);
/* HELLO was accepted: older sessions of the same key and name are looked at, once. */
void quiet_replaces(struct peer *p, qhcp_nsec now);
qhcp_nsec quiet_deadline(const struct peer *p);
/* Closes it, if nothing came. */
void quiet_expire(struct peer *p, qhcp_nsec now);

#endif
