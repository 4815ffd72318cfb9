/* The one with the fewest requests in flight for its weight; of two that have as few, the one that
 * answers faster.  Where there are many servers only a run of them is looked at, from a random
 * place on: the best of 128 is among the best hundredth of all, and two threads do not run to the
 * same one.  More than two are not compared, or whoever answers a trifle faster would get all. */
#include "balance/algorithm.h"

#define RUN 128

/* One whose latency nobody knows is tried first. */
static float latency(const struct balance *b, size_t place, qhcp_nsec now)
{
    const struct fleet_server *s = balance_server(b, (uint32_t)place);
    bool known = s->latency_us != FLEET_UNKNOWN || load_latency_known(s->load);

    return known ? fleet_latency_us(s, now) : 0.0f;
}

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    const struct balance *b = w->balance;
    size_t look = b->n < RUN ? b->n : RUN, place = random_below(&w->random, b->n);
    size_t best = place, other = b->n;
    float least = 0.0f;

    for (size_t i = 0; i < look; i++) {
        const struct fleet_server *s = balance_server(b, (uint32_t)place);
        float load = (float)(fleet_in_flight(s) + 1) / b->weight[place];

        if (other == b->n && i > 0 && load == least && !balance_tried(r, b->at[place])) {
            other = place;
        } else if ((i == 0 || load < least) && !balance_tried(r, b->at[place])) {
            least = load;
            best = place;
            other = b->n;
        }
        place = place + 1 < b->n ? place + 1 : 0;
    }
    if (other < b->n && latency(b, other, r->now) < latency(b, best, r->now))
        best = other;
    return (uint32_t)best;
}

const struct balance_algorithm least_connections_algorithm = {
    .name = "least-connections",
    .doc = "the fewest requests in flight for its weight; of two that have as few, the faster one",
    .pick = pick,
};
