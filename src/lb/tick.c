#include "lb/tick.h"

#include "lb/internal.h"

qhcp_nsec tick_length(size_t servers, qhcp_nsec interval)
{
    qhcp_nsec parts = (interval + TICK_MOST - 1) / TICK_MOST;

    return servers >= parts * TICK_LEAST_PROBES ? interval / parts : 0;
}

void tick_adapt(struct qhcp_lb *lb)
{
    lb->tick.length = tick_length(lb->count, lb->config->liveness_interval);
}

uint64_t qhcp_lateness_us(size_t class)
{
    static const uint64_t bounds[QHCP_LATENESS - 1] = {50,   100,   200,   300,   500,    700,
                                                       1000, 1500,  2000,  3000,  4000,   5000,
                                                       7000, 10000, 20000, 50000, 100000, 1000000};

    return class < QHCP_LATENESS - 1 ? bounds[class] : UINT64_MAX;
}

void tick_left(struct tick *t, qhcp_nsec now, qhcp_nsec slot)
{
    uint64_t us = now > slot ? (now - slot) / NSEC_PER_USEC : 0;
    size_t class = 0;

    while (us > qhcp_lateness_us(class))
        class ++;
    t->lateness.count[class]++;
}
