/* Servers leave the list, many in one go: the others move up once, however many have left.
 *
 * In: backends that are listed; out: their announcements, while all indexes are as before, then
 * TERMINATE to each, and its end. */
#ifndef QHCP_LB_REMOVAL_H
#define QHCP_LB_REMOVAL_H

#include <stddef.h>

#include "base/time.h"

struct backend;
struct qhcp_lb;

/* Zeroed: none leaves. */
struct removal {
    size_t first, last; /* all that leave are between them, and are unlisted */
    size_t n;
};

/* b leaves: from now on nobody finds it by its address. */
void removal_add(struct removal *r, struct backend *b);
/* All of them are gone.  At least one was added, and nothing else has happened to lb since. */
void removal_end(const struct removal *r, struct qhcp_lb *lb, qhcp_nsec now);

#endif
