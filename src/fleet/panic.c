#include "fleet/panic.h"

bool panic_next(bool before, size_t healthy, size_t total, unsigned percent)
{
    unsigned end = percent + PANIC_MARGIN;

    if (total == 0 || percent == 0 || healthy >= total)
        return false;
    return healthy * 100 < total * (before ? end : percent);
}

static bool on_purpose(enum qhcp_state state)
{
    return state == QHCP_DRAINING || state == QHCP_MAINTENANCE;
}

void panic_state(struct panic_standing *s, enum qhcp_state state)
{
    if (on_purpose(state))
        s->left = true;
    else if (state == QHCP_UP || state == QHCP_DEGRADED)
        s->left = false;
}

unsigned panic_share(enum qhcp_use use, const struct panic_standing *s, enum qhcp_state state,
                     unsigned weight)
{
    bool may = s->verified && !s->left && !on_purpose(state) && state != QHCP_CONNECTING;

    switch (use) {
    case QHCP_USE_HEALTHY:
        return weight;
    case QHCP_USE_ALL:
        return may ? 1000 : 0;
    case QHCP_USE_NONE:
        break;
    }
    return 0;
}
