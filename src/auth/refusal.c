#include "auth/refusal.h"

#include <stdarg.h>
#include <stdio.h>

int refusal_say(const struct refusal *v, int error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(v->words, v->words_cap, format, args);
    va_end(args);
    va_start(args, format);
    vsnprintf(v->log_words, v->log_words_cap, format, args);
    va_end(args);
    return error;
}

void refusal_log(const struct refusal *v, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(v->log_words, v->log_words_cap, format, args);
    va_end(args);
}
