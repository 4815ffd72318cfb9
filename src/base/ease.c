#include "base/ease.h"

#define PERCENT 100
#define PERMILLE 1000

unsigned ease_percent(uint32_t utilization, bool degraded)
{
    unsigned percent = PERCENT;

    if (utilization != EASE_UNKNOWN && utilization >= PERMILLE)
        percent = EASE_BUSY;
    else if (utilization != EASE_UNKNOWN && utilization > EASE_EASY)
        percent -= (PERCENT - EASE_BUSY) * (utilization - EASE_EASY) / (PERMILLE - EASE_EASY);
    return degraded ? percent * EASE_DEGRADED / PERCENT : percent;
}

unsigned ease_step(unsigned percent, unsigned before)
{
    unsigned apart = percent > before ? percent - before : before - percent;

    if (before > 0 && apart < EASE_STEP && percent != PERCENT)
        return before;
    percent = (percent + EASE_STEP / 2) / EASE_STEP * EASE_STEP;
    return percent > 0 ? percent : EASE_STEP;
}
