#include "lb/cross.h"

#include "lb/internal.h"

/* One of the sample has answered, is doubted, or is watched no longer. */
static void told(struct backend *b)
{
    b->cross.sampled = 0;
    local_told(&b->lb->local);
}

static void ask_others(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;

    if (lb->now < nsec_add(lb->crowd.at, CROSS_PAUSE) || !health_pressed(&b->health, lb->now))
        return;
    lb->crowd.at = lb->now;
    lb->crowd.number++;
    lb->crowd.asked = lb->crowd.silent = 0;
    for (size_t i = 0; i < lb->count && i < CROSS_TRIES && lb->crowd.asked < CROSS_SAMPLE; i++) {
        struct backend *other = lb->backends[lb->crowd.next++ % lb->count];

        if (other == b || !(health_ask(&other->health, lb->now) || other->cross.suspected))
            continue;
        other->cross.sampled = lb->crowd.number;
        lb->crowd.asked++;
        settle_later(other); /* judged only then, when the whole sample is known */
    }
    local_ask(&lb->local, lb->now, lb->crowd.asked);
}

static void judge_sampled(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;

    if (b->cross.sampled != lb->crowd.number || lb->crowd.number == 0 ||
        lb->now > lb->crowd.at + CROSS_PAUSE)
        return;
    if (b->cross.half) {
        told(b);
        lb->crowd.silent++;
        if (lb->crowd.silent + 1 >= LOCAL_CROWD) /* with the one that made us ask */
            local_suspects(&lb->local, lb->now, lb->crowd.silent, lb->crowd.asked);
    } else if (!health_asked(&b->health, lb->now)) {
        told(b);
    }
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
    count_suspect(b);
    judge_sampled(b);
    ask_others(b);
}

void cross_forget(struct backend *b)
{
    b->lb->crowd.suspects -= b->cross.suspected;
    b->lb->crowd.halves -= b->cross.half;
    if (b->cross.sampled != 0 && b->cross.sampled == b->lb->crowd.number)
        told(b);
}
