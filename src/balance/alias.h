/* Walker's alias method, built as Vose has it (IEEE Trans. Softw. Eng. 17(9), 1991): a draw by
 * weights in constant time. */
#ifndef QHCP_BALANCE_ALIAS_H
#define QHCP_BALANCE_ALIAS_H

#include <stddef.h>
#include <stdint.h>

struct alias {
    uint32_t cut;   /* of 2^32: so often it is the entry itself ... */
    uint32_t other; /* ... and otherwise this one */
};

/* Bytes of scratch that alias_init needs. */
size_t alias_scratch(size_t n);
/* ret and weight: n entries; the weights are 0 or more and 1 in all.  scratch: aligned for a
 * double. */
void alias_init(struct alias *ret, const float *weight, size_t n, void *scratch);

/* random: 64 random bits. */
static inline uint32_t alias_draw(const struct alias *a, size_t n, uint64_t random)
{
    uint32_t i = (uint32_t)(((random >> 32) * n) >> 32);

    return (uint32_t)random < a[i].cut ? i : a[i].other;
}

#endif
