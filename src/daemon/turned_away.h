/* Words for the log about clients that got no server, each kind once in ten seconds at most. */
#ifndef QHCP_DAEMON_TURNED_AWAY_H
#define QHCP_DAEMON_TURNED_AWAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/time.h"

struct fleet_self;
struct proxy;

enum turned_away_kind {
    TURNED_AWAY_NOBODY,   /* there was no server */
    TURNED_AWAY_CROWDED,  /* their source had its most */
    TURNED_AWAY_NO_PORT,  /* sent elsewhere: no source port was left towards a server */
    TURNED_AWAY_UNLOGGED, /* their end did not reach the log of connections */
    TURNED_AWAY_KINDS
};

struct turned_away {
    uint64_t waiting[TURNED_AWAY_KINDS]; /* not told yet */
    qhcp_nsec not_before[TURNED_AWAY_KINDS];
    uint64_t crowded, unlogged; /* of the proxy's: counted here already */
    char where[ADDRESS_KEY];    /* TURNED_AWAY_NO_PORT: the newest server */
};

/* services: servers of the fleet whose data port is known. */
void turned_away_say(struct turned_away *t, qhcp_nsec now, const struct proxy *p,
                     const struct fleet_self *fleet, size_t services);
/* When what waits may be told; NSEC_NEVER: nothing waits. */
qhcp_nsec turned_away_deadline(const struct turned_away *t);

#endif
