/* The brake (health/brake.h) at work: which servers it holds, and what people are told of it.
 *
 * A server that is held is silent and would be down, but as many servers as the brake lets through
 * went down for silence just now. It keeps its state, with the cause "brake". */
#ifndef QHCP_LB_HOLD_H
#define QHCP_LB_HOLD_H

#include <stdbool.h>

struct backend;
struct qhcp_lb;

/* Of one server; embedded in struct backend; only hold.c changes it. */
struct hold {
    bool held; /* counted in brake.held */
};

/* What the brake lets through follows from the configuration and the number of servers. */
void hold_adapt(struct qhcp_lb *lb);
/* Health has judged: counts, and tells. */
void hold_look(struct backend *b);
void hold_forget(struct backend *b);

#endif
