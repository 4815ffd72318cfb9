#include "health/panic.h"

bool panic_next(bool before, size_t healthy, size_t total, unsigned percent)
{
    unsigned end = percent + PANIC_MARGIN;

    if (total == 0 || percent == 0 || healthy >= total)
        return false;
    return healthy * 100 < total * (before ? end : percent);
}
