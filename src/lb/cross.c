/* Who else is silent?  The cross-check, and the crowd of suspects.
 *
 * For: before one server is called dead for its silence, to know whether it is alone.  In flow the
 * servers' healths as they change; out flow the signs of a common cause (health/local.h).  Without
 * asking only a fleet whose probes are close together would be seen to fall silent as a whole
 * before the first verdict.  Nobody is convicted before those that were asked have answered or are
 * doubted themselves: their time-outs may be longer than what was left to the verdict. */
#include "lb/internal.h"

/* One of the sample has answered, is doubted, or is watched no longer. */
static void told(struct backend *b)
{
    b->sampled = 0;
    local_told(&b->lb->local);
}

static void ask_others(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;

    if (lb->now < nsec_add(lb->cross_at, LB_CROSS_PAUSE) || !health_pressed(&b->health, lb->now))
        return;
    lb->cross_at = lb->now;
    lb->cross++;
    lb->cross_asked = lb->cross_silent = 0;
    for (size_t i = 0; i < lb->count && i < LB_CROSS_TRIES && lb->cross_asked < LB_CROSS; i++) {
        struct backend *other = lb->backends[lb->cross_next++ % lb->count];

        if (other == b || !(health_ask(&other->health, lb->now) || other->suspected))
            continue;
        other->sampled = lb->cross;
        lb->cross_asked++;
        settle_later(other); /* judged only then, when the whole sample is known */
    }
    local_ask(&lb->local, lb->now, lb->cross_asked);
}

static void judge_sampled(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;

    if (b->sampled != lb->cross || lb->cross == 0 || lb->now > lb->cross_at + LB_CROSS_PAUSE)
        return;
    if (b->half) {
        told(b);
        lb->cross_silent++;
        if (lb->cross_silent + 1 >= LOCAL_CROWD) /* with the one that made us ask */
            local_suspects(&lb->local, lb->now, lb->cross_silent, lb->cross_asked);
    } else if (!health_asked(&b->health, lb->now)) {
        told(b);
    }
}

/* Many at once that are doubted speak against ourselves, many of all or of a sample: loss
 * alone brings silences about all the time, but not those.  The crowd has dispersed only once
 * nobody is silent at all: what is forgiven while we are ill is silent still. */
static void count_suspect(struct backend *b)
{
    struct qhcp_lb *lb = b->lb;
    bool suspected = health_suspected(&b->health), half = suspected && health_doubted(&b->health);
    bool grows = half && !b->half;

    lb->suspects += suspected - b->suspected;
    lb->halves += half - b->half;
    if (b->suspected && lb->suspects == 0)
        local_dispersed(&lb->local);
    b->suspected = suspected;
    b->half = half;
    if (grows && lb->halves >= LOCAL_CROWD)
        local_suspects(&lb->local, lb->now, lb->halves, lb->count);
}

void cross_look(struct backend *b)
{
    count_suspect(b);
    judge_sampled(b);
    ask_others(b);
}

void cross_forget(struct backend *b)
{
    b->lb->suspects -= b->suspected;
    b->lb->halves -= b->half;
    if (b->sampled != 0 && b->sampled == b->lb->cross)
        told(b);
}
