#include "balance/schedule.h"

/* All that a turn needs, also once the fleet that it was made for is gone. */
struct turn {
    double at;
    double apart; /* from its last turn to the next: 1 / weight */
    uint32_t place, slot;
};

struct schedule {
    double now; /* the time of the last turn */
    size_t n;
    float *phase;       /* by slot: parts of a turn until its next one; scratch of schedule_init */
    struct turn heap[]; /* the earliest first */
};

size_t schedule_size(const struct balance *b)
{
    return sizeof(struct schedule) + b->n * sizeof(struct turn) + b->fleet->slots * sizeof(float);
}

static void sift_down(struct turn *heap, size_t n, size_t i)
{
    struct turn moved = heap[i];

    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1].at < heap[child].at)
            child++;
        if (moved.at <= heap[child].at)
            break;
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

void schedule_init(struct balance_worker *w, const struct balance_worker *before)
{
    const struct balance *b = w->balance;
    const struct schedule *old = before ? before->own : NULL;
    struct schedule *s = w->own;

    s->now = 0;
    s->n = b->n;
    s->phase = (float *)(s->heap + b->n);
    for (uint32_t i = 0; i < b->fleet->slots; i++)
        s->phase[i] = (float)prng_unit(&w->random);
    for (size_t i = 0; old && i < old->n; i++)
        if (old->heap[i].slot < b->fleet->slots)
            s->phase[old->heap[i].slot] =
                (float)((old->heap[i].at - old->now) / old->heap[i].apart);
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t slot = balance_server(b, i)->slot;
        double apart = 1.0 / (double)b->weight[i];

        s->heap[i] = (struct turn){(double)s->phase[slot] * apart, apart, i, slot};
    }
    for (size_t i = s->n / 2; i-- > 0;)
        sift_down(s->heap, s->n, i);
}

uint32_t schedule_pick(struct balance_worker *w, const struct balance_request *r)
{
    struct schedule *s = w->own;
    uint32_t place = s->heap[0].place;

    (void)r;
    s->now = s->heap[0].at;
    s->heap[0].at += s->heap[0].apart;
    sift_down(s->heap, s->n, 0);
    return place;
}
