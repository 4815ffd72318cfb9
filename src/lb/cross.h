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

#include "base/prng.h"
#include "base/time.h"

struct backend;

#define CROSS_SAMPLE 24                   /* servers that are asked in a cross-check ... */
#define CROSS_WIDE 72                     /* ... and others, if those leave a doubt */
#define CROSS_TRIES 3                     /* for each of them, so many are looked at */
#define CROSS_PAUSE (100 * NSEC_PER_MSEC) /* between two; so long one's answers count */

/* Of one server; embedded in struct backend; only cross.c changes it. */
struct cross {
    bool suspected;    /* counted in crowd.suspects */
    bool half;         /* counted in crowd.halves */
    unsigned asked_in; /* the newest cross-check that asked it; 0: none did */
    bool waited_for;   /* by that one */
};

/* Of all; embedded in struct qhcp_lb. */
struct crowd {
    size_t suspects; /* servers that miss checks now */
    size_t halves;   /* those of them that are doubted (health_doubted) */
    unsigned number; /* the newest cross-check's; 0: there was none */
    unsigned asked, silent;
    bool wide; /* CROSS_WIDE were asked too */
    qhcp_nsec at;
    uint32_t spread;    /* where in the list the next one is looked for, in parts of 2^32 ... */
    struct prng random; /* ... and how far behind it */
};

/* b is settled: counts it among suspects, and decides whether to check others. Those are touched,
 * at most CROSS_SAMPLE in a CROSS_PAUSE, and CROSS_WIDE more where a quarter of those are silent.
 */
void cross_look(struct backend *b);
void cross_forget(struct backend *b);

#endif
