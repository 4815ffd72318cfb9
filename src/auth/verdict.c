#include "auth/verdict.h"

#include <stdarg.h>
#include <stdint.h>
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

const char *verdict_text(const char *text, char ret[VERDICT_TEXT])
{
    size_t n = 0;

    while (text[n] != '\0' && n < VERDICT_TEXT - 1) {
        uint8_t c = (uint8_t)text[n];

        ret[n++] = c > 0x20 && c < 0x7f ? (char)c : '?';
    }
    ret[n] = '\0';
    return ret;
}
