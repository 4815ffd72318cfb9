#include "base/os/clock.h"

#include <stdio.h>
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

const char *clock_local(int64_t ms, char ret[CLOCK_TEXT])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    localtime_r(&seconds, &tm);
    strftime(ret, CLOCK_TEXT, "%H:%M:%S", &tm);
    return ret;
}
