/* The state of one server that follows from what the server says of itself, and from what else is
 * known of it. */
#ifndef QHCP_HEALTH_VERDICT_H
#define QHCP_HEALTH_VERDICT_H

#include <stdbool.h>

#include <qhcp/types.h>

#include "health/cause.h"

struct verdict_facts {
    enum qhcp_state state; /* what it is now, ... */
    enum health_cause cause;
    unsigned status; /* what the server says now: enum qhcp_status, or whatever came */
    bool complete;   /* with the required metrics */
    bool stopped;    /* TERMINATE was seen on this connection */
    bool port_bad;   /* whoever uses its data port says so */
    bool ill;        /* we may be why its data port seems bad */
    bool risen;      /* it has answered as often as a server that was down must */
    bool held;       /* its flapping is held against it */
};

struct verdict {
    enum qhcp_state state;
    enum health_cause cause;
    bool soon; /* the server must answer again before it is up: ask soon */
};

struct verdict verdict_of(const struct verdict_facts *f);

/* New traffic may go to a server in this state. */
bool verdict_serves(enum qhcp_state state);

#endif
