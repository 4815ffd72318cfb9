#include "health/grid.h"

void grid_begin(struct grid *g, qhcp_nsec now)
{
    *g = (struct grid){.at = now};
}

void grid_advance(struct grid *g, qhcp_nsec now, qhcp_nsec interval, uint32_t phase)
{
    qhcp_nsec early = (qhcp_nsec)((double)interval * phase / 4294967296.0);

    if (now < g->at)
        return;
    g->at = nsec_add(g->at, ((now - g->at) / interval + 1) * interval);
    if (!g->shifted)
        g->at = nsec_max(g->at - early, now + 1);
    g->shifted = true;
}

void grid_hasten(struct grid *g, qhcp_nsec now, qhcp_nsec interval)
{
    g->at = nsec_min(g->at, nsec_add(now, interval));
}
