#include "base/os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t clock_wall_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_unix(void *ctx)
{
    (void)ctx;
    return clock_wall_ms() / 1000;
}

const char *clock_rfc3339(int64_t ms, char ret[CLOCK_TEXT])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t n;

    gmtime_r(&seconds, &tm);
    n = strftime(ret, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + n, CLOCK_TEXT - n, ".%03uZ", (unsigned)(ms % 1000) % 1000);
    return ret;
}

const char *clock_rfc3339_local(int64_t ms, char ret[CLOCK_TEXT])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    size_t n;

    localtime_r(&seconds, &tm);
    if (tm.tm_gmtoff == 0)
        return clock_rfc3339(ms, ret);
    n = strftime(ret, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret + n, CLOCK_TEXT - n, ".%03u%c%02ld:%02ld", (unsigned)(ms % 1000) % 1000,
             tm.tm_gmtoff < 0 ? '-' : '+', labs(tm.tm_gmtoff) / 3600, labs(tm.tm_gmtoff) / 60 % 60);
    return ret;
}

const char *clock_local(int64_t ms, char ret[CLOCK_TEXT])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    localtime_r(&seconds, &tm);
    strftime(ret, CLOCK_TEXT, "%Y-%m-%d %H:%M:%S %Z", &tm);
    return ret;
}
