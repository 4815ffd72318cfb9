/* One server. */
#include <math.h>
#include <stdlib.h>

#include "sim.h"

#define NEIGHBOURS_EVERY 5.0 /* seconds, mean */
#define SMOOTH 0.3           /* of a new report in what is reported */

static double pace(const struct server *s)
{
    return s->n == 0 ? 0 : s->speed * fmin(1.0, s->cores / (double)s->n);
}

void server_advance(struct server *s, qhcp_nsec now)
{
    double passed = (double)(now - s->at) / 1e9;

    s->virtual += passed * pace(s);
    s->used += passed * pace(s) / s->speed * (double)s->n;
    s->at = now;
}

static double draw_cores(const struct scenario *c, struct prng *r)
{
    double spare = prng_unit(r) < c->contended ? 0 : prng_unit(r) * c->spare;

    return c->cores + spare;
}

static qhcp_nsec draw_change(struct prng *r, qhcp_nsec now)
{
    return now + (qhcp_nsec)(-log(1 - prng_unit(r)) * NEIGHBOURS_EVERY * 1e9);
}

void server_init(struct server *s, const struct scenario *c, struct prng *r, size_t i)
{
    *s = (struct server){.allotted = c->cores};
    s->cores = draw_cores(c, r);
    s->next_cores = draw_change(r, 0);
    s->speed = (double)i < c->slow * (double)c->servers ? 0.5 : 1.0;
}

void server_disturb(struct server *s, const struct scenario *c, struct prng *r, qhcp_nsec now)
{
    server_advance(s, now);
    s->cores = draw_cores(c, r);
    s->next_cores = draw_change(r, now);
}

static unsigned level_of(uint32_t in_flight)
{
    unsigned level = 0;

    for (double bound = 1.0; bound < in_flight && level + 1 < LEVELS; bound *= 1.4)
        level++;
    return level;
}

void server_add(struct server *s, qhcp_nsec now, double work, uint32_t lb)
{
    struct request request;
    size_t i;

    server_advance(s, now);
    if (s->n == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 64;
        s->heap = realloc(s->heap, s->cap * sizeof *s->heap);
        if (!s->heap)
            abort();
    }
    i = s->n++;
    request = (struct request){s->virtual + work, now, lb, (uint32_t)s->n};
    for (; i > 0 && s->heap[(i - 1) / 2].finish > request.finish; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = request;
}

struct request server_take(struct server *s, qhcp_nsec now)
{
    struct request taken, last;
    size_t i = 0;
    float us, *known;

    server_advance(s, now);
    taken = s->heap[0];
    last = s->heap[--s->n];
    for (size_t child; (child = 2 * i + 1) < s->n; i = child) {
        if (child + 1 < s->n && s->heap[child + 1].finish < s->heap[child].finish)
            child++;
        if (last.finish <= s->heap[child].finish)
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    s->done++;
    us = (float)(now - taken.begun) / 1000.0f;
    known = &s->latency[level_of(taken.in_flight)];
    *known = *known > 0 ? *known * 0.9f + us * 0.1f : us;
    return taken;
}

qhcp_nsec server_deadline(const struct server *s)
{
    double wait;

    if (s->n == 0)
        return s->next_cores;
    wait = (s->heap[0].finish - s->virtual) / pace(s);
    return nsec_min(s->next_cores, s->at + (qhcp_nsec)(wait > 0 ? wait * 1e9 : 0) + 1);
}

void server_report(struct server *s, qhcp_nsec now)
{
    double passed = (double)(now - s->reported) / 1e9;

    server_advance(s, now);
    if (passed > 0) {
        float used = (float)((s->used - s->used_before) / passed / s->allotted);
        float rate = (float)((double)(s->done - s->done_before) / passed);
        float part = s->reported == 0 ? 1.0f : (float)SMOOTH;

        s->utilization += part * (used - s->utilization);
        s->rate += part * (rate - s->rate);
    }
    s->used_before = s->used;
    s->done_before = s->done;
    s->reported = now;
}

/* What requests took that came when about as many were there as are now; or the nearest that is
 * known. */
float server_latency(const struct server *s)
{
    unsigned level = level_of((uint32_t)s->n);

    for (unsigned away = 0; away < LEVELS; away++) {
        if (level >= away && s->latency[level - away] > 0)
            return s->latency[level - away];
        if (level + away < LEVELS && s->latency[level + away] > 0)
            return s->latency[level + away];
    }
    return 0;
}
