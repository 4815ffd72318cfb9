/* The fleet, for every part of the process: one thread writes it, any thread reads it.
 *
 * In: servers by name and what is known of each; out: immutable snapshots (snapshot.h), a log of
 * changes (ring.h) and wake-ups (reader.h); wishes come back the other way (wish.h).
 *
 * The writer changes entries as often as it likes and publishes once, at the end of its turn: a
 * turn is one snapshot, whatever happened in it.  It waits for nobody: no lock, and what readers
 * hold is freed by the first publication after they let go of it.  All functions here are the
 * writer's. */
#ifndef QHCP_FLEET_FEED_H
#define QHCP_FLEET_FEED_H

#include "base/slots.h"
#include "fleet/reader.h"
#include "fleet/ring.h"
#include "fleet/snapshot.h"
#include "fleet/wish.h"

struct named; /* a server by its name */

#define FEED_SPARE 64 /* chunks: 1.2 MB */

struct feed {
    _Alignas(FEED_LINE) _Atomic(struct fleet_snapshot *) current;
    _Atomic uint64_t version; /* current's, for readers that are about to sleep */
    struct ring *ring;        /* what current->seq includes is told */
    struct feed_reader readers[FEED_READERS];
    _Atomic uint32_t n_readers; /* those from it on were never opened */
    struct wish_queue wishes;

    /* The writer's: the next snapshot. */
    struct fleet_snapshot *next; /* its list of chunks; room for cap_chunks */
    size_t cap_chunks;
    uint64_t *dirty;        /* by chunk: a bit for each slot that has changed */
    uint32_t *dirty_chunks; /* the chunks of which some bit is set */
    size_t n_dirty;
    bool changed;       /* there is something to publish */
    struct block *dead; /* what current names and the next one does not */
    /* Chunks that nobody needs any more, for the next ones.  On the heap they would leave holes
     * that small blocks fill up, so that in a storm each publication would take new memory. */
    struct block *spare;
    size_t n_spare; /* FEED_SPARE at most */
    struct named *by_name;
    struct slots slots;
    unsigned panic_percent; /* feed_panic */
    enum qhcp_use panic_use;
    uint32_t held_told, held_most; /* of the brake, which holds some: in its newest change, ever */
};

/* ring: how many changes are kept, a power of two; 0: FLEET_RING.  QHCP_E_NOMEM, QHCP_E_IO. */
int feed_new(size_t ring, struct feed **ret);
/* No thread has a reader of it any more. */
void feed_free(struct feed *f);

/* A server of this name, its identity and label, from now on: the operator's weight is 1, and
 * nothing is known of it.  QHCP_E_EXISTS: *ret_slot is the one that has this name.  QHCP_E_NOMEM.
 */
int feed_add(struct feed *f, const char *name, uint32_t *ret_slot);
/* QHCP_E_NOMEM: it is still there. */
int feed_remove(struct feed *f, uint32_t slot);
/* QHCP_E_NOT_FOUND. */
int feed_find(const struct feed *f, const char *name, uint32_t *ret_slot);

/* The entry of that slot as it is to be published next; write into it until feed_publish.  Its
 * texts are changed by feed_text, and what follows (entry_follow) is not the caller's.  NULL: there
 * is no memory. */
struct fleet_entry *feed_change(struct feed *f, uint32_t slot);
/* The same, to be looked at only; valid until the next function here is called. */
const struct fleet_entry *feed_at(const struct feed *f, uint32_t slot);

/* QHCP_E_NOMEM: the text is as it was. */
int feed_text(struct feed *f, struct fleet_entry *e, enum fleet_text which, const char *words);
int feed_bytes(struct feed *f, struct fleet_entry *e, enum fleet_text which, const void *p,
               size_t n);

/* Adds to the log; it is told with the next publication.  change->seq is ignored. */
void feed_tell(struct feed *f, const struct fleet_change *change);

/* The load balancer's own figures, to be published next; n, by_state and use are not the caller's.
 */
struct fleet_self *feed_self(struct feed *f);
/* When it is panic (panic_next's percent), and what follows. */
void feed_panic(struct feed *f, unsigned percent, enum qhcp_use use);

/* feed_publish's: what follows for all servers together is found, and told. */
void feed_judge(struct feed *f, qhcp_nsec now, int64_t wall_ms);

/* Publishes what has changed, if anything has: what follows is found, panic is judged, readers that
 * sleep are woken, answers to wishes are sent.  QHCP_E_NOMEM: it is published the next time. */
int feed_publish(struct feed *f, qhcp_nsec now, int64_t wall_ms);

/* The newest snapshot, valid until the next feed_publish. */
const struct fleet_snapshot *feed_current(const struct feed *f);

#endif
