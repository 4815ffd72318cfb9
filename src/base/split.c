#include "base/split.h"

#include <string.h>

#include <qhcp/error.h>

/* Takes one word from *p to *to; false: its quote does not end. */
static bool take(const char **p, char **to, struct split_word *w)
{
    char quote = '\0';

    w->at = *to;
    for (; **p && (quote || !strchr(" \t", **p)); (*p)++) {
        if (!quote && strchr("\"'", **p)) {
            quote = **p;
            if (!w->quoted)
                w->plain = (size_t)(*to - w->at);
            w->quoted = true;
        } else if (**p == quote) {
            quote = '\0';
        } else {
            *(*to)++ = **p;
        }
    }
    if (!w->quoted)
        w->plain = (size_t)(*to - w->at);
    *(*to)++ = '\0';
    return quote == '\0';
}

int split_words(const char *text, char *to, struct split_word *ret, size_t cap, size_t *ret_n)
{
    *ret_n = 0;
    for (const char *p = text; *(p += strspn(p, " \t")) != '\0'; (*ret_n)++) {
        if (*ret_n == cap)
            return QHCP_E_FULL;
        ret[*ret_n] = (struct split_word){.at = to};
        if (!take(&p, &to, &ret[*ret_n]))
            return QHCP_E_PARSE;
    }
    return 0;
}
