#include "lb/starts.h"

#include <utlist.h>

void starts_init(struct starts *s, qhcp_nsec now)
{
    *s = (struct starts){.window = STARTS_WINDOW, .now = now};
}

static void take_out(struct starts *s, struct start *start)
{
    switch (start->place) {
    case STARTS_NOWHERE:
        break;
    case STARTS_WAITING:
        DL_DELETE(s->queues[start->rank], start);
        s->waiting--;
        break;
    case STARTS_IN_WINDOW:
        DL_DELETE(s->begun, start);
        s->in_window--;
        break;
    case STARTS_SLOW:
        s->slow--;
        break;
    }
    start->place = STARTS_NOWHERE;
}

/* One has left the window. */
static void grow(struct starts *s, qhcp_nsec now)
{
    if (s->full && now >= s->shrink_from && s->window < STARTS_WINDOW_MAX)
        s->window++;
}

void starts_wait(struct starts *s, qhcp_nsec now, struct start *start, enum starts_rank rank)
{
    s->now = now;
    if (start->place == STARTS_WAITING && start->rank <= rank)
        return;
    take_out(s, start);
    start->place = STARTS_WAITING;
    start->rank = rank;
    DL_APPEND(s->queues[rank], start);
    s->waiting++;
}

/* The servers that are silent make room for others. */
static void look_for_silent(struct starts *s, qhcp_nsec now)
{
    struct start *start;

    while ((start = s->begun) && now >= nsec_add(start->at, STARTS_PATIENCE)) {
        grow(s, now);
        take_out(s, start);
        start->place = STARTS_SLOW;
        s->slow++;
    }
}

static bool has_room(const struct starts *s)
{
    size_t most = STARTS_MOST + (s->queues[STARTS_ALIVE] ? STARTS_MOST_ALIVE : 0);

    return s->in_window < s->window && s->in_window + s->slow < most;
}

struct start *starts_next(struct starts *s, qhcp_nsec now)
{
    struct start *start = NULL;

    s->now = now;
    look_for_silent(s, now);
    s->full = s->waiting > 0 && s->in_window >= s->window;
    if (!has_room(s))
        return NULL;
    for (unsigned rank = 0; !start && rank < STARTS_RANKS; rank++)
        start = s->queues[rank];
    if (!start)
        return NULL;
    take_out(s, start);
    start->place = STARTS_IN_WINDOW;
    start->at = now;
    DL_APPEND(s->begun, start);
    s->in_window++;
    return start;
}

void starts_leave(struct starts *s, qhcp_nsec now, struct start *start)
{
    s->now = now;
    if (start->place == STARTS_IN_WINDOW)
        grow(s, now);
    take_out(s, start);
}

void starts_shrink(struct starts *s, qhcp_nsec now)
{
    if (now < s->shrink_from)
        return;
    s->shrink_from = nsec_add(now, STARTS_SHRINK_PAUSE);
    s->window -= s->window / 4;
    if (s->window < STARTS_WINDOW_MIN)
        s->window = STARTS_WINDOW_MIN;
}

qhcp_nsec starts_deadline(const struct starts *s)
{
    if (s->waiting == 0)
        return NSEC_NEVER;
    if (has_room(s))
        return s->now;
    return s->begun ? nsec_add(s->begun->at, STARTS_PATIENCE) : NSEC_NEVER;
}
