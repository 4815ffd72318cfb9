#include "base/kept.h"

#include <stdlib.h>
#include <string.h>

void kept_set_slice(struct kept *k, struct slice text, size_t cap)
{
    size_t n = text.n < cap ? text.n : cap - 1, room = (n / KEPT_STEP + 1) * KEPT_STEP;
    char *copy = k->text;

    if (n > 0 && n >= k->cap)
        copy = malloc(room);
    if (copy == NULL) { /* there is nothing to keep, or no memory for it */
        kept_deinit(k);
        return;
    }
    if (n > 0)
        memmove(copy, text.p, n);
    copy[n] = '\0';
    if (copy == k->text)
        return;
    free(k->text);
    *k = (struct kept){.text = copy, .cap = room};
}

void kept_set(struct kept *k, const char *text, size_t cap)
{
    kept_set_slice(k, slice_str(text), cap);
}

void kept_copy(const struct kept *k, char *ret, size_t cap)
{
    slice_to_cstr(slice_str(kept_text(k)), ret, cap);
}

void kept_deinit(struct kept *k)
{
    free(k->text);
    *k = (struct kept){0};
}
