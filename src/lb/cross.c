#include "lb/cross.h"

#include "lb/internal.h"

/* One of the sample has answered, is doubted, or is watched no longer. */
static void told(struct backend *b)
{
    b->cross.waited_for = false;
    local_told(&b->lb->local);
}

/* Neighbours in the list often have a machine or a rack in common, and fail together.  So a sample
 * is spread over the list (Weyl's sequence of the golden ratio), and jittered, since every second
 * one may have something in common too. */
static struct backend *next_other(struct qhcp_lb *lb)
{
    uint32_t at = prng_below(&lb->crowd.random, UINT32_MAX / CROSS_SAMPLE);

    lb->crowd.spread += UINT32_C(0x9e3779b9);
    at += lb->crowd.spread;
    return lb->backends[(uint64_t)at * lb->count >> 32];
}

/* Asks up to n; how many it asked. */
static unsigned ask(struct backend *b, unsigned n)
{
    struct qhcp_lb *lb = b->lb;
    unsigned before = lb->crowd.asked;

    for (unsigned i = 0; i < n * CROSS_TRIES && lb->crowd.asked < before + n; i++) {
        struct backend *other = next_other(lb);

        if (other == b || other->cross.asked_in == lb->crowd.number ||
            !(health_ask(&other->health, lb->now) || other->cross.suspected))
            continue;
        other->cross.asked_in = lb->crowd.number;
        other->cross.waited_for = true;
        lb->crowd.asked++;
        settle_later(other); /* judged only then, when the whole sample is known */
    }
    return lb->crowd.asked - before;
}

static void ask_others(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;

    if (lb->now < nsec_add(lb->crowd.at, CROSS_PAUSE) || !health_pressed(&b->health, lb->now))
        return;
    lb->crowd.at = lb->now;
    lb->crowd.number++;
    lb->crowd.asked = lb->crowd.silent = 0;
    lb->crowd.wide = false;
    local_ask(&lb->local, lb->now, ask(b, CROSS_SAMPLE));
}

/* A few silent ones in the first sample tell little: where a tenth of all is dead, a quarter of the
 * sample is in one case of thirty.  Half of it tells enough; less needs a wider sample. */
static void judge_sample(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;
    struct crowd *c = &lb->crowd;

    if (c->silent + 1 < LOCAL_CROWD) /* with the one that made us ask */
        return;
    if (!c->wide && c->silent * 2 < c->asked) {
        if (lb->local.asked > 0)
            return;
        c->wide = true;
        local_ask(&lb->local, lb->now, ask(b, CROSS_WIDE));
    }
    local_suspects(&lb->local, lb->now, c->silent, c->asked);
}

static void judge_sampled(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;

    if (!b->cross.waited_for || b->cross.asked_in != lb->crowd.number ||
        lb->now > lb->crowd.at + CROSS_PAUSE ||
        (!b->cross.half && health_asked(&b->health, lb->now)))
        return;
    told(b);
    lb->crowd.silent += b->cross.half;
    judge_sample(b);
}

/* Many suspects at once, of all servers or of a sample, mean that we are in trouble: loss alone
 * causes silences all the time, but not so many.  The crowd has dispersed only when no server is
 * silent: a server that is forgiven while we are in trouble is still silent. */
static void count_suspect(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;
    bool suspected = health_suspected(&b->health), half = suspected && health_doubted(&b->health);
    bool grows = half && !b->cross.half;

    lb->crowd.suspects += suspected - b->cross.suspected;
    lb->crowd.halves += half - b->cross.half;
    if (b->cross.suspected && lb->crowd.suspects == 0)
        local_dispersed(&lb->local);
    b->cross.suspected = suspected;
    b->cross.half = half;
    if (grows && lb->crowd.halves >= LOCAL_CROWD)
        local_suspects(&lb->local, lb->now, lb->crowd.halves, lb->count);
}

void cross_look(struct backend *b)
{
    if (!b->cross.suspected && !b->cross.waited_for && !health_suspected(&b->health) &&
        !health_pressed(&b->health, b->lb->now))
        return; /* nearly always */
    count_suspect(b);
    judge_sampled(b);
    ask_others(b);
}

void cross_forget(struct backend *b)
{
    b->lb->crowd.suspects -= b->cross.suspected;
    b->lb->crowd.halves -= b->cross.half;
    if (b->cross.waited_for && b->cross.asked_in == b->lb->crowd.number)
        told(b);
}
