/* A hierarchical timing wheel of deadlines (Varghese and Lauck 1987): setting one costs the same
 * however many there are.
 *
 * The timers live in their owners' structs.  What the wheel moves is apart from them, 32 bytes a
 * timer in one array: a heap, or links through the owners, would touch some strangers' memory at
 * each step, and with 10,000 servers that is in no cache.
 *
 * Time is cut into ticks of about a millisecond, and the ticks since 0 are a number with digits of
 * 6 bits.  A timer lies on the level of the highest digit in which its tick differs from the tick
 * that the wheel has come to, in the slot of that digit.  So whatever lies on a lower level is due
 * earlier, and each timer comes down a level once it is the turn of its slot.  Within its tick a
 * timer is due to the nanosecond.  A wheel for few timers is one list instead. */
#ifndef QHCP_BASE_WHEEL_H
#define QHCP_BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

#define WHEEL_FEW 32 /* so many timers are one list, which is looked through */
#define WHEEL_TICK_BITS 20
#define WHEEL_DIGIT_BITS 6
#define WHEEL_SLOTS (1 << WHEEL_DIGIT_BITS)
#define WHEEL_LEVELS 8 /* 6 * 8 bits are more than 64 - 20 */

struct wheel_timer {
    qhcp_nsec at;   /* the deadline, where it is in the wheel */
    uint32_t place; /* in wheel->places; 0: not in it */
};

/* Of a list: `first` is 0 where it is empty. */
struct wheel_slot {
    qhcp_nsec least; /* no timer in it is due earlier */
    uint32_t first;
};

/* Where there are more than few. */
struct wheel_slots {
    uint64_t tick;                   /* what the wheel has come to */
    uint64_t occupied[WHEEL_LEVELS]; /* a bit for each slot */
    struct wheel_slot due;           /* what is taken out of its slot, in no order */
    struct wheel_slot at[WHEEL_LEVELS * WHEEL_SLOTS];
};

struct wheel {
    struct wheel_place *places; /* the one with the number 0 is not used */
    uint32_t cap, free;         /* free: a list */
    size_t count;               /* of timers in it */
    struct wheel_slots *slots;  /* NULL: all are in `few` */
    struct wheel_slot few;
};

/* Room for n timers in all, so that wheel_set cannot fail for them.  QHCP_E_NOMEM. */
int wheel_reserve(struct wheel *w, size_t n);
void wheel_deinit(struct wheel *w);

/* Puts, moves or (NSEC_NEVER) removes a timer, which is 0 at first.  O(1).  The caller has reserved
 * room for it. */
void wheel_set(struct wheel *w, struct wheel_timer *t, qhcp_nsec at);

/* What the functions below do where there are slots, or something is due. */
struct wheel_timer *wheel_find_due(struct wheel *w, qhcp_nsec now);
qhcp_nsec wheel_slots_deadline(const struct wheel *w);

/* A timer that is due at `now`, which stays in until it is set anew; NULL: none is.  One of an
 * earlier tick comes before those of later ones. */
static inline struct wheel_timer *wheel_due(struct wheel *w, qhcp_nsec now)
{
    bool none = w->count == 0 || (!w->slots && w->few.least > now);

    return none ? NULL : wheel_find_due(w, now);
}

/* The one that wheel_due gives after this one, which it gave, if both stay as they are; or NULL.  A
 * guess, for those who want to have it in the cache by then. */
struct wheel_timer *wheel_upcoming(const struct wheel *w, const struct wheel_timer *t);

/* When to call wheel_due: exactly when the first timer is due, if that is within the ticks of the
 * lowest level (67 ms at most); else not later than that, and seldom earlier.  NSEC_NEVER: the
 * wheel is empty. */
static inline qhcp_nsec wheel_deadline(const struct wheel *w)
{
    if (w->count == 0)
        return NSEC_NEVER;
    return w->slots ? wheel_slots_deadline(w) : w->few.least;
}

#endif
