/* A text that is kept for long and is mostly "", or much shorter than it may be: it takes memory as
 * long as it ever was.  So one that changes often allocates seldom. */
#ifndef QHCP_BASE_KEPT_H
#define QHCP_BASE_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define KEPT_STEP 32 /* bytes: what is allocated is a multiple of it */

/* Zeroed: "".  Embed it by value; kept_deinit frees it. */
struct kept {
    char *text; /* NULL: "" */
    size_t cap;
};

/* Never NULL; until the next call that changes it. */
static inline const char *kept_text(const struct kept *k)
{
    return k->text != NULL ? k->text : "";
}

static inline bool kept_empty(const struct kept *k)
{
    return k->text == NULL || k->text[0] == '\0';
}

/* Keeps a copy of this text, at most cap - 1 bytes of it; `text` may be k's own.  Without memory it
 * is "" from then on. */
void kept_set(struct kept *k, const char *text, size_t cap);
/* The same, from a slice, as slice_to_cstr. */
void kept_set_slice(struct kept *k, struct slice text, size_t cap);
/* A copy in ret. */
void kept_copy(const struct kept *k, char *ret, size_t cap);
void kept_deinit(struct kept *k);

#endif
