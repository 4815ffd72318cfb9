/* What part of the traffic each server is to get, before any algorithm has its say.
 *
 * Within a tier by weight times share (health, slow start, panic), and less for one whose
 * connections fail: a server that fails fast has few connections in flight and answers quickly, so
 * that it would look attractive to whoever asks for just that ("sinkholing").
 *
 * Between tiers as Envoy has it ("priority levels", overprovisioning factor 1.4): a tier takes all
 * that comes to it while 1 / 1.4 = 71 % of its weight is up, and with less health that much less;
 * the rest goes to the next tier.  Degraded servers come after the last tier, by the same rule:
 * they get what those that are up do not suffice for.  What nobody suffices for is spread over all.
 */
#ifndef QHCP_BALANCE_PLAN_H
#define QHCP_BALANCE_PLAN_H

#include "fleet/fleet.h"

#define PLAN_OVERPROVISION 1.4
#define PLAN_ERRORS_FREE 50    /* permille of failures that are forgiven */
#define PLAN_ERRORS_LEAST 0.01 /* of its weight that one keeps which fails always */

/* Fills at (indexes of servers, ascending) and weight (1 in all), each with room for f->n; returns
 * how many there are. */
size_t plan_make(const struct fleet *f, uint32_t *at, float *weight);

#endif
