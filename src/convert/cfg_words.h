/* One line of a configuration of HAProxy as words, by its rules of quoting: "..." and '...' keep
 * blanks, a backslash takes the next character as it is, # begins a comment.  Variables ("$NAME")
 * are not replaced: whoever reads a word must refuse one that has them. */
#ifndef QHCP_CONVERT_CFG_WORDS_H
#define QHCP_CONVERT_CFG_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <qhcp/error.h>

#define CFG_WORDS 64 /* HAProxy takes no more */

struct cfg_words {
    char *at[CFG_WORDS + 1]; /* n words, then NULL */
    size_t n;
    bool variable; /* one of the words has a variable of the environment in it */
};

/* Splits `line` (its NUL stands where its newline was) in place: the words point into it.
 * QHCP_E_PARSE (a quote that does not end), QHCP_E_FULL; *ret_why says what is wrong then. */
int cfg_words_split(char *line, struct cfg_words *ret, const char **ret_why);

#endif
