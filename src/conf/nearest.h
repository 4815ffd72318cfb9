/* "did you mean ...": the name that somebody most likely wanted to write. */
#ifndef QHCP_CONF_NEAREST_H
#define QHCP_CONF_NEAREST_H

#include <stddef.h>

/* How many letters are to be added, taken away, changed or exchanged with their neighbour to make b
 * of a; '_' and '-' are the same, and so are small and capital letters.  Of more than 40 letters:
 * 40. */
unsigned nearest_distance(const char *a, const char *b);

/* One that is looked for. */
struct nearest {
    const char *word;
    const char *name; /* the nearest so far; NULL: none is near */
    unsigned distance;
};

/* Offers a name. */
void nearest_offer(struct nearest *n, const char *name);

/* ": did you mean \"NAME\"?", or "". */
#define NEAREST_WORDS 80
const char *nearest_words(const struct nearest *n, char ret[NEAREST_WORDS]);

#endif
