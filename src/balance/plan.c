#include "balance/plan.h"

enum pool { POOL_UP, POOL_DEGRADED, POOLS };

struct tiers {
    double all[FLEET_TIERS];            /* weight, whatever the health */
    double usable[FLEET_TIERS][POOLS];  /* weight times share */
    double divisor[FLEET_TIERS][POOLS]; /* the same, with errors */
    double load[FLEET_TIERS][POOLS];    /* part of the traffic */
};

static double trust(const struct fleet_server *s)
{
    double over, kept;

    if (s->errors <= PLAN_ERRORS_FREE)
        return 1.0;
    over = (double)(s->errors - PLAN_ERRORS_FREE) / (1000.0 - PLAN_ERRORS_FREE);
    kept = 1.0 - over;
    kept = kept * kept * kept;
    return kept > PLAN_ERRORS_LEAST ? kept : PLAN_ERRORS_LEAST;
}

static uint32_t tier_of(const struct fleet_server *s)
{
    return s->priority < FLEET_TIERS ? s->priority : FLEET_TIERS - 1;
}

static void sum_up(const struct fleet *f, struct tiers *t)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct fleet_server *s = &f->servers[i];
        uint32_t tier = tier_of(s);
        double usable = (double)s->weight * s->share / FLEET_SHARE;

        t->all[tier] += s->weight;
        t->usable[tier][s->degraded] += usable;
        t->divisor[tier][s->degraded] += usable * trust(s);
    }
}

static void spread(struct tiers *t)
{
    double left = 1.0, given;

    for (unsigned pool = 0; pool < POOLS; pool++) {
        for (unsigned tier = 0; tier < FLEET_TIERS; tier++) {
            double usable = t->usable[tier][pool], takes;

            if (usable <= 0.0)
                continue;
            takes = PLAN_OVERPROVISION * usable / t->all[tier];
            takes = takes < left ? takes : left;
            t->load[tier][pool] = takes;
            left -= takes;
        }
    }
    given = 1.0 - left;
    for (unsigned tier = 0; tier < FLEET_TIERS && given > 0.0; tier++)
        for (unsigned pool = 0; pool < POOLS; pool++)
            t->load[tier][pool] /= given;
}

size_t plan_make(const struct fleet *f, uint32_t *at, float *weight)
{
    struct tiers t = {{0}, {{0}}, {{0}}, {{0}}};
    size_t n = 0;

    sum_up(f, &t);
    spread(&t);
    for (size_t i = 0; i < f->n; i++) {
        const struct fleet_server *s = &f->servers[i];
        uint32_t tier = tier_of(s);
        double load = t.load[tier][s->degraded];

        if (s->share == 0 || s->weight == 0 || load <= 0.0)
            continue;
        at[n] = (uint32_t)i;
        weight[n++] = (float)(load * s->weight * s->share / FLEET_SHARE * trust(s) /
                              t.divisor[tier][s->degraded]);
    }
    return n;
}
