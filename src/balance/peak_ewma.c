/* Of two by chance and weight, the one whose requests take less time: its latency, in which peaks
 * count at once and fade over ten seconds, times the requests that are before us there (Finagle).
 */
#include "balance/algorithm.h"

static float cost(const struct balance *b, uint32_t place, qhcp_nsec now)
{
    const struct fleet_server *s = balance_server(b, place);

    return (load_latency_us(s->load, now) + 1.0f) * (float)(fleet_in_flight(s) + 1);
}

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    uint32_t one = balance_draw(w), other = balance_draw(w);

    return cost(w->balance, other, r->now) < cost(w->balance, one, r->now) ? other : one;
}

const struct balance_algorithm peak_ewma_algorithm = {
    .name = "peak-ewma",
    .doc = "of two by chance, the one whose latency times requests in flight is less",
    .samples = true,
    .pick = pick,
};
