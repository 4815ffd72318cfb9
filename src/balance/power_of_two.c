/* Of two by chance and weight, the one with fewer requests in flight for its weight (Mitzenmacher,
 * IEEE Trans. Parallel Distrib. Syst. 12(10), 2001): nearly as even as looking at all of them, and
 * safe with old numbers, since no two threads look at the same two. */
#include "balance/algorithm.h"

static float load(const struct balance *b, uint32_t place)
{
    return (float)fleet_in_flight(balance_server(b, place)) / b->weight[place];
}

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    uint32_t one = balance_draw(w), other = balance_draw(w);

    (void)r;
    return load(w->balance, other) < load(w->balance, one) ? other : one;
}

const struct balance_algorithm power_of_two_algorithm = {
    .name = "power-of-two",
    .doc = "of two by chance, the one with fewer requests in flight for its weight",
    .samples = true,
    .pick = pick,
};
