/* What health says of a server, put into effect: the connection is given up or kept, an attempt or
 * a check begins, and a verdict has words, a count and an event. */
#ifndef QHCP_LB_ACT_H
#define QHCP_LB_ACT_H

#include "health/health.h"

struct backend;

/* Does what health asks for, and announces a verdict. */
void act_on(struct backend *b, qhcp_nsec now, const struct health_step *step);
void act_signal(struct backend *b, qhcp_nsec now, enum health_signal signal);
/* Health is due. */
void act_poll(struct backend *b, qhcp_nsec now);
/* A session was established: the server's identity is known. */
void act_established(struct backend *b);
/* The first good answer after a restart that was never a verdict: an event from up to up. */
void act_restarted(struct backend *b);
void act_data_port(struct backend *b, qhcp_nsec now, bool open, const char *words);

#endif
