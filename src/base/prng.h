/* Fast random numbers that can be guessed: splitmix64, whose state is one word and whose period is
 * 2^64.  For numbers that nobody may guess: base/os/entropy.h. */
#ifndef QHCP_BASE_PRNG_H
#define QHCP_BASE_PRNG_H

#include <stddef.h>
#include <stdint.h>

struct prng {
    uint64_t state;
};

/* Every bit of z moves half the bits of what comes out. */
static inline uint64_t prng_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t prng_next(struct prng *r)
{
    return prng_mix(r->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 to n-1; n is above 0 and below 2^32. */
static inline uint32_t prng_below(struct prng *r, size_t n)
{
    return (uint32_t)(((prng_next(r) >> 32) * n) >> 32);
}

/* 0 to 1, without 1. */
static inline double prng_unit(struct prng *r)
{
    return (double)(prng_next(r) >> 11) / 9007199254740992.0;
}

#endif
