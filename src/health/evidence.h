/* The evidence of a verdict: the newest checks and their results, the last signal, and what was
 * needed and seen.  Kept so that "why was it down" has an answer afterwards; no allocation. */
#ifndef QHCP_HEALTH_EVIDENCE_H
#define QHCP_HEALTH_EVIDENCE_H

#include "base/time.h"

#define EVIDENCE_SAMPLES 8

enum evidence_fate {
    EVIDENCE_NONE = 0, /* no sample */
    EVIDENCE_OPEN,     /* not answered yet */
    EVIDENCE_ANSWERED,
    EVIDENCE_MISSED,
    EVIDENCE_NO_BEAT, /* not a check: a beat that did not come */
};

struct evidence_sample {
    qhcp_nsec sent;
    uint32_t rtt_us;
    uint8_t fate; /* enum evidence_fate */
};

struct evidence_ring {
    struct evidence_sample at[EVIDENCE_SAMPLES];
    unsigned next; /* counts all; modulo EVIDENCE_SAMPLES: the oldest */
};

/* A verdict's. */
struct evidence {
    qhcp_nsec at; /* of the verdict; 0: there was none */
    unsigned misses, misses_asked;
    qhcp_nsec span;       /* from the first missed check's sending to the verdict */
    qhcp_nsec span_asked; /* from the first missed check's sending to the last one's */
    unsigned share;       /* of checks that fail, in tenths of a permille */
    unsigned dials;       /* failed in a row */
    int signal;           /* the last one (enum health_signal), or -1 */
    qhcp_nsec signal_at;
    qhcp_nsec srtt;
    struct evidence_ring ring;
};

void evidence_sent(struct evidence_ring *r, qhcp_nsec now);
/* The newest one did not leave after all. */
void evidence_unsent(struct evidence_ring *r);
/* The beat that should have come then did not. */
void evidence_no_beat(struct evidence_ring *r, qhcp_nsec at);
/* The check sent about then (the nearest sample within slack) was answered, or missed. */
void evidence_answered(struct evidence_ring *r, qhcp_nsec sent, qhcp_nsec slack, qhcp_nsec rtt);
void evidence_missed(struct evidence_ring *r, qhcp_nsec sent);

/* The samples, oldest first, relative to `at`: "-1000 ms: 0.2 ms, -165 ms: missed".  Truncated to
 * cap. */
void evidence_format(const struct evidence_ring *r, qhcp_nsec at, char *ret, size_t cap);

#endif
