#include "base/slots.h"

#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#define SLOTS_FIRST 16

int slots_take(struct slots *s, void *what, size_t *ret)
{
    size_t i = s->first, n = s->n ? 2 * s->n : SLOTS_FIRST;
    void **grown;

    while (i < s->n && s->at[i])
        i++;
    if (i == s->n) {
        grown = realloc(s->at, n * sizeof *grown);
        if (!grown)
            return QHCP_E_NOMEM;
        memset(grown + i, 0, (n - i) * sizeof *grown);
        s->at = grown;
        s->n = n;
    }
    s->at[i] = what;
    s->first = i + 1;
    *ret = i;
    return 0;
}

void slots_give_back(struct slots *s, size_t number)
{
    s->at[number] = NULL;
    if (number < s->first)
        s->first = number;
}

void slots_deinit(struct slots *s)
{
    free(s->at);
    *s = (struct slots){0};
}
