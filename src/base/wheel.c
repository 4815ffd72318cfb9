#include "base/wheel.h"

#include <assert.h>
#include <stdlib.h>

#include <qhcp/error.h>

#define FIRST_PLACES 4

/* A timer in a list. */
struct wheel_place {
    qhcp_nsec at;
    struct wheel_timer *timer;
    uint32_t prev, next; /* 0: none */
    uint16_t list;       /* of slots, or */
};

enum { LIST_FEW = WHEEL_LEVELS * WHEEL_SLOTS, LIST_DUE };

_Static_assert(sizeof(struct wheel_place) == 32, "two in a cache line");
_Static_assert(WHEEL_DIGIT_BITS *WHEEL_LEVELS >= 64 - WHEEL_TICK_BITS, "any time has a place");

static struct wheel_slot *slot_of(struct wheel *w, unsigned list)
{
    if (list == LIST_DUE)
        return &w->slots->due;
    return list == LIST_FEW ? &w->few : &w->slots->at[list];
}

/* Where a timer belongs.  One of the past is as one of the present tick. */
static unsigned list_for(const struct wheel *w, qhcp_nsec at)
{
    uint64_t tick = at >> WHEEL_TICK_BITS;
    unsigned level = 0;

    if (!w->slots)
        return LIST_FEW;
    if (tick <= w->slots->tick)
        tick = w->slots->tick;
    else
        level = (63 - (unsigned)__builtin_clzll(tick ^ w->slots->tick)) / WHEEL_DIGIT_BITS;
    return level * WHEEL_SLOTS + (tick >> level * WHEEL_DIGIT_BITS) % WHEEL_SLOTS;
}

static void link_in(struct wheel *w, uint32_t i, unsigned list)
{
    struct wheel_place *p = &w->places[i];
    struct wheel_slot *s = slot_of(w, list);

    p->list = (uint16_t)list;
    p->prev = 0;
    p->next = s->first;
    if (s->first)
        w->places[s->first].prev = i;
    else if (list < LIST_FEW)
        w->slots->occupied[list / WHEEL_SLOTS] |= UINT64_C(1) << list % WHEEL_SLOTS;
    s->least = s->first ? nsec_min(s->least, p->at) : p->at;
    s->first = i;
}

static void unlink_from(struct wheel *w, uint32_t i)
{
    struct wheel_place *p = &w->places[i];

    if (p->next)
        w->places[p->next].prev = p->prev;
    if (p->prev) {
        w->places[p->prev].next = p->next;
        return;
    }
    slot_of(w, p->list)->first = p->next;
    if (!p->next && p->list < LIST_FEW)
        w->slots->occupied[p->list / WHEEL_SLOTS] &= ~(UINT64_C(1) << p->list % WHEEL_SLOTS);
}

/* All of a list go where they belong by now; from LIST_FEW, once there are slots. */
static void spread(struct wheel *w, unsigned list)
{
    for (uint32_t i = slot_of(w, list)->first, next; i; i = next) {
        next = w->places[i].next;
        unlink_from(w, i);
        link_in(w, i, list_for(w, w->places[i].at));
    }
}

/* The lowest slot that is not empty; false: all are. */
static bool lowest(const struct wheel *w, unsigned *ret_level, unsigned *ret_slot)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++)
        if (w->slots->occupied[level]) {
            *ret_level = level;
            *ret_slot = (unsigned)__builtin_ctzll(w->slots->occupied[level]);
            return true;
        }
    return false;
}

static int grow(struct wheel *w, size_t n)
{
    size_t cap = w->cap ? w->cap : FIRST_PLACES;
    struct wheel_place *places;

    while (cap <= n)
        cap *= 2;
    if (cap > UINT32_MAX)
        return QHCP_E_NOMEM;
    places = realloc(w->places, cap * sizeof *places);
    if (!places)
        return QHCP_E_NOMEM;
    w->places = places;
    for (size_t i = cap; i-- > (w->cap ? w->cap : 1);) { /* the lowest one is taken first */
        places[i].next = w->free;
        w->free = (uint32_t)i;
    }
    w->cap = (uint32_t)cap;
    return 0;
}

int wheel_reserve(struct wheel *w, size_t n)
{
    if (n >= w->cap && grow(w, n) != 0)
        return QHCP_E_NOMEM;
    if (n <= WHEEL_FEW || w->slots)
        return 0;
    w->slots = calloc(1, sizeof *w->slots);
    if (!w->slots)
        return QHCP_E_NOMEM;
    spread(w, LIST_FEW);
    return 0;
}

