#include "history/when.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/value.h"

static bool parse(const char *text, const char *form, struct tm tm, int64_t *ret)
{
    const char *end = strptime(text, form, &tm);
    time_t t;

    if (!end || *end != '\0')
        return false;
    tm.tm_isdst = -1;
    t = strchr(form, 'Z') ? timegm(&tm) : mktime(&tm);
    *ret = (int64_t)t * 1000;
    return t != (time_t)-1;
}

int when_parse(const char *text, int64_t now_ms, int64_t *ret, char *words, size_t words_cap)
{
    static const struct {
        const char *form;
        bool today; /* the day is not in it */
    } forms[] = {{"%Y-%m-%dT%H:%M:%SZ", false},
                 {"%Y-%m-%dT%H:%M:%S", false},
                 {"%Y-%m-%d %H:%M:%S", false},
                 {"%Y-%m-%d %H:%M", false},
                 {"%Y-%m-%d", false},
                 {"%H:%M:%S", true},
                 {"%H:%M", true}};
    time_t seconds = (time_t)(now_ms / 1000);
    char quote[VALUE_QUOTE + 8];
    struct tm today;
    qhcp_nsec ago;

    localtime_r(&seconds, &today);
    today.tm_sec = 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (parse(text, forms[i].form, forms[i].today ? today : (struct tm){.tm_mday = 1}, ret))
            return 0;
    if (value_time(text, NSEC_PER_SEC, &ago)) {
        *ret = now_ms - (int64_t)(ago / NSEC_PER_MSEC);
        return 0;
    }
    snprintf(words, words_cap,
             "%s is not a moment: write how long ago, as 2h or 90m, or when, as 03:10 or "
             "\"2026-11-28 03:10\"",
             value_quote(text, quote));
    return QHCP_E_PARSE;
}
