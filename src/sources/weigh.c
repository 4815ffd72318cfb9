#include "sources/weigh.h"

#include "fleet/fleet.h"

/* The lowest different priorities, ascending; how many. */
static unsigned find_tiers(const struct record *at, size_t n, unsigned ret[FLEET_TIERS])
{
    unsigned from = 0, tiers = 0;

    while (tiers < FLEET_TIERS) {
        unsigned next = UINT16_MAX + 1u;

        for (size_t i = 0; i < n; i++)
            if (at[i].priority >= from && at[i].priority < next)
                next = at[i].priority;
        if (next > UINT16_MAX)
            break;
        ret[tiers++] = next;
        from = next + 1;
    }
    return tiers;
}

static uint16_t tier_of(const unsigned *tiers, unsigned n, unsigned priority)
{
    unsigned tier = 0;

    while (tier + 1 < n && tiers[tier] < priority)
        tier++;
    return (uint16_t)tier;
}

void weigh(struct record *at, size_t n)
{
    unsigned tiers[FLEET_TIERS], n_tiers = find_tiers(at, n, tiers), most = FLEET_WEIGHT_MAX;

    for (size_t i = 0; i < n; i++)
        most = at[i].weight > most ? at[i].weight : most;
    for (size_t i = 0; i < n; i++) {
        unsigned weight = at[i].weight * (unsigned)FLEET_WEIGHT_MAX / most;

        at[i].weight = (uint16_t)(weight > 0 ? weight : 1);
        at[i].priority = tier_of(tiers, n_tiers, at[i].priority);
    }
}
