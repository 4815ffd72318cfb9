#include "health/brake.h"

size_t brake_limit(const struct brake *b)
{
    size_t limit = b->servers / 100 * b->percent + b->servers % 100 * b->percent / 100;

    return limit > 0 ? limit : 1;
}

/* Parts that are older than the span are forgotten. */
static void advance(struct brake *b, qhcp_nsec now)
{
    uint64_t part = now / (b->span / BRAKE_PARTS > 0 ? b->span / BRAKE_PARTS : 1);

    if (part > b->part + BRAKE_PARTS)
        b->part = part - BRAKE_PARTS;
    while (b->part < part) {
        uint32_t *oldest = &b->in[++b->part % BRAKE_PARTS];

        b->taken -= *oldest;
        *oldest = 0;
    }
}

bool brake_take(struct brake *b, qhcp_nsec now)
{
    if (b->percent == 0)
        return true;
    advance(b, now);
    if (b->taken >= brake_limit(b))
        return false;
    b->in[b->part % BRAKE_PARTS]++;
    b->taken++;
    return true;
}
