/* The probes of one connection that wait for an answer, and what their silence amounts to. */
#ifndef QHCP_HEALTH_SILENCE_H
#define QHCP_HEALTH_SILENCE_H

#include "health/health.h"

void silence_forget(struct health *h);

/* A probe left (not a burst's). */
void silence_sent(struct health *h, qhcp_nsec now);

/* The distance of probes while misses > 0: as the demand says, but at least the regular ones. */
qhcp_nsec silence_pace(const struct health *h, qhcp_nsec now);

/* The newest one did not leave after all. */
void silence_take_back(struct health *h);

/* A probe of a burst, sent then, was not answered: it counts towards a silence that outlasts what
 * can be sent, though not as a miss. */
void silence_unheard(struct health *h, qhcp_nsec sent);

/* One was answered: those sent before it are no longer waited for, and the path's loss is told how
 * it went. */
void silence_answered(struct health *h, qhcp_nsec now, qhcp_nsec rtt);

/* Counts what is overdue as missed; true when that convicts: h->misses and h->first_miss_sent say
 * by what. */
bool silence_convicts(struct health *h, qhcp_nsec now);

/* We come so long after `due` that the answer may be there unread: not the server's fault. */
bool silence_too_late(qhcp_nsec now, qhcp_nsec due, qhcp_nsec timeout);

#endif
