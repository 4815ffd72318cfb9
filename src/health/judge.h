/* Health's conclusions, inside: what a server's state becomes, with the evidence for it. */
#ifndef QHCP_HEALTH_JUDGE_H
#define QHCP_HEALTH_JUDGE_H

#include "health/health.h"

/* The owner is in trouble: its doubts do not count. */
bool judge_ill(const struct health *h, qhcp_nsec now);

/* The distances of probes now. */
struct silence_waits judge_waits(const struct health *h, qhcp_nsec now);

/* Between regular probes: rarer while beats come. */
qhcp_nsec judge_regular(const struct health *h);

/* The next beat is expected, where there are any. */
void judge_expect(struct health *h, qhcp_nsec now);

/* A beat came at `at`: what it acquits of, and teaches of the path. */
void judge_beat(struct health *h, qhcp_nsec now, qhcp_nsec at);

/* The session or attempt is over; the next dial is due at `next`. */
void judge_idle(struct health *h, qhcp_nsec next);

void judge_state(struct health *h, qhcp_nsec now, enum qhcp_state state, enum health_cause cause,
                 struct health_step *ret);

/* The session or attempt is given up and the server is down. */
void judge_down(struct health *h, qhcp_nsec now, enum health_cause cause, struct health_step *ret);

/* An attempt has failed. */
void judge_dial(struct health *h, qhcp_nsec now, enum health_cause cause, struct health_step *ret);

/* The server lives: nothing is held against it any more. */
void judge_acquit(struct health *h);

/* A check was answered, which acquits; what it teaches of the path. */
void judge_answer(struct health *h, qhcp_nsec now, qhcp_nsec at, qhcp_nsec rtt,
                  struct health_step *ret);

/* The state that follows from what the server says of itself (session.status). */
void judge_status(struct health *h, qhcp_nsec now, struct health_step *ret);

/* What burst and silence amount to now, of a server that is watched. */
void judge_burst(struct health *h, qhcp_nsec now, struct health_step *ret);
void judge_silence(struct health *h, qhcp_nsec now, struct health_step *ret);

#endif
