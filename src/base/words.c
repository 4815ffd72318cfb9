#include "base/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <qhcp/error.h>

int words_fail(const struct words *w, int error, const char *fmt, ...)
{
    va_list ap;

    if (w->cap > 0) {
        va_start(ap, fmt);
        vsnprintf(w->p, w->cap, fmt, ap);
        va_end(ap);
    }
    return error;
}

static const struct remedy {
    int err, error;
    const char *words;
} remedies[] = {
    {ENOENT, QHCP_E_NOT_FOUND, ""},
    {ENOMEM, QHCP_E_NOMEM, ""},
    {EACCES, QHCP_E_IO, ": run as its owner, or give this user access"},
    {EPERM, QHCP_E_IO, ": run as its owner"},
    {ENOSPC, QHCP_E_IO, ": free some space on that disk; nothing was changed"},
    {EDQUOT, QHCP_E_IO, ": this user's quota is used up; nothing was changed"},
    {EFBIG, QHCP_E_IO, ": the limit on file sizes (ulimit -f) is too low; nothing was changed"},
    {EROFS, QHCP_E_IO, ": set QHCP_STATE_DIR to a directory that can be written, or remount it"},
    {ENOTDIR, QHCP_E_IO, ": a part of that path is a file; remove it, or choose another path"},
    {ELOOP, QHCP_E_IO, ": it is a symbolic link; put the file itself there"},
};

int words_errno(const struct words *w, int err, const char *what, const char *path)
{
    const struct remedy *r = NULL;

    for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++)
        if (remedies[i].err == err)
            r = &remedies[i];
    return words_fail(w, r ? r->error : QHCP_E_IO, "cannot %s %s: %s%s", what, path, strerror(err),
                      r ? r->words : "");
}

void words_time(int64_t t, char ret[WORDS_TIME])
{
    time_t tt = (time_t)t;
    struct tm tm;

    if (!gmtime_r(&tt, &tm) || strftime(ret, WORDS_TIME, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
        snprintf(ret, WORDS_TIME, "at an unknown time");
}

void words_span(int64_t seconds, char ret[WORDS_SPAN])
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "days"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;

    while (i < 3 && seconds < 3 * units[i].seconds)
        i++;
    snprintf(ret, WORDS_SPAN, "%lld %s",
             (long long)((seconds + units[i].seconds / 2) / units[i].seconds), units[i].name);
}
