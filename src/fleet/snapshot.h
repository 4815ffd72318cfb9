/* An immutable picture of the fleet.
 *
 * Servers are in chunks by their slot.  A publication copies the chunks that have changed and
 * shares the others with the picture before, so its cost follows what has changed; in addition it
 * copies the list of chunks (16 bytes for 64 servers).
 *
 * Whoever holds one (reader.h) may read it from any thread as long as it likes. */
#ifndef QHCP_FLEET_SNAPSHOT_H
#define QHCP_FLEET_SNAPSHOT_H

#include "fleet/entry.h"

#define FLEET_CHUNK 64

struct fleet_chunk {
    struct block block; /* born: the publication that changed it last */
    struct fleet_entry at[FLEET_CHUNK];
};

struct fleet_snapshot {
    uint64_t version; /* the number of the publication, ascending from 1 */
    uint64_t seq;     /* of the newest change in the log that it includes (ring.h) */
    qhcp_nsec at;     /* when it was published: monotonic, and in unix milliseconds */
    int64_t at_ms;
    struct fleet_self self;
    uint32_t slots; /* every server's slot is below it */

    /* The publisher's. */
    struct fleet_snapshot *older; /* among those that live */
    struct block *dead;           /* what it names, and no newer one that lives */

    size_t n_chunks;
    struct {
        const struct fleet_chunk *chunk;
        uint64_t version; /* chunk->block.born, where it can be read without a cache miss */
    } chunks[];
};

/* The server in this slot, or NULL. */
const struct fleet_entry *snapshot_at(const struct fleet_snapshot *s, uint32_t slot);

/* The first server from slot *at on, whose slot *at becomes; NULL: there is no more.
 *
 *     for (uint32_t at = 0; (e = snapshot_next(s, &at)); at++)
 */
const struct fleet_entry *snapshot_next(const struct fleet_snapshot *s, uint32_t *at);

/* The same of slots that have changed in publications after `version`: text[FLEET_NAME] is NULL
 * where a server has gone.  Costs by what changed: a comparison for 64 servers that did not. */
const struct fleet_entry *snapshot_changed(const struct fleet_snapshot *s, uint64_t version,
                                           uint32_t *at);

/* The server of this name or label, or NULL; looks at all of them. */
const struct fleet_entry *snapshot_find(const struct fleet_snapshot *s, const char *name,
                                        uint32_t *ret_slot);

#endif
