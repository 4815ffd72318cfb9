/* Hot or cold (Prequal: Wydrowski et al., NSDI '24, section 4): of a few by chance and weight,
 * those whose requests in flight are at or below a quantile of what is usual are cold.  Of the cold
 * ones the one with the least latency; where all are hot, the one with the fewest requests in
 * flight.
 *
 * Prequal keeps a pool of probes; here every server's health response is one, and what we sent it
 * since is known at once. */
#include "balance/algorithm.h"

#define SAMPLE 5
#define QUANTILE 0.84f /* 2^-0.25, the paper's */
#define STEP 0.05f     /* by which the estimate of it follows, of itself */

struct hot {
    float above; /* more requests in flight than this are hot */
};

static size_t own_size(const struct balance *b)
{
    (void)b;
    return sizeof(struct hot);
}

static void own_init(struct balance_worker *w, const struct balance_worker *before)
{
    struct hot *h = w->own;

    *h = before ? *(const struct hot *)before->own : (struct hot){1.0f};
}

/* A quantile without a histogram: up by its part for each value above, down by the rest for each at
 * or below; they cancel where it is right. */
static void learn(struct hot *h, float in_flight)
{
    float step = STEP * (h->above > 1.0f ? h->above : 1.0f);

    h->above += in_flight > h->above ? step * QUANTILE : -step * (1.0f - QUANTILE);
    h->above = h->above > 0.0f ? h->above : 0.0f;
}

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    struct hot *h = w->own;
    float hot = h->above + 1.0f; /* counts are whole: the estimate is rounded up */
    uint32_t best = 0;
    float best_latency = 0.0f, best_in_flight = 0.0f;
    bool best_cold = false;

    for (unsigned i = 0; i < SAMPLE; i++) {
        uint32_t place = balance_draw(w);
        const struct fleet_server *s = balance_server(w->balance, place);
        float in_flight = (float)fleet_in_flight(s), latency = fleet_latency_us(s, r->now);
        bool cold = in_flight < hot;
        bool better = cold != best_cold ? cold
                      : cold            ? latency < best_latency
                                        : in_flight < best_in_flight;

        learn(h, in_flight);
        if (i > 0 && !better)
            continue;
        best = place;
        best_cold = cold;
        best_latency = latency;
        best_in_flight = in_flight;
    }
    return best;
}

const struct balance_algorithm prequal_algorithm = {
    .name = "prequal",
    .doc = "of a few by chance, the least latency among those with few requests in flight",
    .samples = true,
    .own_size = own_size,
    .own_init = own_init,
    .pick = pick,
};
