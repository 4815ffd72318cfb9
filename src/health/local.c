#include "health/local.h"

unsigned local_score(const struct local *l, qhcp_nsec now)
{
    qhcp_nsec steps = now > l->at ? (now - l->at) / LOCAL_DECAY : 0;

    return steps < l->level ? l->level - (unsigned)steps : 0;
}

static void raise(struct local *l, qhcp_nsec now, unsigned by)
{
    unsigned score = local_score(l, now) + by;

    l->level = score < LOCAL_MAX ? score : LOCAL_MAX;
    l->at = now;
}

void local_late(struct local *l, qhcp_nsec now, qhcp_nsec late)
{
    if (late > LOCAL_LATE)
        raise(l, now, 1 + (late > 10 * LOCAL_LATE) + (late > 100 * LOCAL_LATE));
}

void local_blocked(struct local *l, qhcp_nsec now)
{
    l->blocked_at = now;
    if (local_score(l, now) > 1)
        return; /* lasts longer */
    l->level = 1;
    l->at = now;
}

void local_dropped(struct local *l, qhcp_nsec now, uint64_t n)
{
    if (n > 0)
        raise(l, now, 1);
}

void local_suspects(struct local *l, qhcp_nsec now, size_t suspects, size_t watched)
{
    unsigned level = 0;

    if (suspects * 4 >= watched)
        level = suspects * 10 >= watched * 9 ? LOCAL_ALL_SCORE : LOCAL_QUARTER_SCORE;
    if (now >= l->crowd_until)
        l->crowd = 0;
    if (level <= l->crowd)
        return;
    if (l->crowd == 0)
        l->crowd_until = nsec_add(now, LOCAL_CROWD_PAUSE);
    l->crowd = level;
    if (level > local_score(l, now)) {
        l->level = level;
        l->at = now;
    }
}

void local_dispersed(struct local *l)
{
    l->crowd = 0;
}

void local_ask(struct local *l, qhcp_nsec now, unsigned n)
{
    l->asked = n;
    l->asked_until = nsec_add(now, LOCAL_ASK_MOST);
}

void local_told(struct local *l)
{
    l->asked -= l->asked > 0;
}

bool local_asking(const struct local *l, qhcp_nsec now)
{
    return l->asked > 0 && now < l->asked_until;
}
