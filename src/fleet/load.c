#include "fleet/load.h"

#include <string.h>

static uint64_t pack(float us, uint32_t ms)
{
    uint32_t bits;

    memcpy(&bits, &us, sizeof bits);
    return (uint64_t)bits << 32 | ms;
}

static float unpack(uint64_t packed)
{
    uint32_t bits = (uint32_t)(packed >> 32);
    float us;

    memcpy(&us, &bits, sizeof us);
    return us;
}

/* e^-x to within a percent for small x, and falling to 0; without libm. */
static float decay(float x)
{
    return 1.0f / (1.0f + x * (1.0f + x * (0.5f + x * (1.0f / 6.0f + x * (1.0f / 24.0f)))));
}

static float faded(uint64_t packed, uint32_t ms, float *ret_share)
{
    uint32_t passed = ms - (uint32_t)packed;

    if (passed > UINT32_MAX / 2)
        passed = 0; /* another thread was here, a moment ahead of us */
    *ret_share = decay((float)passed / (float)(LOAD_DECAY / NSEC_PER_MSEC));
    return unpack(packed) * *ret_share;
}

void load_latency(struct load *l, qhcp_nsec now, float us)
{
    uint32_t ms = (uint32_t)(now / NSEC_PER_MSEC);
    uint64_t before = atomic_load_explicit(&l->latency, memory_order_relaxed), after;
    float share;

    us = us < 1.0f ? 1.0f : us;
    do {
        if (before == 0 || us >= unpack(before))
            after = pack(us, ms);
        else
            after = pack(faded(before, ms, &share) + us * (1.0f - share), ms);
    } while (!atomic_compare_exchange_weak_explicit(&l->latency, &before, after,
                                                    memory_order_relaxed, memory_order_relaxed));
}

float load_latency_us(const struct load *l, qhcp_nsec now)
{
    uint64_t packed = atomic_load_explicit(&l->latency, memory_order_relaxed);
    float share;

    return packed == 0 ? LOAD_FIRST_LATENCY_US
                       : faded(packed, (uint32_t)(now / NSEC_PER_MSEC), &share);
}
