/* Which other servers are silent?  The crowd of suspects, and the cross-check of others.
 *
 * Before one server is called down for its silence, this finds out whether others are silent too.
 * In: the servers' healths as they change; out: the signs of a common cause (health/local.h).
 * Without the cross-check, the silence of a whole fleet would be seen before the first verdict only
 * if its probes are close together.  No server is convicted before the servers that were asked have
 * answered or are suspects themselves: their time-outs may be longer than the time left to the
 * verdict. */
#ifndef QHCP_LB_CROSS_H
#define QHCP_LB_CROSS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/time.h"

struct backend;

#define CROSS_SAMPLE 24                   /* servers that are asked in a cross-check */
#define CROSS_TRIES 64                    /* of which so many are looked at */
#define CROSS_PAUSE (100 * NSEC_PER_MSEC) /* between two; so long one's answers count */

/* Of one server; embedded in struct backend; only cross.c changes it. */
struct cross {
    bool suspected;   /* counted in crowd.suspects */
    bool half;        /* counted in crowd.halves */
    unsigned sampled; /* in the cross-check of this number, which waits for it still; 0: in none */
};

/* Of all; embedded in struct qhcp_lb. */
struct crowd {
    size_t suspects; /* servers that miss checks now */
    size_t halves;   /* those of them that are doubted (health_doubted) */
    unsigned number; /* the newest cross-check's; 0: there was none */
    unsigned asked, silent;
    qhcp_nsec at;
    size_t next; /* who is asked next */
};

/* b is settled: counts it among suspects, and decides whether to check others. Those are touched,
 * at most CROSS_SAMPLE in a CROSS_PAUSE. */
void cross_look(struct backend *b);
void cross_forget(struct backend *b);

#endif
