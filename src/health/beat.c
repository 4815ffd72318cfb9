#include "health/beat.h"

void beat_begin(struct beat *b, qhcp_nsec now, qhcp_nsec interval)
{
    *b = (struct beat){.interval = interval, .at = nsec_add(now, interval)};
}

/* Beyond this a number is a whim of the server's. */
#define SLOTS_MAX (UINT64_C(1) << 20)

/* Where that beat should have been; what has nothing to do with the time begins a new rhythm. */
static qhcp_nsec slot_of(const struct beat *b, qhcp_nsec now, uint64_t slots)
{
    qhcp_nsec slot;

    if (b->slot == 0 || slots > SLOTS_MAX)
        return now;
    slot = nsec_add(b->slot, slots * b->interval);
    return slot > now || now - slot > b->interval ? now : slot;
}

/* What is held up together teaches once: by the first that comes. */
static void learn(struct beat *b, qhcp_nsec now, uint64_t slots)
{
    qhcp_nsec due, off;

    if (b->slot == 0 || slots > SLOTS_MAX || now < b->heard + b->interval / 2)
        return;
    due = nsec_add(b->slot, slots * b->interval);
    off = due > now ? due - now : now - due;
    b->var = b->var / 4 * 3 + nsec_min(off, 2 * beat_tolerance(b, 0)) / 4;
}

void beat_heard(struct beat *b, qhcp_nsec now, uint64_t slots)
{
    qhcp_nsec slot = slot_of(b, now, slots);

    learn(b, now, slots);
    b->slot = slot + (now - slot) / 8;
    b->heard = now;
    b->broken = 0;
    b->at = nsec_add(b->slot, b->interval);
}

void beat_missed(struct beat *b, qhcp_nsec now)
{
    if (now >= b->at)
        b->at = nsec_add(b->at, ((now - b->at) / b->interval + 1) * b->interval);
    if (b->broken < BEAT_BROKEN)
        b->broken++;
}

bool beat_broken(const struct beat *b)
{
    return b->broken == BEAT_BROKEN;
}

qhcp_nsec beat_tolerance(const struct beat *b, qhcp_nsec bound)
{
    qhcp_nsec grace = nsec_max(4 * b->var, NSEC_PER_MSEC);

    return nsec_max(nsec_add(grace, bound), BEAT_LATE_MIN);
}
