/* A thread's random numbers: splitmix64, whose state is one word and whose period is 2^64. */
#ifndef QHCP_BALANCE_RANDOM_H
#define QHCP_BALANCE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n-1; n is above 0 and below 2^32. */
static inline uint32_t random_below(struct random *r, size_t n)
{
    return (uint32_t)(((random_next(r) >> 32) * n) >> 32);
}

/* 0 to 1, without 1. */
static inline double random_unit(struct random *r)
{
    return (double)(random_next(r) >> 11) / 9007199254740992.0;
}

#endif
