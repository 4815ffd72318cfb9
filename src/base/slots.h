/* Small numbers for things that come and go: each has one of its own while it is there, and the
 * smallest free one is given next, so that they stay dense. */
#ifndef QHCP_BASE_SLOTS_H
#define QHCP_BASE_SLOTS_H

#include <stddef.h>

/* All 0 is empty. */
struct slots {
    void **at;    /* by number; NULL: free */
    size_t n;     /* numbers there are, given or free */
    size_t first; /* none below it is free */
};

/* Gives what (not NULL) a number.  QHCP_E_NOMEM: nothing has changed. */
int slots_take(struct slots *s, void *what, size_t *ret);
void slots_give_back(struct slots *s, size_t number);
void slots_deinit(struct slots *s);

#endif
