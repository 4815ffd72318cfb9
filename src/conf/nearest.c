#include "conf/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MOST 40

static unsigned min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static int letter(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

/* The three newest rows of the table of Damerau and Levenshtein, for the first i letters of a. */
static void fill(const char *a, size_t i, const char *b, size_t n, unsigned row[3][MOST + 1])
{
    unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *two = row[(i + 1) % 3];

    now[0] = (unsigned)i;
    for (size_t k = 1; k <= n; k++) {
        int x = letter(a[i - 1]), y = letter(b[k - 1]);

        now[k] = min(min(now[k - 1], before[k]) + 1, before[k - 1] + (x != y));
        if (i > 1 && k > 1 && x == letter(b[k - 2]) && y == letter(a[i - 2]))
            now[k] = min(now[k], two[k - 2] + 1);
    }
}

unsigned nearest_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned row[3][MOST + 1];

    if (n > MOST || m > MOST)
        return MOST;
    for (size_t k = 0; k <= m; k++)
        row[0][k] = (unsigned)k;
    for (size_t i = 1; i <= n; i++)
        fill(a, i, b, m, row);
    return row[n % 3][m];
}

void nearest_offer(struct nearest *n, const char *name)
{
    const char *word = n->word + strspn(n->word, "-");
    unsigned distance = nearest_distance(word, name), most = (unsigned)strlen(name) / 3;

    if (distance > min(most > 0 ? most : 1, 3) || (n->name && distance >= n->distance))
        return;
    n->name = name;
    n->distance = distance;
}

const char *nearest_words(const struct nearest *n, char ret[NEAREST_WORDS])
{
    ret[0] = '\0';
    if (n->name)
        snprintf(ret, NEAREST_WORDS, ": did you mean \"%s\"?", n->name);
    return ret;
}
