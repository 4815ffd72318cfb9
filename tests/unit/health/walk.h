/* What the tests of one state machine share: cmocka, times, and the histories that are walked. */
#ifndef WALK_H
#define WALK_H

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/time.h"

#define MS NSEC_PER_MSEC
#define SEC NSEC_PER_SEC
#define START (1000 * SEC)

/* Every history of `length` events out of `events`: step i is walk_event(history, i, events). */
static inline unsigned walk_histories(unsigned events, unsigned length)
{
    return length == 0 ? 1 : events * walk_histories(events, length - 1);
}

static inline unsigned walk_event(unsigned history, unsigned step, unsigned events)
{
    while (step-- > 0)
        history /= events;
    return history % events;
}

#endif
