#include "convert/cfg_words.h"

#include <string.h>

/* The character that a backslash makes of what follows it: *p stands behind that then. */
static char escaped(char **p)
{
    static const char letters[] = "rnt", values[] = "\r\n\t";
    const char *letter = **p ? strchr(letters, **p) : NULL;
    char c = **p;

    if (c != '\0')
        (*p)++;
    return letter ? values[letter - letters] : c;
}

static int hex(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;

    return at ? (int)(at - digits) : -1;
}

/* "\x62", whose first two characters *p is behind; false: it is none. */
static bool take_hex(char **p, char *ret)
{
    int high = **p == 'x' ? hex((*p)[1]) : -1, low = high < 0 ? -1 : hex((*p)[2]);

    if (low < 0)
        return false;
    *ret = (char)(high * 16 + low);
    *p += 3;
    return true;
}

/* Takes one word from *p to `to`, which is never behind it.  False: its quote does not end. */
static bool take_word(char **p, char **to, bool *ret_variable)
{
    char quote = '\0', c;

    while (**p != '\0' && (quote || !strchr(" \t\r#", **p))) {
        c = *(*p)++;
        if (c == '\\' && quote != '\'') {
            if (!take_hex(p, &c))
                c = escaped(p);
            *(*to)++ = c;
        } else if (c == quote) {
            quote = '\0';
        } else if (!quote && (c == '"' || c == '\'')) {
            quote = c;
        } else {
            *ret_variable = *ret_variable || (c == '$' && quote == '"');
            *(*to)++ = c;
        }
    }
    return quote == '\0';
}

int cfg_words_split(char *line, struct cfg_words *ret, const char **ret_why)
{
    char *p = line, *to = line, *word;
    bool more;

    *ret = (struct cfg_words){.n = 0};
    while (p += strspn(p, " \t\r"), *p != '\0' && *p != '#') {
        if (ret->n == CFG_WORDS) {
            *ret_why = "the line has more than 64 words";
            return QHCP_E_FULL;
        }
        word = to;
        if (!take_word(&p, &to, &ret->variable)) {
            *ret_why = "the line has a quote that does not end";
            return QHCP_E_PARSE;
        }
        more = *p != '\0' && *p != '#';
        if (more)
            p++; /* `to` may stand on the blank */
        *to++ = '\0';
        ret->at[ret->n++] = word;
        if (!more)
            break;
    }
    return 0;
}
