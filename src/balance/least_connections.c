/* The one with the fewest requests in flight for its weight; those that are equal in that take
 * turns by weight, as HAProxy's leastconn and nginx's least_conn have it.  Where there are many
 * servers only a run of them is looked at, from a random place on: the best of 128 is among the
 * best hundredth of all, and two threads do not run to the same one.
 *
 * Equal are the best one and those that could take the next request instead: they have no more in
 * flight than the best, and less for their weight than it is to have then.  So of two idle servers
 * the one of a third of the weight gets a quarter of all, not nothing.  Latency has no say in it:
 * one slow answer would cost a server every turn for as long as it is remembered. */
#include "balance/algorithm.h"

#define RUN 128
#define MANY 3.0e38f /* more than any load */

struct turn {
    double at;     /* the earliest is next */
    float apart;   /* from its last turn to the next: 1 / weight */
    uint32_t slot; /* to find it again once the fleet that this was made for is gone */
};

struct turns {
    double now; /* the time of the newest turn */
    size_t n;
    float *phase;       /* by slot: parts of a turn until its next one; scratch of own_init */
    struct turn turn[]; /* by place */
};

static size_t own_size(const struct balance *b)
{
    return sizeof(struct turns) + b->n * sizeof(struct turn) + b->fleet->slots * sizeof(float);
}

/* Continues the turns from before; a new server begins at a random part of a turn, so that threads
 * do not all begin with the same server. */
static void own_init(struct balance_worker *w, const struct balance_worker *before)
{
    const struct turns *old = before ? before->own : NULL;
    const struct balance *b = w->balance;
    struct turns *t = w->own;

    t->now = 0;
    t->n = b->n;
    t->phase = (float *)(t->turn + b->n);
    for (uint32_t i = 0; i < b->fleet->slots; i++)
        t->phase[i] = (float)prng_unit(&w->random);
    for (size_t i = 0; old && i < old->n; i++)
        if (old->turn[i].slot < b->fleet->slots)
            t->phase[old->turn[i].slot] =
                (float)((old->turn[i].at - old->now) / (double)old->turn[i].apart);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t slot = balance_server(b, i)->slot;
        float apart = 1.0f / b->weight[i];

        t->turn[i] = (struct turn){(double)(t->phase[slot] * apart), apart, slot};
    }
}

/* A run of the plan's places, once round at most: what each has in flight, MANY where it was tried.
 */
struct run {
    size_t first, n;
    float has[RUN];
};

static size_t place_of(const struct balance *b, const struct run *run, size_t i)
{
    size_t place = run->first + i;

    return place < b->n ? place : place - b->n;
}

/* Which of the run has the least in flight for its weight once it has the next request too; run->n:
 * all were tried.  ret_load: what that is. */
static size_t find_best(const struct balance *b, const struct turns *t, struct run *run,
                        const struct balance_request *r, float *ret_load)
{
    size_t best = run->n;
    float least = MANY;

    for (size_t i = 0; i < run->n; i++) {
        size_t place = place_of(b, run, i);
        float has = (float)fleet_in_flight(balance_server(b, (uint32_t)place));
        float load = (has + 1.0f) * t->turn[place].apart;

        run->has[i] = has;
        if (balance_tried(r, b->at[place])) {
            run->has[i] = MANY;
        } else if (load < least) {
            best = i;
            least = load;
        }
    }
    *ret_load = least;
    return best;
}

/* Whoever waited long while it was busy gets one turn for that, not all that it missed. */
static uint32_t take_turn(struct turns *t, size_t place)
{
    struct turn *turn = &t->turn[place];

    t->now = turn->at > t->now ? turn->at : t->now;
    turn->at = t->now + (double)turn->apart;
    return (uint32_t)place;
}

static uint32_t pick(struct balance_worker *w, const struct balance_request *r)
{
    const struct balance *b = w->balance;
    struct turns *t = w->own;
    struct run run;
    size_t best, next;
    float load;

    run.first = prng_below(&w->random, b->n);
    run.n = b->n < RUN ? b->n : RUN;
    best = find_best(b, t, &run, r, &load);
    if (best == run.n)
        return (uint32_t)run.first; /* and it is asked again */
    next = place_of(b, &run, best);
    for (size_t i = 0; i < run.n; i++) {
        size_t place = place_of(b, &run, i);

        if (run.has[i] <= run.has[best] && t->turn[place].at < t->turn[next].at &&
            run.has[i] * t->turn[place].apart < load)
            next = place;
    }
    return take_turn(t, next);
}

const struct balance_algorithm least_connections_algorithm = {
    .name = "least-connections",
    .doc = "the fewest requests in flight for its weight; those that have as few in turn",
    .own_size = own_size,
    .own_init = own_init,
    .pick = pick,
};
