/* The wall clock, for people and for tokens; the monotonic one, for everything that waits. */
#ifndef QHCP_BASE_OS_CLOCK_H
#define QHCP_BASE_OS_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/time.h"

#define CLOCK_TEXT 32 /* bytes of a time as text */

/* The monotonic clock. */
static inline qhcp_nsec clock_monotonic(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (qhcp_nsec)ts.tv_sec * NSEC_PER_SEC + (qhcp_nsec)ts.tv_nsec;
}

/* Milliseconds since 1970, UTC. */
int64_t clock_wall_ms(void);

/* Seconds since 1970; the cores' wall_clock callback, ctx is not used. */
int64_t clock_unix(void *ctx);

/* "2026-11-23T15:43:17.123Z" (RFC 3339), into ret and returned. */
const char *clock_rfc3339(int64_t ms, char ret[CLOCK_TEXT]);

/* The same in local time: "2026-11-23T16:43:17.123+01:00"; with "Z" where that is UTC. */
const char *clock_rfc3339_local(int64_t ms, char ret[CLOCK_TEXT]);

/* "2026-11-23 16:43:17 CET", local time and its zone. */
const char *clock_local(int64_t ms, char ret[CLOCK_TEXT]);

#endif
