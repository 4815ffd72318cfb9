#include "sim.h"

#include <math.h>

#define MINUTE (60 * SEC)

uint64_t path_draw(struct path *p, uint64_t below)
{
    return prng_next(&p->random) % below;
}

static double unit(struct path *p)
{
    return (double)((prng_next(&p->random) >> 11) + 1) / 9007199254740993.0; /* (0, 1] */
}

static qhcp_nsec exponential(struct path *p, qhcp_nsec mean)
{
    return (qhcp_nsec)(-log(unit(p)) * (double)mean);
}

static void draw_bad(struct path *p)
{
    if (p->model->kind == PATH_OUTAGES) {
        p->begin = p->minute + path_draw(p, MINUTE - p->model->bad);
        p->end = p->begin + p->model->bad;
        p->minute += MINUTE;
    } else if (p->model->kind == PATH_STALLS) {
        p->begin = nsec_max(p->minute + path_draw(p, MINUTE), p->end);
        p->end = p->begin + exponential(p, p->model->bad);
        p->minute += MINUTE;
    } else {
        p->begin = p->end + exponential(p, p->model->good);
        p->end = p->begin + exponential(p, p->model->bad);
    }
}

void path_init(struct path *p, const struct path_model *model, uint64_t seed)
{
    *p = (struct path){.model = model,
                       .random = {seed * 0xd6e8feb86659fd93u},
                       .minute = START,
                       .begin = NSEC_NEVER,
                       .end = START};
    if (model->kind == PATH_INDEPENDENT)
        p->end = NSEC_NEVER;
    else
        draw_bad(p);
}

bool path_passes(struct path *p, qhcp_nsec now)
{
    while (now >= p->end)
        draw_bad(p);
    if (p->cut || (now >= p->begin && p->model->kind != PATH_STALLS))
        return false;
    return p->model->loss <= 0 || unit(p) > p->model->loss;
}

qhcp_nsec path_read(struct path *p, qhcp_nsec now)
{
    if (p->model->kind != PATH_STALLS)
        return now;
    while (now >= p->end)
        draw_bad(p);
    return now >= p->begin ? p->end : now;
}
