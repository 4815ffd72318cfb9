/* A line as words, as people write a source or a sink: blanks separate words, "..." and '...' keep
 * blanks within one.  There is no escape character.  Pure. */
#ifndef QHCP_BASE_SPLIT_H
#define QHCP_BASE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct split_word {
    char *at;
    size_t plain; /* bytes at its start that stand before its first quote */
    bool quoted;  /* there is a quote in it */
};

/* Writes the words, each with its NUL, to `to`, which holds strlen(text) + 1 bytes.  *ret_n: how
 * many of cap there are, also after an error.  QHCP_E_FULL: there are more.  QHCP_E_PARSE: the
 * quote in the word ret[*ret_n] does not end. */
int split_words(const char *text, char *to, struct split_word *ret, size_t cap, size_t *ret_n);

#endif
