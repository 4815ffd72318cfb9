/* The words of a refusal, for both ends: what the peer may know, and what only our log says.
 * Inside src/auth alone. */
#ifndef QHCP_AUTH_REFUSAL_H
#define QHCP_AUTH_REFUSAL_H

#include <stddef.h>

struct refusal {
    char *words, *log_words;
    size_t words_cap, log_words_cap;
};

/* Writes the words for the peer and the same to the log; returns `error`. */
int refusal_say(const struct refusal *v, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* After refusal_say: words for the log instead. */
void refusal_log(const struct refusal *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
