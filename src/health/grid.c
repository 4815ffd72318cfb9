#include "health/grid.h"

void grid_begin(struct grid *g, qhcp_nsec now)
{
    *g = (struct grid){.at = now};
}

/* The multiple of the tick before it, unless that is over. */
static qhcp_nsec on_tick(qhcp_nsec at, qhcp_nsec now, qhcp_nsec tick)
{
    qhcp_nsec early = tick > 0 ? at % tick : 0;

    return at - early > now ? at - early : at;
}

void grid_advance(struct grid *g, qhcp_nsec now, const struct grid_terms *t)
{
    qhcp_nsec early = (qhcp_nsec)((double)t->interval * t->phase / 4294967296.0);

    if (now < g->at)
        return;
    g->at = nsec_add(g->at, ((now - g->at) / t->interval + 1) * t->interval);
    if (!g->shifted)
        g->at = nsec_max(g->at - early, now + 1);
    g->shifted = true;
    g->at = on_tick(g->at, now, t->tick);
}

void grid_hasten(struct grid *g, qhcp_nsec now, qhcp_nsec interval)
{
    g->at = nsec_min(g->at, nsec_add(now, interval));
}
