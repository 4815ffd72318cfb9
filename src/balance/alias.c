#include "balance/alias.h"

size_t alias_scratch(size_t n)
{
    return n * (sizeof(double) + sizeof(uint32_t));
}

/* Entries that have too little are filled up from those that have too much; both wait on a stack,
 * one from each end of the same array. */
void alias_init(struct alias *ret, const float *weight, size_t n, void *scratch)
{
    double *have = scratch;
    uint32_t *stack = (uint32_t *)(have + n);
    size_t few = 0, many = n;

    for (size_t i = 0; i < n; i++) {
        have[i] = (double)weight[i] * (double)n;
        ret[i] = (struct alias){.cut = UINT32_MAX, .other = (uint32_t)i};
        if (have[i] < 1.0)
            stack[few++] = (uint32_t)i;
        else
            stack[--many] = (uint32_t)i;
    }
    while (few > 0 && many < n) {
        uint32_t poor = stack[--few], rich = stack[many++];

        ret[poor].cut = (uint32_t)(have[poor] * 4294967295.0);
        ret[poor].other = rich;
        have[rich] -= 1.0 - have[poor];
        if (have[rich] < 1.0)
            stack[few++] = rich;
        else
            stack[--many] = rich;
    }
}
