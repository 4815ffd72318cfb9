/* Weighted turns without bursts: each server's next turn is at a time of its own, 1 / weight after
 * the last one, and the earliest is next (earliest deadline first).  Equal weights make a plain
 * rotation.  A turn costs the depth of a heap, not a walk over all, as nginx's smooth weighted
 * round robin does, which has the same weights and the same spacing. */
#ifndef QHCP_BALANCE_SCHEDULE_H
#define QHCP_BALANCE_SCHEDULE_H

#include "balance/algorithm.h"

/* An algorithm's own_size, own_init and pick. */
size_t schedule_size(const struct balance *b);
/* Goes on from where the worker before was, with whatever weights there are now; a server that is
 * new, and every one at first, begins at a random time of its turn, so that threads do not all
 * begin with the same server. */
void schedule_init(struct balance_worker *w, const struct balance_worker *before);
uint32_t schedule_pick(struct balance_worker *w, const struct balance_request *r);

#endif
