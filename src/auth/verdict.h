/* The words of a refusal, for both ends: what the peer may know, and what only our log says.
 * Inside src/auth alone. */
#ifndef QHCP_AUTH_VERDICT_H
#define QHCP_AUTH_VERDICT_H

#include <stddef.h>

struct verdict {
    char *words, *log_words;
    size_t words_cap, log_words_cap;
};

/* Writes the words for the peer and the same to the log; returns `error`. */
int verdict_refuse(const struct verdict *v, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* After verdict_refuse: words for the log instead. */
void verdict_log(const struct verdict *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
