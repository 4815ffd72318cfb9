#include "auth/verdict.h"

#include <stdarg.h>
#include <stdio.h>

int verdict_refuse(const struct verdict *v, int error, const char *format, ...)
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

void verdict_log(const struct verdict *v, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(v->log_words, v->log_words_cap, format, args);
    va_end(args);
}
