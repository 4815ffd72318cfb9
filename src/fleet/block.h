/* Memory that a published snapshot may name: it does not change any more once it is published, and
 * lives until nobody holds a snapshot that names it.  Which snapshots those are, two numbers say:
 * a block is named by the publications from `born` on, until one retires it (snapshot.h). */
#ifndef QHCP_FLEET_BLOCK_H
#define QHCP_FLEET_BLOCK_H

#include <stddef.h>
#include <stdint.h>

struct block {
    struct block *next; /* among those that are retired */
    uint64_t born : 63; /* the first publication that names it */
    uint64_t chunk : 1; /* it is a struct fleet_chunk */
};

/* Words, or other bytes; a NUL follows them that n does not count. */
struct fleet_bytes {
    struct block block;
    size_t n;
    char at[];
};

/* "" for NULL. */
static inline const char *block_words(const struct fleet_bytes *b)
{
    return b ? b->at : "";
}

#endif
