/* In turn, by what each serves for the utilization it has: rate / (utilization + errors), the
 * weight of gRPC's weighted round robin (gRFC A58, from ORCA's load reports, error penalty 1).  A
 * server that says too little to tell gets the mean. */
#include "balance/schedule.h"

#define LEAST_UTILIZATION 0.01f /* less is noise, and its inverse would be everything */
#define LEAST_SHARE 0.1f /* of the mean weight, and at most its inverse: one wrong report ... */
#define MOST_SHARE 10.0f /* ... must not move all */

/* 0: it cannot be told. */
static float told(const struct fleet_server *s)
{
    float used;

    if (s->utilization == FLEET_UNKNOWN || s->rate == FLEET_UNKNOWN || s->rate == 0)
        return 0.0f;
    used = (float)s->utilization / 1000.0f;
    used = used > LEAST_UTILIZATION ? used : LEAST_UTILIZATION;
    return (float)s->rate / 1000.0f / (used + (float)s->errors / 1000.0f);
}

/* Per unit of the plan's weight, so that weights, slow start and tiers stay what they are: the rate
 * follows the traffic, which follows the weight. */
static void weigh(struct balance *b)
{
    float sum = 0.0f, mean;
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++) {
        float t = told(balance_server(b, (uint32_t)i));

        sum += t;
        n += t > 0.0f;
    }
    if (n == 0)
        return;
    mean = sum / (float)n;
    for (size_t i = 0; i < b->n; i++) {
        float t = told(balance_server(b, (uint32_t)i)), part = t > 0.0f ? t / mean : 1.0f;

        part = part < LEAST_SHARE ? LEAST_SHARE : part;
        b->weight[i] *= part > MOST_SHARE ? MOST_SHARE : part;
    }
}

const struct balance_algorithm utilization_algorithm = {
    .name = "utilization",
    .doc = "in turn, by what each serves for the utilization it reports",
    .weigh = weigh,
    .own_size = schedule_size,
    .own_init = schedule_init,
    .pick = schedule_pick,
};
