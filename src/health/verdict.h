/* The state of one server: how it is changed, with its evidence, and what follows from what the
 * server says of itself. */
#ifndef QHCP_HEALTH_VERDICT_H
#define QHCP_HEALTH_VERDICT_H

#include "health/health.h"

/* New traffic may go to it. */
bool verdict_serves(enum qhcp_state state);

/* The owner is ill: its doubts do not count. */
bool verdict_ill(const struct health *h, qhcp_nsec now);

void verdict_set(struct health *h, qhcp_nsec now, enum qhcp_state state, enum health_cause cause,
                 struct health_step *ret);

/* The verdict just set is one of silence, about a session that may live: what it was for is kept
 * until the session is heard of again. */
void verdict_accused(struct health *h);

/* That session has answered. */
void verdict_refuted(struct health *h, qhcp_nsec now, struct health_step *ret);

/* The server says this of itself (enum qhcp_status). */
void verdict_status(struct health *h, qhcp_nsec now, unsigned status, struct health_step *ret);

#endif