void wheel_deinit(struct wheel *w)
{
    free(w->places);
    free(w->slots);
    *w = (struct wheel){0};
}

/* The earliest of a list. */
static uint32_t earliest(const struct wheel *w, uint32_t first)
{
    uint32_t best = first;

    for (uint32_t i = first; i; i = w->places[i].next)
        if (w->places[i].at < w->places[best].at)
            best = i;
    return best;
}

static qhcp_nsec earliest_at(const struct wheel *w, uint32_t first)
{
    return first ? w->places[earliest(w, first)].at : NSEC_NEVER;
}

/* A timer has left the list of few, which is looked through here, and not when somebody asks. */
static void look_through(struct wheel *w, qhcp_nsec left)
{
    if (!w->slots && left == w->few.least)
        w->few.least = earliest_at(w, w->few.first);
}

static void take_out(struct wheel *w, struct wheel_timer *t)
{
    if (t->place == 0)
        return;
    unlink_from(w, t->place);
    w->places[t->place].next = w->free;
    w->free = t->place;
    t->place = 0;
    w->count--;
    look_through(w, w->places[w->free].at);
}

void wheel_set(struct wheel *w, struct wheel_timer *t, qhcp_nsec at)
{
    qhcp_nsec was = t->place > 0 ? t->at : NSEC_NEVER;

    if (was == at)
        return;
    t->at = at;
    if (at == NSEC_NEVER) {
        take_out(w, t);
        return;
    }
    if (t->place > 0) {
        unlink_from(w, t->place);
    } else {
        assert(w->free != 0);
        t->place = w->free;
        w->free = w->places[t->place].next;
        w->places[t->place].timer = t;
        w->count++;
    }
    w->places[t->place].at = at;
    link_in(w, t->place, list_for(w, at));
    if (was != NSEC_NEVER)
        look_through(w, was);
}

/* Those of a list that are due leave it; false: none was. */
static bool take_due(struct wheel *w, unsigned list, qhcp_nsec now)
{
    struct wheel_slot *s = slot_of(w, list);
    qhcp_nsec least = NSEC_NEVER;

    for (uint32_t i = s->first, next; i; i = next) {
        next = w->places[i].next;
        if (w->places[i].at > now) {
            least = nsec_min(least, w->places[i].at);
            continue;
        }
        unlink_from(w, i);
        link_in(w, i, LIST_DUE);
    }
    s->least = least;
    return w->slots->due.first != 0;
}

/* Turns the wheel until a timer is due, or to now. */
static void turn(struct wheel *w, qhcp_nsec now)
{
    unsigned level, slot;

    while (lowest(w, &level, &slot)) {
        unsigned shift = level * WHEEL_DIGIT_BITS;
        uint64_t tick = (w->slots->tick >> shift >> WHEEL_DIGIT_BITS << WHEEL_DIGIT_BITS | slot)
                        << shift;

        if (tick > now >> WHEEL_TICK_BITS)
            break;
        w->slots->tick = tick;
        if (level > 0)
            spread(w, level * WHEEL_SLOTS + slot);
        else if (take_due(w, slot, now) || tick == now >> WHEEL_TICK_BITS)
            return;
    }
    if (w->slots->tick < now >> WHEEL_TICK_BITS)
        w->slots->tick = now >> WHEEL_TICK_BITS;
}

struct wheel_timer *wheel_find_due(struct wheel *w, qhcp_nsec now)
{
    uint32_t i;

    if (!w->slots)
        return w->places[earliest(w, w->few.first)].timer;
    if (!w->slots->due.first)
        turn(w, now);
    i = w->slots->due.first;
    return i ? w->places[i].timer : NULL;
}

struct wheel_timer *wheel_upcoming(const struct wheel *w, const struct wheel_timer *t)
{
    uint32_t next = t->place && w->places[t->place].list == LIST_DUE ? w->places[t->place].next : 0;

    return next ? w->places[next].timer : NULL;
}

qhcp_nsec wheel_slots_deadline(const struct wheel *w)
{
    qhcp_nsec due = earliest_at(w, w->slots->due.first);
    unsigned level, slot;

    if (!lowest(w, &level, &slot))
        return due;
    if (level == 0)
        return nsec_min(due, earliest_at(w, w->slots->at[slot].first));
    return nsec_min(due, w->slots->at[level * WHEEL_SLOTS + slot].least);
}
