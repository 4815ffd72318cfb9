/* Time: one nanosecond type on the monotonic clock.  Time is a parameter everywhere; nothing below
 * src/loop reads a clock. */
#ifndef QHCP_BASE_TIME_H
#define QHCP_BASE_TIME_H

#include <qhcp/types.h>

#define NSEC_PER_USEC ((qhcp_nsec)1000)
#define NSEC_PER_MSEC ((qhcp_nsec)1000000)
#define NSEC_PER_SEC ((qhcp_nsec)1000000000)
/* "No deadline". */
#define NSEC_NEVER UINT64_MAX

static inline qhcp_nsec nsec_min(qhcp_nsec a, qhcp_nsec b)
{
    return a < b ? a : b;
}

static inline qhcp_nsec nsec_max(qhcp_nsec a, qhcp_nsec b)
{
    return a > b ? a : b;
}

/* a + b, NSEC_NEVER where it would overflow. */
static inline qhcp_nsec nsec_add(qhcp_nsec a, qhcp_nsec b)
{
    return a > NSEC_NEVER - b ? NSEC_NEVER : a + b;
}

#endif
