/* What a server means to those who are told of it (a proxy, a DNS answer, a file): decided here,
 * once for all sinks.
 *
 * In: a server as the fleet has it, and what panic leads to; out: may it get new traffic, how much
 * of its weight, or why not.  Pure.
 *
 * percent  is what its health and load deserve: slow start, a degraded server's part, and less
 * the more of its capacity it uses.  It moves in steps (base/ease.h).
 * weight   is its operator's, relative to others, and in no percent. */
#ifndef QHCP_SINKS_SAY_H
#define QHCP_SINKS_SAY_H

#include <stdbool.h>
#include <stdint.h>

#include "fleet/entry.h"

enum say_use {
    SAY_UNKNOWN = 0, /* not looked at yet, or no server: leave what was said before */
    SAY_SERVE,       /* new traffic: up, degraded, or used in a panic */
    SAY_DRAIN,       /* no new traffic; what it has may end */
    SAY_MAINTENANCE, /* its operator took it out */
    SAY_DOWN,        /* dead, refused, or not used in a panic */
};

struct say {
    enum say_use use;
    uint8_t percent;   /* SAY_SERVE: 10 to 100; else 0 */
    uint8_t cause;     /* the reason code: enum qhcp_cause */
    uint16_t weight;   /* the operator's; 0 is SAY_DRAIN */
    uint16_t priority; /* its tier, 0 first */
    bool degraded;
    bool panic; /* SAY_SERVE although it is not healthy, SAY_DOWN although it is */
};

/* Percent of its weight, in a step, that a server deserves which gets traffic: share in permille,
 * utilization in permille or FLEET_UNKNOWN. */
unsigned say_percent(bool degraded, unsigned share, uint32_t utilization);

/* before: what was said of the same server last; NULL or SAY_UNKNOWN: nothing. */
void say_server(const struct fleet_entry *e, enum qhcp_use use, const struct say *before,
                struct say *ret);

/* "serve", "drain" ... */
const char *say_use_name(enum say_use use);

/* Why, for people: fleet_reason, or that of panic; "" where there is nothing to say.  It has no
 * control characters. */
const char *say_why(const struct say *say, const struct fleet_entry *e);

#endif
